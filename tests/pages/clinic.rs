//! The physician's screen, every page and the states of its rows, on a phone and at a desk, with the
//! chart of a person who is followed at three hospitals.

use std::path::Path;

use musubi_node::identity::{Role, Shown};
use scenarios::{Browser, Hospital, Patient, Store, Town, Window};
use serde_json::Value;

use crate::{named, signed_in};

/// The chart of Hana at a hospital of the quick start.
pub(crate) fn charts_of(hospital: &str) -> Vec<Value> {
    let people = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/three-hospitals/people");
    let read = |name: &str| {
        let text = std::fs::read_to_string(people.join(hospital).join(name)).unwrap();
        let bundle: Value = serde_json::from_str(&text).unwrap();
        let entries = bundle["entry"].as_array().unwrap().clone();
        entries.into_iter().map(|entry| entry["resource"].clone())
    };
    read("_hospital.json").chain(read("hana.json")).collect()
}

async fn town() -> (Town, Patient) {
    let names = ["minato", "yukimi", "shirakaba"];
    let town = Town::prepared_in_real_time(&names, Store::Sqlite, named).await;
    for name in names {
        town.at(name).load(&charts_of(name)).await;
    }
    let hana = enrolled(&town).await;
    (town, hana)
}

/// Hana at home in Minato, linked with Yukimi.
pub(crate) async fn enrolled(town: &Town) -> Patient {
    let linked = [("minato", "p-00012045"), ("yukimi", "p-7810")];
    town.enrol(linked[0], &linked).await
}

/// A physician of `hospital`, signed in by a passkey.
pub(crate) async fn physician(hospital: &Hospital, browser: &Browser) -> String {
    let who = (Role::Physician, "dr-0032", "佐藤 一郎");
    signed_in::staff(hospital, browser, who, Shown::Passkey).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_physician_reads_a_chart_of_three_hospitals_on_any_screen() {
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return;
        };
        let (mut town, hana) = town().await;
        let base = physician(town.at("shirakaba"), &browser).await;
        let chart = opened(&town, &hana, &browser, &base).await;
        tabs(&browser, &chart).await;
        silent(&mut town, &browser, &chart).await;
        browser.goto(&format!("{base}/c/history")).await;
        browser.show("c11-history").await;
        browser.close().await;
        town.stop().await;
    }
}

/// The code typed, the chart that opens.
async fn opened(town: &Town, hana: &Patient, browser: &Browser, base: &str) -> String {
    browser
        .goto(&format!("{base}/c/patients/p-h3310/consent"))
        .await;
    browser.fill("#code", "AAAA-BBBB").await;
    browser.press("この同意で記録を開く").await;
    browser.wait_for("[role=alert]").await;
    browser.show("c2-consent-wrong").await;
    let chart = redeemed(town, hana, browser, base).await;
    browser
        .wait_to_read("3施設中3施設の結果を表示しています")
        .await;
    chart
}

/// The address of the chart that Hana's code opens at Shirakaba.
pub(crate) async fn redeemed(town: &Town, hana: &Patient, browser: &Browser, base: &str) -> String {
    let kinds = "lab rx vital allergy condition procedure imaging";
    let code = town.code(hana, "shirakaba", kinds).await;
    browser
        .goto(&format!("{base}/c/patients/p-h3310/consent"))
        .await;
    browser.fill("#code", &code).await;
    let home = town.at("minato").id().to_string();
    browser.choose("#home", &home).await;
    browser.press("この同意で記録を開く").await;
    browser.wait_for("#rows").await;
    let at = browser.at().await;
    at.split('?').next().unwrap().to_owned()
}

async fn tabs(browser: &Browser, chart: &str) {
    browser.goto(&format!("{chart}/timeline?zoom=all")).await;
    browser.wait_to_read("ペニシリン").await;
    browser.show("c4-timeline-all").await;
    on_paper(browser, "c4-timeline", "糖尿病性網膜症あり").await;
    browser
        .goto(&format!("{chart}/timeline?month=2026-10"))
        .await;
    browser.show("c4-calendar").await;
    browser.goto(&format!("{chart}/labs?zoom=all")).await;
    browser.wait_to_read("HbA1c").await;
    browser.show("c5-labs-all").await;
    on_paper(browser, "c5-labs", "HbA1c").await;
    browser.press("HbA1c").await;
    browser.wait_for("figure.chart").await;
    browser.show("c5-item").await;
    on_paper(browser, "c5-item", "HbA1c").await;
    browser.goto(&format!("{chart}/medicines?zoom=all")).await;
    browser.show("c6-medicines").await;
    on_paper(browser, "c6-medicines", "メトホルミン").await;
    browser.goto(&format!("{chart}/documents?zoom=all")).await;
    browser.show("c7-documents").await;
    browser.press("検体検査報告書").await;
    browser.wait_for("article.document").await;
    browser.show("c7-document").await;
    on_paper(browser, "c7-document", "検体検査報告書").await;
}

/// Whose it is, how complete it is and of when stands on paper, and nothing that only a screen has.
async fn on_paper(browser: &Browser, name: &str, what: &str) {
    let paper = browser.print(name).await;
    let heads = ["3施設中3施設の結果を表示しています", "取得日時", "佐藤 花"];
    for said in heads.into_iter().chain([what]) {
        assert!(paper.contains(said), "{said} stands on paper: {paper}");
    }
    for act in ["再照会", "ログアウト"] {
        assert!(!paper.contains(act), "{act} stands on paper: {paper}");
    }
}

/// A hospital whose power is cut is named, and everything says that it is missing.
async fn silent(town: &mut Town, browser: &Browser, chart: &str) {
    town.at_mut("yukimi").stop().await;
    browser.goto(&format!("{chart}/timeline")).await;
    browser.press("すべての病院に再照会").await;
    browser.wait_to_read("1施設は取得できず").await;
    browser.show("c3-one-silent").await;
    let said = browser.text("#rows").await;
    assert!(said.contains("応答なし"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_read_without_scripts_once_all_have_answered() {
    let Some(browser) = Browser::open_without_scripts(Window::Desk).await else {
        return;
    };
    let (town, hana) = town().await;
    let base = physician(town.at("shirakaba"), &browser).await;
    let chart = redeemed(&town, &hana, &browser, &base).await;
    if browser.text("main").await.contains("照会中") {
        browser.press("すべての病院の応答を待って表示する").await;
    }
    browser
        .wait_to_read("3施設中3施設の結果を表示しています")
        .await;
    browser.goto(&format!("{chart}/labs?zoom=all")).await;
    let shown = browser.text("main").await;
    assert!(shown.contains("HbA1c") && shown.contains("雪見"), "{shown}");
    browser.close().await;
    town.stop().await;
}
