//! The physician's screen over real hospitals: consent by a code, each hospital as it answers, nothing
//! after the person took it back, nobody else's.

use std::net::TcpListener;

use futures_util::StreamExt as _;
use musubi_node::consent::Subject;
use musubi_node::identity::Role;
use scenarios::{Hospital, Patient, Store, Town, charts};

const KINDS: [&str; 4] = ["lab", "rx", "allergy", "condition"];

/// The result of each hospital.
const VALUES: [(&str, &str); 3] = [
    ("minato", "7.11"),
    ("yukimi", "7.22"),
    ("shirakaba", "7.33"),
];

/// Hana, known at her home Minato, at Yukimi, and at Shirakaba, where the physician is.
async fn town() -> (Town, Patient) {
    let town = Town::start(&["minato", "yukimi", "shirakaba"], Store::Sqlite).await;
    for (name, percent) in VALUES {
        let chart = [
            charts::patient("hana", "佐藤", "花"),
            charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", percent),
        ];
        town.at(name).load(&chart).await;
    }
    let hana = town.person("hana", "minato", &["minato", "yukimi"]).await;
    (town, hana)
}

/// The form of the consent page, sent; status and where it leads.
async fn consents(town: &Town, hana: &Patient, token: &str) -> (u16, String) {
    let code = town.code(hana, "shirakaba", &KINDS.join(" ")).await;
    sends(town, &code, token).await
}

async fn sends(town: &Town, code: &str, token: &str) -> (u16, String) {
    let home = town.at("minato").id().to_string();
    let mut fields = vec![("code", code), ("home", home.as_str())];
    fields.extend(KINDS.map(|kind| ("category", kind)));
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let url = format!(
        "{}/c/patients/hana/consent",
        town.at("shirakaba").staff_url()
    );
    let body = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
    let reply = client
        .build()
        .unwrap()
        .post(url)
        .bearer_auth(token)
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.collect::<Vec<_>>().join("&"))
        .send()
        .await
        .unwrap();
    let to = reply
        .headers()
        .get("location")
        .map(|to| to.to_str().unwrap().to_owned());
    (reply.status().as_u16(), to.unwrap_or_default())
}

async fn queries(hospital: &Hospital) -> usize {
    let lines = hospital.audit().await;
    lines
        .iter()
        .filter(|line| line.kind == "query" && line.peer.is_some())
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_physician_sees_all_hospitals_of_a_consent_until_the_person_takes_it_back() {
    let (town, hana) = town().await;
    let shirakaba = town.at("shirakaba");
    let token = shirakaba.token(Role::Physician, "dr-1").await;
    let (status, chart) = consents(&town, &hana, &token).await;
    assert_eq!(status, 303);
    assert!(chart.starts_with("/c/grants/"), "{chart}");

    let (status, page) = shirakaba
        .get_raw(&format!("{chart}/labs?wait=1&zoom=all"), &token)
        .await;
    assert_eq!(status, 200);
    assert!(
        page.contains("3施設中3施設の結果を表示しています"),
        "{page}"
    );
    for (name, percent) in VALUES {
        assert!(page.contains(percent), "{name}: {page}");
    }
    let asked = queries(shirakaba).await;
    assert_eq!(asked, 3, "each hospital once, the own chart too");
    for tab in ["timeline", "medicines", "documents", "labs"] {
        assert_eq!(
            shirakaba.get_raw(&format!("{chart}/{tab}"), &token).await.0,
            200
        );
    }
    assert_eq!(queries(shirakaba).await, asked, "no tab asks again");

    let consents = &town.at("minato").rooms().consents;
    let person = Subject::Person(hana.person.parse().unwrap());
    for one in consents.list(person).await.unwrap() {
        if one.status == "active" {
            consents.withdraw(&one.id).await.unwrap();
        }
    }
    // The home's list is fetched anew once the copy that the asker has is too old.
    town.clock.advance(60);
    let (_, page) = shirakaba
        .get_raw(&format!("{chart}/labs?zoom=all"), &token)
        .await;
    assert!(
        page.contains("表示していた他院の情報は消去しました"),
        "{page}"
    );
    assert!(!page.contains("7.11") && !page.contains("7.22"), "{page}");
    assert!(
        page.contains("7.33"),
        "the own chart needs no consent: {page}"
    );
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_its_physicians_alone_and_a_page_no_other_roles() {
    let (town, hana) = town().await;
    let shirakaba = town.at("shirakaba");
    let token = shirakaba.token(Role::Physician, "dr-1").await;
    let (_, chart) = consents(&town, &hana, &token).await;
    let other = shirakaba.token(Role::Physician, "dr-2").await;
    let below = ["", "/labs", "/labs/x", "/rows/timeline", "/documents/x/0"];
    for path in below {
        let (status, page) = shirakaba.get_raw(&format!("{chart}{path}"), &other).await;
        let tells = VALUES.iter().any(|(_, percent)| page.contains(percent));
        assert_eq!((status, tells), (404, false), "{path}");
    }
    for role in [Role::Registrar, Role::Auditor, Role::Admin, Role::System] {
        let token = shirakaba.token(role, "someone-1").await;
        let pages = [
            "/c",
            "/c/history",
            "/c/patients/hana",
            "/c/patients/hana/consent",
        ];
        for path in pages
            .into_iter()
            .map(str::to_owned)
            .chain(below.map(|path| format!("{chart}{path}")))
        {
            let (status, _) = shirakaba.get_raw(&path, &token).await;
            assert_eq!(status, 403, "{role} {path}");
        }
    }
    let (status, page) = shirakaba.get_raw("/c/history", &token).await;
    assert_eq!(status, 200);
    assert!(!page.contains("dr-2"));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_nobody_was_given_says_what_to_do_and_opens_nothing() {
    let (town, _hana) = town().await;
    let token = town.at("shirakaba").token(Role::Physician, "dr-1").await;
    for code in [
        "AAAA-BBBB-CC",
        "<script>alert(1)</script>",
        "",
        "https://evil.example/v#AAAA",
    ] {
        let (status, to) = sends(&town, code, &token).await;
        assert_eq!((status, to.as_str()), (400, ""), "{code}");
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_hospital_is_shown_while_another_one_hangs() {
    let (mut town, hana) = town().await;
    town.at_mut("yukimi").stop().await;
    // Connections are made, and nothing ever comes.
    let _mute = TcpListener::bind(town.at("yukimi").config().federation.bind).unwrap();
    let shirakaba = town.at("shirakaba");
    let token = shirakaba.token(Role::Physician, "dr-1").await;
    let (_, chart) = consents(&town, &hana, &token).await;
    let url = format!("{}{chart}/rows/labs?zoom=all", shirakaba.staff_url());
    let reply = reqwest::Client::new()
        .get(url)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    let mut stream = reply.bytes_stream();
    let mut said = String::new();
    // Until two have answered; the third still hangs then.
    while !said.contains("3施設中2施設の結果を表示しています(1施設は照会中)")
    {
        said.push_str(&String::from_utf8_lossy(
            &stream.next().await.unwrap().unwrap(),
        ));
    }
    assert!(said.contains("7.11") && said.contains("7.33") && !said.contains("event: end"));
    while let Some(bytes) = stream.next().await {
        said.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
    }
    let last = said.rsplit("event: end").next().unwrap();
    assert!(
        last.contains("1施設は取得できず"),
        "a row never stays at asking: {last}"
    );
    town.stop().await;
}
