//! Somebody who writes an endpoint, a status URI, a redirect or a DNS answer tries to make a member
//! call what it must not call, or read what has no end. With a scripted resolver: nothing of this
//! leaves loopback.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Bytes, ServiceConfig};

use super::*;
use crate::loopback::{Listener, identity, identity_for, loopback_allowed};
use crate::peer_client::{EndpointError, Fetched, PeerClient, PeerFailure};
use crate::registry_client::{FirstContactError, fetch_root_by_pin};
use crate::tls::{TlsIdentity, federation_acceptor};

const DEADLINE: Duration = Duration::from_secs(5);
const CAP: usize = 1_000_000;
const NAME: &str = "minato.example";

/// A resolver that says what a test wrote, in turn; the last answer for ever.
pub(in crate::outbound) struct Script {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Script {
    fn of<const N: usize>(answers: [Vec<IpAddr>; N]) -> Arc<Self> {
        Arc::new(Self {
            answers: answers.into(),
            asked: AtomicUsize::new(0),
        })
    }

    pub(in crate::outbound) fn answer(&self, name: &str, port: u16) -> Vec<std::net::SocketAddr> {
        assert_eq!(name, NAME);
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = &self.answers[turn.min(self.answers.len() - 1)];
        answer.iter().map(|ip| (*ip, port).into()).collect()
    }
}

/// Counts who connects to it; says nothing.
struct Trap {
    port: u16,
    caught: Arc<AtomicUsize>,
}

impl Trap {
    fn at(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind((host, port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let caught = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&caught);
        std::thread::spawn(move || {
            for _connection in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, caught }
    }

    fn caught(&self) -> usize {
        self.caught.load(Ordering::SeqCst)
    }
}

fn client(endpoint: &str, shown: &TlsIdentity, rules: &OutboundRules) -> PeerClient {
    let named = [shown.certificate().unwrap()];
    PeerClient::new(endpoint, &named, &identity(), rules, CAP).unwrap()
}

async fn failure_of(client: &PeerClient, path: &str) -> PeerFailure {
    client.get(path, None, DEADLINE).await.unwrap_err()
}

#[tokio::test]
async fn no_endpoint_leads_to_an_inner_address() {
    assert!(INNER.len() >= 40);
    let rules = OutboundRules::default();
    let named = [identity().certificate().unwrap()];
    for spelling in INNER {
        for endpoint in [
            format!("https://{spelling}"),
            format!("https://{spelling}:8443"),
        ] {
            let made = PeerClient::new(&endpoint, &named, &identity(), &rules, CAP);
            assert!(
                matches!(
                    made.err(),
                    Some(EndpointError::Address(_) | EndpointError::Url(_))
                ),
                "{endpoint}"
            );
            let fetched = fetch_root_by_pin(&endpoint, &rules, DEADLINE).await;
            assert!(
                matches!(fetched, Err(FirstContactError::Endpoint(_))),
                "{endpoint}"
            );
            assert!(probe::Target::of(&endpoint, &rules).is_err(), "{endpoint}");
        }
    }
}

#[tokio::test]
async fn no_name_leads_to_an_inner_address() {
    for spelling in INNER {
        // What a resolver could answer; the other spellings are only of URLs.
        let Ok(address) = spelling.trim_matches(['[', ']']).parse::<IpAddr>() else {
            continue;
        };
        let script = Script::of([vec![address]]);
        let rules = OutboundRules::default().with_names(Arc::clone(&script));
        let shown = identity_for(NAME);
        let client = client("https://minato.example:8443", &shown, &rules);
        let failure = failure_of(&client, "/").await;
        assert!(
            matches!(failure, PeerFailure::AddressRefused(_)),
            "{spelling}: {failure:?}"
        );
        assert!(script.asked.load(Ordering::SeqCst) > 0, "{spelling}");
        let target = probe::Target::of("https://minato.example:8443", &rules).unwrap();
        assert!(target.resolve(&rules).await.is_err(), "{spelling}");
    }
}

#[tokio::test]
async fn no_status_uri_leads_away_from_its_issuers_endpoint() {
    let theirs = identity_for(NAME);
    let client = client(
        "https://minato.example:8443",
        &theirs,
        &OutboundRules::default(),
    );
    for spelling in INNER {
        for uri in [
            format!("https://{spelling}/status/1"),
            format!("https://{spelling}:8443/status/1"),
            format!("https://minato.example:8443@{spelling}/status/1"),
            format!("https://minato.example:8443.{spelling}/status/1"),
            format!("http://{spelling}/status/1"),
        ] {
            assert_eq!(client.path_of(&uri), None, "{uri}");
        }
    }
    assert_eq!(
        client.path_of("https://minato.example:8443/status/1"),
        Some("/status/1")
    );
}

fn redirects(to: &str) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let to = to.to_owned();
    move |routes| {
        let to = web::Data::new(to.clone());
        routes.app_data(to).route(
            "/{status}/{spelling}",
            web::get().to(
                |asked: web::Path<(u16, usize)>, port: web::Data<String>| async move {
                    let (status, spelling) = asked.into_inner();
                    let place = format!("https://{}:{}/", INNER[spelling], port.as_str());
                    // What is no header at all is spelled otherwise.
                    let place = place.replace("１２７", "127");
                    HttpResponse::build(StatusCode::from_u16(status).unwrap())
                        .insert_header((header::LOCATION, place))
                        .finish()
                },
            ),
        );
    }
}

#[tokio::test]
async fn no_redirect_is_followed_to_an_inner_address_or_anywhere() {
    let trap = Trap::at("127.0.0.1", 0);
    let theirs = identity();
    let listener = Listener::start(
        federation_acceptor(&theirs).unwrap(),
        redirects(&trap.port.to_string()),
    );
    // Loopback is even allowed here: it is the redirect that is refused.
    let client = client(&listener.endpoint(), &theirs, &loopback_allowed());
    for status in [301, 302, 303, 307, 308] {
        for (number, spelling) in INNER.iter().enumerate() {
            let failure = failure_of(&client, &format!("/{status}/{number}")).await;
            assert_eq!(failure, PeerFailure::Status(status), "{spelling}");
        }
    }
    assert_eq!(trap.caught(), 0);
}

/// The listener is what a test calls public: 127.0.0.1 is allowed, 127.0.0.2 is an inner address.
fn rebinding<const N: usize>(answers: [Vec<IpAddr>; N]) -> (Listener, Trap, PeerClient) {
    let theirs = identity_for(NAME);
    let routes = |routes: &mut ServiceConfig| {
        let close = || async { HttpResponse::Ok().force_close().body("public") };
        routes.route("/", web::get().to(close));
    };
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let port = listener.address.port();
    let trap = Trap::at("127.0.0.2", port);
    let rules = OutboundRules::new(["127.0.0.1".parse().unwrap()]).with_names(Script::of(answers));
    let client = client(&format!("https://{NAME}:{port}"), &theirs, &rules);
    (listener, trap, client)
}

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const REBOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

#[tokio::test]
async fn a_name_that_is_public_first_and_inner_next_is_refused_the_second_time() {
    let (_listener, trap, client) = rebinding([vec![PUBLIC], vec![REBOUND]]);
    assert!(client.get("/", None, DEADLINE).await.is_ok());
    assert!(matches!(
        failure_of(&client, "/").await,
        PeerFailure::AddressRefused(_)
    ));
    assert_eq!(trap.caught(), 0);
}

#[tokio::test]
async fn of_a_public_and_an_inner_address_only_the_public_one_is_called() {
    let (_listener, trap, client) = rebinding([vec![REBOUND, PUBLIC]]);
    for _ in 0..3 {
        assert!(client.get("/", None, DEADLINE).await.is_ok());
    }
    assert_eq!(trap.caught(), 0);
}

#[tokio::test]
async fn a_document_comes_straight() {
    let theirs = identity();
    let routes = |routes: &mut ServiceConfig| {
        routes.route("/", web::get().to(|| async { "straight" }));
    };
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let client = client(&listener.endpoint(), &theirs, &loopback_allowed());
    assert!(client.get("/", None, DEADLINE).await.is_ok());
}

#[test]
fn no_proxy_of_the_environment_is_asked() {
    let trap = Trap::at("127.0.0.1", 0);
    let proxy = format!("http://127.0.0.1:{}", trap.port);
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args([
        "--exact",
        "outbound::tests::forgery::a_document_comes_straight",
    ]);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        again.env(name, &proxy).env(name.to_lowercase(), &proxy);
    }
    let done = again.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(trap.caught(), 0);
}

#[tokio::test]
async fn a_compressed_bomb_is_not_unpacked() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..256 {
        packer.write_all(&[0; 1024 * 1024]).unwrap();
    }
    let bomb = Bytes::from(packer.finish().unwrap());
    assert!(bomb.len() < CAP, "{}", bomb.len());
    let theirs = identity();
    let served = bomb.clone();
    let routes = move |routes: &mut ServiceConfig| {
        let served = served.clone();
        let answer = move || {
            let served = served.clone();
            async move {
                let coding = (header::CONTENT_ENCODING, "gzip");
                HttpResponse::Ok().insert_header(coding).body(served)
            }
        };
        routes.route("/", web::get().to(answer));
    };
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let client = client(&listener.endpoint(), &theirs, &loopback_allowed());
    let Fetched::Document { body, .. } = client.get("/", None, DEADLINE).await.unwrap() else {
        panic!("not modified");
    };
    assert_eq!(body, bomb);
}

#[tokio::test]
async fn an_endless_body_is_read_up_to_the_cap() {
    let theirs = identity();
    let routes = |routes: &mut ServiceConfig| {
        let endless = || async {
            let chunk = Ok::<_, actix_web::Error>(Bytes::from_static(&[b'x'; 16 * 1024]));
            HttpResponse::Ok().streaming(futures_util::stream::repeat_with(move || {
                chunk
                    .as_ref()
                    .map(Bytes::clone)
                    .map_err(|_never| actix_web::error::ErrorInternalServerError("never"))
            }))
        };
        routes.route("/", web::get().to(endless));
    };
    let listener = Listener::start(federation_acceptor(&theirs).unwrap(), routes);
    let client = client(&listener.endpoint(), &theirs, &loopback_allowed());
    assert_eq!(
        failure_of(&client, "/").await,
        PeerFailure::TooLarge { limit: CAP }
    );
}

/// A member whose TLS is right and whose HTTP is what `say` writes.
fn crooked(
    say: impl Fn(&mut openssl::ssl::SslStream<TcpStream>) -> std::io::Result<()> + Send + 'static,
) -> PeerClient {
    let theirs = identity();
    let acceptor = federation_acceptor(&theirs).unwrap().build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = acceptor.accept(stream.unwrap()) else {
                continue;
            };
            let _question = stream.read(&mut [0; 4096]);
            // It ends when the client hangs up.
            let _ended = say(&mut stream);
        }
    });
    client(&endpoint, &theirs, &loopback_allowed())
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up_at_the_deadline() {
    let client = crooked(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b"x")?;
        }
    });
    let answer = client.get("/", None, Duration::from_millis(600)).await;
    assert_eq!(answer.unwrap_err(), PeerFailure::Timeout);
}

#[tokio::test]
async fn a_body_that_drips_is_given_up_at_the_deadline() {
    let client = crooked(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
        loop {
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b"x")?;
        }
    });
    let answer = client.get("/", None, Duration::from_millis(600)).await;
    assert_eq!(answer.unwrap_err(), PeerFailure::Timeout);
}

#[tokio::test]
async fn headers_without_end_are_not_read_to_the_end() {
    for (number, line) in [
        (1, format!("x: {}", "y".repeat(8 * 1024 * 1024))),
        (100_000, "x: y\r\n".to_owned()),
    ] {
        let client = crooked(move |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            for _ in 0..number {
                stream.write_all(line.as_bytes())?;
            }
            // The head has no end: whoever would wait for it runs into the deadline.
            std::thread::sleep(DEADLINE * 2);
            Ok(())
        });
        let failure = failure_of(&client, "/").await;
        assert!(
            matches!(failure, PeerFailure::Interrupted(_)),
            "{number}: {failure:?}"
        );
    }
}
