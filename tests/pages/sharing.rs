//! The person's pages of sharing: one story over all of them, on a phone and on a desk.

use musubi_node::identity::{Caller, Role, Shown};
use scenarios::{Browser, Patient, Store, Town, Window, charts};
use serde_json::{Value, json};

use crate::{named, signed_in};

const HOSPITALS: [&str; 3] = ["minato", "yukimi", "shirakaba"];

/// Hana is at home at Minato; Yukimi has her results, and Shirakaba's doctor asks.
async fn town() -> (Town, Patient) {
    let town = Town::prepared_in_real_time(&HOSPITALS, Store::Sqlite, named).await;
    for name in HOSPITALS {
        let result = charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20");
        let chart = charts::patient("hana", "サトウ", "ハナ");
        town.at(name).load(&[chart, result]).await;
    }
    let hana = town.person("hana", "minato", &["yukimi"]).await;
    (town, hana)
}

/// A doctor of Shirakaba hands the code in.
async fn handed_in(town: &Town, code: &str) -> (u16, Value) {
    let shirakaba = town.at("shirakaba");
    let token = shirakaba.token(Role::Physician, "dr-1").await;
    let body = json!({
        "home": town.at("minato").id(), "code": code, "purpose": "TREAT",
        "practitioner": {"id": "dr-1", "role": "physician"}, "categories": ["lab", "rx"],
        "patient": "hana", "name": "佐藤 一郎",
    });
    shirakaba.post("/api/v1/grants", &token, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_and_looks_back_by_clicks_alone() {
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return;
        };
        let (town, hana) = town().await;
        story(&town, &hana, &browser).await;
        browser.close().await;
        town.stop().await;
    }
}

async fn story(town: &Town, hana: &Patient, browser: &Browser) {
    let base = signed_in::person(town, hana, browser).await;
    browser.goto(&format!("{base}/p/consent")).await;
    browser.wait_to_read("まだ誰にも見せていません").await;
    browser.show("p7-consent-empty").await;

    // A standing consent, changed, with what a doctor would see.
    browser.press("相手を追加・変更する").await;
    browser.wait_for("#member").await;
    browser.show("p7-consent-edit").await;
    let shirakaba = town.at("shirakaba").id().to_string();
    browser.choose("#member", &shirakaba).await;
    browser.press("この内容で同意する").await;
    browser.wait_to_read("有効な同意").await;
    browser.show("p7-consent-one").await;
    browser.goto(&format!("{base}/p/consent")).await;
    browser.wait_for("table.grid").await;
    browser.show("p7-consent-grid").await;

    // A code; the doctor waits; the person answers.
    browser.goto(&format!("{base}/p/code")).await;
    browser.show("p8-code-choose").await;
    browser.press("コードを表示する").await;
    browser.wait_for(".big-code").await;
    browser.show("p8-code").await;
    let code = browser.text(".big-code").await;
    let (status, waiting) = handed_in(town, &code).await;
    assert_eq!(status, 202, "{waiting}");
    browser.wait_to_read("1件あります").await;
    browser.goto(&format!("{base}/p/requests")).await;
    browser.wait_to_read("佐藤 一郎").await;
    browser.show("p8-requests").await;
    browser.press("今回だけ").await;
    browser.wait_to_read("許可しました").await;
    browser.show("p8-requests-answered").await;
    let token = town.at("shirakaba").token(Role::Physician, "dr-1").await;
    let poll = waiting["poll"].as_str().unwrap();
    let (status, grant) = town.at("shirakaba").get(poll, &token).await;
    assert_eq!(status, 201, "{grant}");
    let path = format!(
        "/federated/{}/fhir/Observation",
        grant["grant"].as_str().unwrap()
    );
    let (status, found) = town.at("shirakaba").get(&path, &token).await;
    assert_eq!(status, 200);
    assert!(found.to_string().contains("yukimi-1"), "{found}");

    // Who looked.
    for name in HOSPITALS {
        let federation = town.at(name).node().federation();
        federation.witnessing().checkpoints().seal().await.unwrap();
    }
    browser.goto(&format!("{base}/p/looked")).await;
    browser.wait_to_read("dr-1").await;
    browser.show("p9-looked").await;

    // Paper and links.
    browser.goto(&format!("{base}/p/paper")).await;
    browser.press("番号を8個作る").await;
    browser.wait_for(".codes").await;
    browser.show("p8-paper").await;
    browser.goto(&format!("{base}/p/links")).await;
    browser.wait_to_read("つながっている病院").await;
    browser.show("p7-links").await;

    // One tap and its confirmation.
    browser.goto(&format!("{base}/p/consent")).await;
    browser.click("table.grid tbody a").await;
    browser.press("取り消す").await;
    browser.press("同意を取り消す").await;
    browser.wait_to_read("取り消し済み").await;
    browser.show("p7-consent-withdrawn").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_read_without_scripts_and_another_persons_consent_is_not_there() {
    let Some(browser) = Browser::open_without_scripts(Window::Phone).await else {
        return;
    };
    let (town, hana) = town().await;
    let base = signed_in::person(&town, &hana, &browser).await;
    for path in [
        "consent",
        "consent/edit",
        "requests",
        "code",
        "paper",
        "links",
        "looked?wait=1",
    ] {
        browser.goto(&format!("{base}/p/{path}")).await;
        browser.wait_for("h1").await;
    }
    browser.goto(&format!("{base}/p/consent/nobodys")).await;
    browser.wait_for("h1").await;
    assert!(!browser.text("body").await.contains("有効な同意"));
    browser.close().await;
    town.stop().await;
}

const READING: [&str; 12] = [
    "/p/consent",
    "/p/consent/edit",
    "/p/consent/none",
    "/p/requests",
    "/p/requests/waiting",
    "/p/code",
    "/p/paper",
    "/p/links",
    "/p/looked",
    "/p/looked/part",
    "/api/v1/own-view",
    "/api/v1/accesses",
];
const DECIDING: [&str; 9] = [
    "/p/consent/edit",
    "/p/consent/none/withdraw",
    "/p/requests/none",
    "/p/code",
    "/p/paper",
    "/p/own-view",
    "/p/links/none/end",
    "/api/v1/codes",
    "/api/v1/requests/none",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_or_act_of_sharing_is_open_to_staff_or_strangers_or_to_another_sites_page() {
    let (town, hana) = town().await;
    let minato = town.at("minato");
    let addresses = minato.node().addresses();
    let rooms = minato.rooms();
    let id = hana.person.parse().unwrap();
    let person = rooms.linkage.person(&id).await.unwrap();
    let until = town.now().plus_seconds(3_600);
    let own = rooms
        .identity
        .create_for_person(id.clone(), person.patient, until);
    let own = own.await.unwrap().1.reveal().to_owned();
    let staff = minato.token(Role::Physician, "dr-1").await;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let asks = READING.map(|path| ("GET", path));
    let acts = DECIDING.map(|path| ("POST", path));
    for (method, path) in asks.into_iter().chain(acts) {
        for (address, token) in [
            (addresses.patient, ""),
            (addresses.patient, staff.as_str()),
            (addresses.hospital, own.as_str()),
        ] {
            let url = format!("http://{address}{path}");
            let request = client
                .request(method.parse().unwrap(), url)
                .bearer_auth(token);
            let status = request.send().await.unwrap().status().as_u16();
            assert_eq!(status, 401, "{method} {path}");
        }
    }
    // With the person's cookie, but from another site's page.
    let caller = Caller::Person {
        id,
        patient: person.patient,
    };
    let session = rooms.identity.open_session(&caller, Shown::Passkey);
    let session = session.await.unwrap();
    for path in DECIDING {
        let url = format!("http://{}{path}", addresses.patient);
        let foreign = client
            .post(url)
            .header("cookie", format!("__Host-musubi={}", session.reveal()))
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
            .body("answer=allow");
        let status = foreign.send().await.unwrap().status().as_u16();
        assert_eq!(status, 403, "{path}");
    }
    town.stop().await;
}
