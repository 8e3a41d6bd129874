//! The person's own pages with a full chart and with none, on a phone and on a desk, in both languages;
//! and what somebody else of the same hospital gets to see of them.

use std::path::Path;
use std::time::Duration;

use scenarios::{Browser, Store, Town, Window, charts};
use serde_json::Value;

use crate::{named, signed_in};

fn hanas_chart() -> Vec<Value> {
    let people = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/three-hospitals/people");
    let read = |name: &str| {
        let text = std::fs::read_to_string(people.join("minato").join(name)).unwrap();
        let bundle: Value = serde_json::from_str(&text).unwrap();
        let entries = bundle["entry"].as_array().unwrap().clone();
        entries.into_iter().map(|entry| entry["resource"].clone())
    };
    read("_hospital.json").chain(read("hana.json")).collect()
}

const PAGES: [(&str, &str); 11] = [
    ("/p", "p1-home"),
    ("/p/results", "p2-results"),
    ("/p/medicines", "p4-medicines"),
    ("/p/medicines/notebook", "p4-notebook"),
    ("/p/documents", "p5-documents"),
    ("/p/vitals", "p6-vitals"),
    ("/p/vitals/token", "p6-token"),
    ("/p/settings", "p12-settings"),
    ("/p/help", "p13-help"),
    ("/p/print", "p12-print"),
    ("/account", "account-person"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_person_is_sound_with_a_full_chart() {
    let town = Town::prepared_in_real_time(&["minato"], Store::Sqlite, named).await;
    town.at("minato").load(&hanas_chart()).await;
    let hana = town.person("p-00012045", "minato", &[]).await;
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return town.stop().await;
        };
        let base = signed_in::person(&town, &hana, &browser).await;
        for (path, name) in PAGES {
            browser.goto(&format!("{base}{path}")).await;
            browser.wait_for("h1").await;
            browser.show(name).await;
        }
        browser.goto(&format!("{base}/p/print")).await;
        let paper = browser.print("p12-print").await;
        assert!(
            paper.contains("佐藤 花") && paper.contains("HbA1c"),
            "{paper}"
        );
        browser.goto(&format!("{base}/p/results")).await;
        browser.press("HbA1c").await;
        browser.wait_for("svg").await;
        browser.show("p3-result").await;
        browser.run("document.cookie = 'language=en; path=/'").await;
        for (path, name) in [("/p", "p1-home-en"), ("/p/results", "p2-results-en")] {
            browser.goto(&format!("{base}{path}")).await;
            assert_eq!(browser.attribute("html", "lang").await.unwrap(), "en");
            browser.show(name).await;
        }
        browser.goto(&format!("{base}/p/nowhere")).await;
        browser.show("error-not-found").await;
        browser.close().await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_type_and_an_empty_chart_are_sound_and_the_chart_reads_without_scripts() {
    let town = Town::prepared_in_real_time(&["minato"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    minato.load(&hanas_chart()).await;
    minato.load(&[charts::patient("empty", "佐藤", "一")]).await;
    let hana = town.person("p-00012045", "minato", &[]).await;
    let other = town.person("empty", "minato", &[]).await;
    let Some(browser) = Browser::open(Window::Phone).await else {
        return town.stop().await;
    };
    let base = signed_in::person(&town, &other, &browser).await;
    for (path, name) in &PAGES[..6] {
        browser.goto(&format!("{base}{path}")).await;
        browser.wait_for("h1").await;
        browser.show(&format!("{name}-empty")).await;
        let shown = browser.text("body").await;
        assert!(
            !shown.contains("HbA1c") && !shown.contains("節子"),
            "{path}"
        );
    }
    browser.close().await;

    let large = Browser::open(Window::Phone).await.unwrap();
    let base = signed_in::person(&town, &hana, &large).await;
    large
        .run("document.cookie = 'text_size=largest; path=/'")
        .await;
    for (path, name) in &PAGES[..4] {
        large.goto(&format!("{base}{path}")).await;
        large.wait_for("h1").await;
        large.show(&format!("{name}-largest")).await;
    }
    large.close().await;

    let plain = Browser::open_without_scripts(Window::Phone).await.unwrap();
    let base = signed_in::person(&town, &hana, &plain).await;
    plain.goto(&format!("{base}/p/results")).await;
    assert!(plain.text("main").await.contains("HbA1c"));
    plain.goto(&format!("{base}/p/medicines")).await;
    assert!(!plain.text("main").await.is_empty());
    plain.close().await;
    town.stop().await;
}

/// Where what the browser keeps of this site stood.
async fn kept(browser: &Browser) -> Vec<String> {
    browser
        .run(
            "window.kept = null; caches.keys()\
             .then(names => Promise.all(names.map(name => caches.open(name).then(one => one.keys()))))\
             .then(all => window.kept = all.flat().map(one => new URL(one.url).pathname))",
        )
        .await;
    until(browser, "return window.kept").await
}

/// What a script returns once it is neither `null` nor `false`.
async fn until<T: serde::de::DeserializeOwned>(browser: &Browser, script: &str) -> T {
    for _ in 0..100 {
        let found = browser.run(script).await;
        if !found.is_null() && found != Value::Bool(false) {
            return serde_json::from_value(found).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{script} stays nothing at {}", browser.at().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_keeps_nothing_of_anybody_and_says_when_there_is_no_network() {
    let mut town = Town::prepared_in_real_time(&["minato"], Store::Sqlite, named).await;
    town.at("minato").load(&hanas_chart()).await;
    let hana = town.person("p-00012045", "minato", &[]).await;
    let Some(browser) = Browser::open(Window::Phone).await else {
        return town.stop().await;
    };
    let base = signed_in::person(&town, &hana, &browser).await;
    browser.goto(&format!("{base}/p")).await;
    browser
        .run("navigator.serviceWorker.ready.then(() => window.installed = true)")
        .await;
    until::<bool>(&browser, "return window.installed ?? null").await;
    // A page that was on its way meanwhile is nobody's; the next one is the worker's.
    browser.goto(&format!("{base}/p")).await;
    until::<bool>(
        &browser,
        "return navigator.serviceWorker.controller !== null",
    )
    .await;
    for path in ["/p", "/p/results", "/p/medicines", "/p/print"] {
        browser.goto(&format!("{base}{path}")).await;
        browser.wait_for("h1").await;
    }
    let kept = kept(&browser).await;
    assert!(kept.contains(&"/offline".to_owned()), "{kept:?}");
    let is_anybodys = |path: &String| path == "/offline" || path.starts_with("/assets/");
    assert!(kept.iter().all(is_anybodys), "{kept:?}");

    town.at_mut("minato").stop().await;
    browser.goto(&format!("{base}/p/results")).await;
    browser
        .wait_to_read("インターネットにつながっていません")
        .await;
    let shown = browser.text("body").await;
    assert!(
        !shown.contains("HbA1c") && !shown.contains("佐藤"),
        "{shown}"
    );
    browser.close().await;
    town.stop().await;
}
