//! Bad input at the hospital's door, over a real connection to a node in a process of its own: each
//! kind gets a clear OperationOutcome that repeats nothing of what was sent, the node answers on,
//! and its memory stays within bounds.

use std::fmt::Write as _;

use federation_service::clock::Stopwatch;
use futures_util::future::join_all;
use musubi_node::identity::Role;
use reqwest::{Client, Method, Url};
use scenarios::{Hospital, Store, Town};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::program;

/// Stands in what is sent, and never in what is answered.
const SECRET: &str = "花子";
/// The most that the node may ever hold: many times less than the bombs would make of it.
const MOST_MEMORY: u64 = 640 << 20;
const A_HUNDRED_MEGABYTES: usize = 100 << 20;

/// What is sent, and the status and issue code that it must get.
struct Bad {
    name: &'static str,
    method: Method,
    path: String,
    kind: &'static str,
    body: Vec<u8>,
    header: Option<(&'static str, &'static str)>,
    status: u16,
    code: &'static str,
}

const FHIR: &str = "application/fhir+json";
const FORM: &str = "application/x-www-form-urlencoded";

impl Bad {
    fn posted(name: &'static str, body: impl Into<Vec<u8>>, code: &'static str) -> Self {
        Self {
            name,
            method: Method::POST,
            path: "Patient".to_owned(),
            kind: FHIR,
            body: body.into(),
            header: None,
            status: 400,
            code,
        }
    }

    fn asked(name: &'static str, path: impl Into<String>, code: &'static str) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            ..Self::posted(name, "", code)
        }
    }

    fn with(self, method: Method, path: &str) -> Self {
        let path = path.to_owned();
        Self {
            method,
            path,
            ..self
        }
    }

    fn gets(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

fn person(inside: &str) -> String {
    format!("{{\"resourceType\":\"Patient\",\"name\":[{{\"text\":\"{SECRET}\"}}],{inside}}}")
}

/// Bodies that are small, and would be large.
fn bombs() -> Vec<Bad> {
    let deep = |open: &str, close: &str| {
        person(&format!(
            "\"x\":{}1{}",
            open.repeat(100_000),
            close.repeat(100_000)
        ))
    };
    let wide = format!("\"x\":[{}0]", "[],".repeat(5_000_000));
    let names = (0..100_000).fold(String::new(), |mut names, number| {
        let _ = write!(names, "\"m{number}\":0,");
        names
    });
    vec![
        Bad::posted("deep arrays", deep("[", "]"), "structure"),
        Bad::posted("deep objects", deep("{\"a\":", "}"), "structure"),
        Bad::posted("a huge array", person(&wide), "structure"),
        Bad::posted(
            "many names",
            person(&format!("{names}\"z\":0")),
            "structure",
        ),
    ]
}

fn not_json() -> Vec<Bad> {
    let invalid = person("\"x\":\"\u{1}\"").replace('\u{1}', "");
    let mut latin = invalid.clone().into_bytes();
    latin.splice(latin.len() - 2..latin.len() - 2, [0xff, 0xfe]);
    vec![
        Bad::posted("nothing", "", "structure"),
        Bad::posted("no JSON", SECRET, "structure"),
        Bad::posted("an array", format!("[\"{SECRET}\"]"), "structure"),
        Bad::posted("cut off", format!("{{\"a\":\"{SECRET}"), "structure"),
        Bad::posted(
            "a name twice",
            person("\"id\":\"1\",\"id\":\"2\""),
            "structure",
        ),
        Bad::posted("bytes that are no UTF-8", latin, "structure"),
        Bad::posted("a lone surrogate", person("\"x\":\"\\ud800\""), "structure"),
        Bad::posted("a number too large", person("\"x\":1e999999"), "structure"),
    ]
}

fn malformed_searches() -> Vec<Bad> {
    let many = vec!["a"; 10_000].join(",");
    let of = |query: &str| format!("Observation?{query}");
    let form = Bad {
        kind: FORM,
        body: format!("code={many}").into_bytes(),
        ..Bad::asked("10 000 values in a form", "", "invalid")
    };
    vec![
        Bad::asked("no date", "Patient?birthdate=tomorrow", "invalid"),
        Bad::asked("a 13th month", "Patient?birthdate=2026-13-01", "invalid"),
        Bad::asked(
            "a 30th of February",
            "Patient?birthdate=2026-02-30",
            "invalid",
        ),
        Bad::asked("a prefix alone", "Patient?birthdate=ge", "invalid"),
        Bad::asked("no such prefix", of("date=xx2026"), "invalid"),
        Bad::asked("two prefixes", of("date=gege2026"), "invalid"),
        Bad::asked(
            "a prefix before a unit",
            of("value-quantity=gt|u|mg"),
            "invalid",
        ),
        Bad::asked("a prefix before an id", of("_lastUpdated=gtx"), "invalid"),
        Bad::asked("an unknown modifier", "Patient?name:sounds=x", "invalid"),
        Bad::asked("another type's modifier", of("date:exact=2026"), "invalid"),
        Bad::asked("an unknown parameter", "Patient?colour=red", "invalid"),
        Bad::asked("an empty value", of("code=a,,b"), "invalid"),
        Bad::asked("10 000 values", of(&format!("code={many}")), "invalid"),
        form.with(Method::POST, "Observation/_search"),
        Bad::asked(
            "100 parameters",
            of(&vec!["code=a"; 100].join("&")),
            "invalid",
        ),
        Bad::asked("a cursor of nobody's", of("_cursor=mine"), "invalid"),
        Bad::asked("a count of none", of("_count=-1"), "invalid"),
        Bad::asked(
            "a parameter of a read",
            "Patient/hana?name=x",
            "not-supported",
        ),
    ]
}

fn wrong_addresses() -> Vec<Bad> {
    let long = "a".repeat(65);
    let put = |name, path: String| Bad {
        method: Method::PUT,
        ..Bad {
            body: person("\"id\":\"x\"").into_bytes(),
            ..Bad::asked(name, path, "invalid")
        }
    };
    vec![
        Bad::asked("an id with a space", "Patient/a%20b", "invalid"),
        Bad::asked("an id that is no UTF-8", "Patient/%FF", "invalid"),
        Bad::asked("an id with a zero", "Patient/a%00b", "invalid"),
        Bad::asked("a directive's id", "Consent/%FF", "not-found").gets(404),
        put("an id with an underscore", "Patient/a_b".to_owned()),
        put("an id of 65 letters", format!("Patient/{long}")),
        put("another id in the body", "Patient/y".to_owned()),
        Bad::asked("no such type", "Unicorn/1", "not-supported").gets(404),
        Bad::asked("nobody", "Patient/nobody", "not-found").gets(404),
    ]
}

fn conflicts() -> Vec<Bad> {
    let body = || person("\"id\":\"hana\"").into_bytes();
    let stale = Bad {
        body: body(),
        header: Some(("if-match", "W/\"7\"")),
        ..Bad::asked("a stale version", "", "conflict")
    };
    let no_tag = Bad {
        body: body(),
        header: Some(("if-match", "seven")),
        ..Bad::asked("no version", "", "invalid")
    };
    let packed = Bad {
        header: Some(("content-encoding", "gzip")),
        ..Bad::posted("a packed body", person("\"x\":1"), "not-supported")
    };
    let xml = Bad {
        kind: "application/fhir+xml",
        ..Bad::posted("XML", "<Patient/>", "not-supported")
    };
    vec![
        stale.with(Method::PUT, "Patient/hana").gets(412),
        no_tag.with(Method::PUT, "Patient/hana"),
        packed.gets(415),
        xml.gets(415),
        Bad::asked("an XML answer", "Patient?_format=xml", "not-supported").gets(406),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_outcome_and_costs_little_memory() {
    for store in Store::each() {
        let watch = Stopwatch::start();
        let mut town = Town::in_real_time(&["minato"], store).await;
        let token = town.at("minato").token(Role::System, "his").await;
        town.at_mut("minato").stop().await;
        let process = program().serve(town.at("minato")).await;
        let desk = Desk::at(town.at("minato"), token);
        desk.put_hana().await;

        let mut sent = 0;
        for bad in [
            not_json(),
            malformed_searches(),
            wrong_addresses(),
            conflicts(),
        ]
        .into_iter()
        .flatten()
        {
            desk.refuses(&bad).await;
            sent += 1;
        }
        // Each bomb four times at once.
        for bomb in bombs() {
            join_all([&bomb; 4].map(|bomb| desk.refuses(bomb))).await;
            sent += 4;
        }
        join_all([(); 4].map(|()| desk.refuses_a_hundred_megabytes())).await;
        desk.takes_what_is_only_strange().await;

        let peak = process.peak_bytes();
        println!(
            "{store:?}: {sent} kinds of bad input and four bodies of 100 MB in {:.1?}; the node \
             never held more than {} MiB",
            watch.elapsed(),
            peak.map_or(0, |bytes| bytes >> 20)
        );
        assert!(peak.is_none_or(|bytes| bytes < MOST_MEMORY), "{peak:?}");
        process.kill_nine();
        town.stop().await;
    }
}

/// A system at the hospital's door.
struct Desk {
    client: Client,
    address: std::net::SocketAddr,
    token: String,
}

impl Desk {
    fn at(hospital: &Hospital, token: String) -> Self {
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            address: hospital.config().hospital.bind,
            token,
        }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}/fhir/{path}", self.address)).unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method, self.url(path));
        let request = request.bearer_auth(&self.token);
        let request = request.header("content-type", FHIR);
        let reply = request.body(body.to_string()).send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    async fn put_hana(&self) {
        let hana = json!({"resourceType": "Patient", "id": "hana"});
        let (status, _) = self.send(Method::PUT, "Patient/hana", &hana).await;
        assert_eq!(status, 201);
    }

    async fn refuses(&self, bad: &Bad) {
        let request = self.client.request(bad.method.clone(), self.url(&bad.path));
        let mut request = request.bearer_auth(&self.token);
        if !bad.body.is_empty() || bad.method != Method::GET {
            request = request.header("content-type", bad.kind);
        }
        if let Some((name, value)) = bad.header {
            request = request.header(name, value);
        }
        let reply = request.body(bad.body.clone()).send().await.unwrap();
        let status = reply.status().as_u16();
        let kind = reply.headers().get("content-type").cloned();
        let text = reply.text().await.unwrap();
        assert_eq!(status, bad.status, "{}: {text}", bad.name);
        let kind = kind.unwrap_or_else(|| panic!("{}: no media type", bad.name));
        assert!(kind.to_str().unwrap().starts_with(FHIR), "{}", bad.name);
        is_clear(bad.name, &text, bad.code);
    }

    /// Sends until the answer comes, which is long before the end.
    async fn refuses_a_hundred_megabytes(&self) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let head = format!(
            "POST /fhir/Patient HTTP/1.1\r\nhost: minato\r\nauthorization: Bearer {}\r\n\
             content-type: {FHIR}\r\ncontent-length: {A_HUNDRED_MEGABYTES}\r\n\r\n",
            self.token
        );
        let sending = tokio::spawn(async move {
            write.write_all(head.as_bytes()).await.unwrap();
            write
                .write_all(b"{\"resourceType\":\"Patient\",\"x\":\"")
                .await
                .unwrap();
            let chunk = vec![b'y'; 1 << 16];
            // It may hang up in the middle.
            while write.write_all(&chunk).await.is_ok() {}
        });
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        let whole = |answer: &[u8]| {
            let text = String::from_utf8_lossy(answer).into_owned();
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
            body.is_some_and(|body| serde_json::from_str::<Value>(body).is_ok())
        };
        while !whole(&answer) {
            let taken = read.read(&mut chunk).await.unwrap();
            assert!(taken > 0, "hung up: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&chunk[..taken]);
        }
        sending.abort();
        let text = String::from_utf8(answer).unwrap();
        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        is_clear("100 MB", body, "too-long");
    }

    /// What looks wrong and is not.
    async fn takes_what_is_only_strange(&self) {
        // References to nowhere, and in a circle.
        let result = |me: &str, other: &str| {
            let resource = json!({
                "resourceType": "Observation", "status": "final", "code": {"text": "x"},
                "subject": {"reference": "Patient/nowhere"},
                "hasMember": [{"reference": other}]
            });
            let request = json!({"method": "POST", "url": "Observation"});
            json!({"fullUrl": me, "resource": resource, "request": request})
        };
        let (one, two) = (
            "urn:uuid:0f7e2b1c-0000-4000-8000-000000000001",
            "urn:uuid:0f7e2b1c-0000-4000-8000-000000000002",
        );
        let entries = [
            result(one, two),
            result(two, one),
            result("urn:x:3", "urn:x:3"),
        ];
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let (status, answer) = self.send(Method::POST, "", &bundle).await;
        assert_eq!(status, 200, "{answer}");
        // Around the circle and no further.
        let path = "Observation?_include:iterate=Observation:has-member&_count=1";
        let (status, found) = self.send(Method::GET, path, &Value::Null).await;
        assert_eq!(status, 200, "{found}");
        // A prefix where none can be is part of the value.
        for path in [
            "Patient?gender=gt5",
            "Patient?name=ge2026",
            "Patient?_id=ne1",
        ] {
            let (status, found) = self.send(Method::GET, path, &Value::Null).await;
            assert_eq!((status, found.get("entry")), (200, None), "{path}");
        }
    }
}

/// An OperationOutcome that says what is wrong and nothing of what was sent.
fn is_clear(name: &str, text: &str, code: &str) {
    let outcome: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: {text}"));
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{name}");
    let issue = &outcome["issue"][0];
    assert_eq!(
        (&issue["severity"], &issue["code"]),
        (&json!("error"), &json!(code)),
        "{name}: {text}"
    );
    let said = issue["diagnostics"].as_str().unwrap_or_default();
    assert!(said.len() > 8, "{name}: {text}");
    assert!(
        text.len() < 2_000 && !text.contains(SECRET),
        "{name}: {text}"
    );
}
