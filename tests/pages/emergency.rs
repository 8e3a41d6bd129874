//! An emergency on the physician's screen: without a second factor, with too little said, and opened.

use std::time::Duration;

use musubi_node::identity::{Role, Shown};
use scenarios::emergency::{Authenticator, REASON};
use scenarios::{Browser, Hospital, Patient, Store, Town, Window};

use crate::clinic::{charts_of, enrolled, physician};
use crate::{named, signed_in};

fn who_asks(hospital: &Hospital) {
    named(hospital);
    if hospital.name() == "shirakaba" {
        hospital.set("emergency", "ask = \"on\"");
    }
}

/// Fills the form of an emergency in; `factor` is what an authenticator shows.
async fn asks(browser: &Browser, base: &str, factor: &str) {
    browser
        .goto(&format!("{base}/c/patients/p-h3310/consent"))
        .await;
    browser.press("緊急アクセスに進む").await;
    browser.choose("#reason", "unconscious").await;
    browser.fill("#why", REASON).await;
    browser.fill("#factor", factor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_opens_a_chart_with_two_factors_and_a_reason_and_is_told() {
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return;
        };
        let names = ["minato", "yukimi", "shirakaba"];
        let town = Town::prepared_in_real_time(&names, Store::Sqlite, who_asks).await;
        for name in names {
            town.at(name).load(&charts_of(name)).await;
        }
        let hana = enrolled(&town).await;
        let shirakaba = town.at("shirakaba");

        // The hospital's own sign-in let them in: no second factor of theirs is known here.
        let who = (Role::Physician, "dr-0033", "木村 彩");
        let base = signed_in::staff(shirakaba, &browser, who, Shown::Hospital).await;
        asks(&browser, &base, "").await;
        browser.show("c2-emergency").await;
        browser.press("理由を記録して緊急アクセスする").await;
        browser.wait_to_read("2段階目の確認ができていません").await;
        browser.show("c2-emergency-wrong").await;

        // The number of an authenticator is one; so is a passkey of these minutes.
        let authenticator = Authenticator::enrolled(shirakaba, "dr-0033").await;
        asks(&browser, &base, &authenticator.code(town.now())).await;
        opens(&browser, "c3-emergency").await;
        let base = physician(shirakaba, &browser).await;
        asks(&browser, &base, "").await;
        opens(&browser, "c3-emergency-passkey").await;

        told(&town, &hana).await;
        browser.close().await;
        town.stop().await;
    }
}

/// Within a minute the person is told of both, by both hospitals.
async fn told(town: &Town, hana: &Patient) {
    for _ in 0..60 {
        if town.notices(hana).await.len() == 4 {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("not told within a minute: {:?}", town.notices(hana).await);
}

async fn opens(browser: &Browser, name: &str) {
    browser.press("理由を記録して緊急アクセスする").await;
    browser.wait_to_read("緊急アクセスで表示しています").await;
    browser
        .wait_to_read("2施設中2施設の結果を表示しています")
        .await;
    browser.show(name).await;
    let allergies = browser.text("main").await;
    assert!(allergies.contains("ペニシリン"), "{allergies}");
}
