//! The whole story by clicks alone, each in a browser of their own: two desks, the person's phone, the
//! doctor's screen. Nothing is done for them but the accounts of staff.

use std::time::{Duration, Instant};

use musubi_node::identity::Role;
use musubi_node::identity::staff::By;
use scenarios::{Browser, Hospital, Store, Town, Window, charts};
use serde_json::{Value, json};

use crate::named;

const HOSPITALS: [&str; 3] = ["minato", "yukimi", "shirakaba"];

/// Hana as each hospital knows her, under its own number.
fn hana(hospital: &Hospital, number: &str) -> Value {
    let code = hospital.id().as_str().rsplit(':').next().unwrap();
    json!({
        "resourceType": "Patient", "id": format!("p-{number}"), "active": true,
        "identifier": [{
            "system": format!("urn:oid:1.2.392.100495.20.3.51.1{code}"), "value": number,
        }],
        "name": [
            {"use": "official", "family": "佐藤", "given": ["花"], "extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
                "valueCode": "IDE"}]},
            {"use": "official", "family": "サトウ", "given": ["ハナ"], "extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
                "valueCode": "SYL"}]},
        ],
        "telecom": [{"system": "phone", "value": "090-0000-1101"}],
        "gender": "female", "birthDate": "1958-03-14",
    })
}

async fn town() -> Option<Town> {
    let town = Town::prepared_in_real_time(&HOSPITALS, Store::Sqlite, named).await;
    for (at, name) in HOSPITALS.into_iter().enumerate() {
        let hospital = town.at(name);
        let number = format!("{}", 12_045 + at);
        let id = format!("p-{number}");
        let mut chart = vec![hana(hospital, &number)];
        for month in 1..=4 {
            let lab = format!("lab-{name}-{month}");
            let value = format!("7.{}", at * 2 + month);
            let day = format!("2026-0{month}-0{}", at + 1);
            chart.push(charts::hba1c(&lab, &id, &day, &value));
        }
        hospital.load(&chart).await;
    }
    Some(town)
}

/// A member of staff comes in by their setup link, with a passkey.
async fn staff(hospital: &Hospital, role: Role, id: &str, name: &str) -> Option<(Browser, String)> {
    let browser = Browser::open(Window::Desk).await?;
    let port = hospital.node().addresses().hospital.port();
    let base = format!("http://localhost:{port}");
    let identity = &hospital.rooms().identity;
    identity
        .add_staff(role, id, name, By::operator())
        .await
        .unwrap();
    let hour = Duration::from_secs(3_600);
    let link = identity.setup_link(id, hour, By::operator()).await.unwrap();
    browser.goto(&link.url(&base.parse().unwrap())).await;
    browser.press("パスキーを作ってログイン").await;
    browser.wait_to_read(name).await;
    Some((browser, base))
}

/// What a desk fills in after looking at a card and a telephone number.
async fn says_who_she_is(desk: &Browser, number: &str) {
    desk.fill("#chart_number", number).await;
    desk.fill("#birth_date", "S33.3.14").await;
    desk.fill("#name", "サトウ ハナ").await;
    desk.fill("#telephone", "090-0000-1101").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_by_clicks_alone() {
    let Some(town) = town().await else { return };
    let Some((minato, minato_base)) =
        staff(town.at("minato"), Role::Registrar, "desk-1", "山田 受付").await
    else {
        return town.stop().await;
    };

    // At her own hospital's desk she becomes one of its people, and goes home with a code.
    minato.goto(&format!("{minato_base}/desk")).await;
    minato.show("desk-find").await;
    says_who_she_is(&minato, "12045").await;
    minato.press("さがす").await;
    minato.press("佐藤").await;
    minato.show("desk-chart").await;
    minato.press("登録して").await;
    minato.wait_for(".big-code").await;
    minato.show("desk-enrolled").await;
    let code = minato.text(".big-code").await;

    // On her phone.
    let phone = Browser::open(Window::Phone).await.unwrap();
    let port = town.at("minato").node().addresses().patient.port();
    let home = format!("http://localhost:{port}");
    phone.goto(&format!("{home}/p/start")).await;
    phone.fill("#code", &code).await;
    phone.fill("#birth", "昭和33年3月14日").await;
    phone.press("登録する").await;
    phone.wait_for("nav.bottom").await;
    phone.show("p1-home-first").await;

    // At the other hospital's desk she is given a code that links the two charts.
    let (yukimi, yukimi_base) = staff(town.at("yukimi"), Role::Registrar, "desk-2", "鈴木 受付")
        .await
        .unwrap();
    yukimi.goto(&format!("{yukimi_base}/desk")).await;
    says_who_she_is(&yukimi, "12046").await;
    yukimi.press("さがす").await;
    yukimi.press("佐藤").await;
    says_who_she_is(&yukimi, "12046").await;
    yukimi
        .choose("#home", town.at("minato").id().as_str())
        .await;
    yukimi.press("つなぐための番号を出す").await;
    yukimi.wait_for(".big-code").await;
    yukimi.show("desk-linked").await;
    let code = yukimi.text(".big-code").await;
    phone.goto(&format!("{home}/p/links")).await;
    phone
        .choose("#hospital", town.at("yukimi").id().as_str())
        .await;
    phone.fill("#code", &code).await;
    phone.press("つなぐ").await;
    phone.wait_to_read("つながっている病院").await;
    phone.wait_to_read("雪見病院").await;
    phone.show("p7-linked").await;

    // She allows herself to see what the other hospital has.
    phone.press("署名して見られるようにする").await;
    phone.wait_to_read("まで").await;
    phone.goto(&format!("{home}/p/results")).await;
    phone.wait_to_read("HbA1c").await;
    phone.show("p2-results").await;

    // She shows a code; the doctor at a third hospital takes it, she is asked, and allows it.
    phone.goto(&format!("{home}/p/code")).await;
    phone.press("コードを表示する").await;
    phone.wait_for(".big-code").await;
    let code = phone.text(".big-code").await;
    let (doctor, clinic) = staff(town.at("shirakaba"), Role::Physician, "dr-1", "佐藤 一郎")
        .await
        .unwrap();
    doctor.goto(&format!("{clinic}/c")).await;
    doctor.fill("#number", "12047").await;
    doctor.fill("#born", "S33.3.14").await;
    doctor.show("c1-find").await;
    doctor.press("患者さんを探す").await;
    doctor.click("a.whole").await;
    doctor.wait_for("h1").await;
    doctor.show("c1-patient").await;
    let patient = doctor.at().await;
    doctor.goto(&format!("{patient}/consent")).await;
    doctor.show("c2-consent").await;
    doctor.fill("#code", &code).await;
    doctor
        .choose("#home", town.at("minato").id().as_str())
        .await;
    doctor.press("この同意で記録を開く").await;
    doctor.wait_for("#asked").await;
    doctor.show("c2-waiting").await;
    phone.goto(&format!("{home}/p/requests")).await;
    phone.press("今回だけ").await;
    phone.wait_to_read("許可しました").await;
    let allowed = Instant::now();
    doctor.wait_to_read("施設の結果を表示しています").await;
    eprintln!("consent to first data: {:?}", allowed.elapsed());
    doctor.show("c4-timeline").await;
    let chart = doctor.at().await;
    doctor.press("検査").await;
    doctor.wait_to_read("HbA1c").await;
    doctor.show("c5-labs").await;
    let shown = doctor.text("main").await;
    assert!(shown.contains("7.3"), "Yukimi's own results: {shown}");

    // She withdraws; the next question is refused.
    phone.goto(&format!("{home}/p/consent")).await;
    phone.show("p7-consent-story").await;
    phone.press("白樺病院").await;
    phone.press("取り消す").await;
    phone.press("同意を取り消す").await;
    phone.wait_to_read("取り消し済み").await;
    doctor.goto(&chart).await;
    doctor.press("再照会").await;
    doctor
        .wait_to_read("同意の期限が切れたか、取り消されました")
        .await;
    doctor.show("c3-after-withdrawal").await;
    let shown = doctor.text("main").await;
    assert!(!shown.contains("7.3%"), "what Yukimi told is gone: {shown}");
    assert!(shown.contains("7.5%"), "the own chart stays: {shown}");

    // She sees who looked.
    for name in HOSPITALS {
        let federation = town.at(name).node().federation();
        federation.witnessing().checkpoints().seal().await.unwrap();
    }
    phone.goto(&format!("{home}/p/looked")).await;
    phone.wait_to_read("dr-1").await;
    phone.show("p9-looked-story").await;

    for browser in [minato, phone, yukimi, doctor] {
        browser.close().await;
    }
    town.stop().await;
}
