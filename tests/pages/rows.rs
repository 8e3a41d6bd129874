//! Each state of a hospital's row on the physician's screen, from its real cause: what a peer did.

use std::time::Duration;

use federation_protocol::keys::KeyUse;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;
use federation_service::tls::TlsIdentity;
use scenarios::evil::{Asked, refused, signed};
use scenarios::{Browser, EvilNode, Patient, Reply, Store, Town, Window};

use crate::clinic::{charts_of, physician, redeemed};
use crate::named;

const YUKIMI: &str = "雪見病院";
const KAWABE: &str = "川辺医院";
/// Longer than a hospital is waited for.
const TOO_LONG: Duration = Duration::from_secs(12);

/// Hana's chart in four hospitals. Minato is her home; at Yukimi somebody with its keys does what a
/// test says; at Kawabe stands another machine; Shirakaba asks.
struct Scene {
    town: Town,
    yukimi: EvilNode,
    browser: Browser,
    /// The documents under her consent: the shortest page below the rows.
    page: String,
}

impl Scene {
    async fn set(browser: Browser) -> Self {
        let names = ["minato", "yukimi", "kawabe", "shirakaba"];
        let mut town = Town::prepared(&names, Store::Sqlite, named).await;
        let hana = peopled(&town).await;
        let now = town.now();
        for name in ["yukimi", "kawabe"] {
            town.at_mut(name).stop().await;
        }
        let yukimi = EvilNode::in_place_of(town.at("yukimi"), "{}".to_owned(), now);
        let year = |year: i64| Timestamp::from_unix_seconds((year - 1970) * 31_556_952);
        let other = TlsIdentity::generate("127.0.0.1", year(2020), year(2090)).unwrap();
        let _another = EvilNode::behind(&other, town.at("kawabe"), "{}".to_owned(), now);
        let base = physician(town.at("shirakaba"), &browser).await;
        let chart = redeemed(&town, &hana, &browser, &base).await;
        browser.wait_to_read("施設は取得できず").await;
        Self {
            town,
            yukimi,
            browser,
            page: format!("{chart}/documents"),
        }
    }

    async fn asked_again(&self) {
        self.browser.goto(&self.page).await;
        self.browser.press("すべての病院に再照会").await;
    }

    /// Yukimi answers so, and its row says it.
    async fn shows(
        &self,
        name: &str,
        says: &str,
        answering: impl FnMut(&Asked, Reply) -> Reply + Send + 'static,
    ) {
        self.yukimi.answers(answering);
        self.asked_again().await;
        self.row_says(YUKIMI, says).await;
        self.picture(name).await;
        self.yukimi.behaves();
    }

    /// Waits until the row of `hospital` says so, 15 seconds at most.
    async fn row_says(&self, hospital: &str, says: &str) {
        let row = format!(
            "return [...document.querySelectorAll('#rows > li')].map(row => row.innerText)\
             .find(row => row.includes('{hospital}')) ?? ''"
        );
        let mut said = String::new();
        for _ in 0..150 {
            said = self.browser.run(&row).await.as_str().unwrap().to_owned();
            if said.contains(says) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{hospital} says no {says:?}: {said}");
    }

    /// All have answered, on the tab that was asked from.
    async fn picture(&self, name: &str) {
        self.browser.wait_for("#live:not([aria-busy])").await;
        let at = self.browser.at().await;
        assert!(
            at.starts_with(&self.page),
            "asking again leaves no tab: {at}"
        );
        self.browser.show(&format!("c3-{name}")).await;
    }

    /// Yukimi refuses, rightly signed.
    async fn refuses(&self, refusal: Refusal, name: &str, says: &str) {
        let (envoy, now) = (self.town.at("yukimi").envoy(), self.town.now());
        let answer = move |asked: &Asked, _right| {
            refused(&asked.binding(), refusal, &*envoy.keys.sign(), now)
        };
        self.shows(name, says, answer).await;
    }
}

async fn peopled(town: &Town) -> Patient {
    for (name, like) in [
        ("minato", "minato"),
        ("yukimi", "yukimi"),
        ("kawabe", "yukimi"),
        ("shirakaba", "shirakaba"),
    ] {
        town.at(name).load(&charts_of(like)).await;
    }
    let linked = [
        ("minato", "p-00012045"),
        ("yukimi", "p-7810"),
        ("kawabe", "p-7810"),
    ];
    town.enrol(linked[0], &linked).await
}

fn without_signature(_asked: &Asked, _right: Reply) -> Reply {
    Reply {
        status: 502,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: b"<h1>Bad Gateway</h1>".to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_a_row_says_what_its_hospital_did() {
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return;
        };
        let mut scene = Scene::set(browser).await;
        silences(&scene).await;
        refusals(&scene).await;
        left_alone(&scene).await;
        alone(&mut scene).await;
        scene.browser.close().await;
        scene.town.stop().await;
    }
}

/// What is no answer at all, or none that can be believed.
async fn silences(scene: &Scene) {
    scene.yukimi.answers(|_asked, right| {
        std::thread::sleep(TOO_LONG);
        right
    });
    scene.asked_again().await;
    scene.row_says(YUKIMI, "照会中… 2秒").await;
    scene.browser.show("c3-asking").await;
    scene.row_says(YUKIMI, "応答なし(時間切れ)").await;
    scene.picture("timeout").await;
    scene.yukimi.behaves();
    scene
        .row_says(KAWABE, "この病院の証明書を確認できません")
        .await;
    scene.picture("tls").await;
    scene
        .shows("unsigned", "応答なし(途中のエラー)", without_signature)
        .await;
    let (envoy, now) = (scene.town.at("yukimi").envoy(), scene.town.now());
    let other_key = move |asked: &Asked, _right| {
        let key = &*envoy.keys.signer(KeyUse::Consent).unwrap();
        signed(&asked.binding(), "{}", key, now)
    };
    let says = "この病院の署名を検証できません。情報は表示しません";
    scene.shows("unverified", says, other_key).await;
    scene
        .shows("unusable", "応答を読み取れません", |_asked, right| right)
        .await;
}

/// What a node refuses rightly, with a reason that may be told.
async fn refusals(scene: &Scene) {
    let policy = "照会元の権限・目的では取得できません";
    for (refusal, name, says) in [
        (
            Refusal::ConsentNotGranted,
            "nothing",
            "表示できる記録はありません",
        ),
        (Refusal::MemberSuspended, "policy", policy),
        (Refusal::RateLimited, "busy", "この病院は混み合っています"),
        (
            Refusal::VersionUnsupported,
            "version",
            "この病院とは通信の版が合いません",
        ),
        (
            Refusal::QueryTooWide,
            "too-much",
            "件数が多すぎて取得できません",
        ),
        (
            Refusal::DirectoryExpired,
            "directory-expired",
            "名簿が古いため照会できません",
        ),
    ] {
        scene.refuses(refusal, name, says).await;
    }
}

/// Who fails again and again is not asked for a while.
async fn left_alone(scene: &Scene) {
    scene.yukimi.answers(without_signature);
    for _ in 0..5 {
        scene.asked_again().await;
        scene.row_says(YUKIMI, "応答なし(途中のエラー)").await;
    }
    scene.asked_again().await;
    scene.row_says(YUKIMI, "応答なし(休止中)").await;
    scene.picture("resting").await;
}

/// No other hospital can be heard: the page says so first, and shows its own chart.
async fn alone(scene: &mut Scene) {
    scene.town.at_mut("minato").stop().await;
    scene.asked_again().await;
    scene
        .browser
        .wait_to_read("院内の記録だけを表示しています")
        .await;
    scene.row_says("港総合病院", "応答なし").await;
    scene.picture("alone").await;
    let rows = scene.browser.text("#rows").await;
    for phone in ["011-000-0000", "0134-00-0000", "0138-00-0000"] {
        assert!(rows.contains(phone), "who can be called: {rows}");
    }
    let summary = scene.browser.text("#summary").await;
    assert!(summary.contains("4施設中1施設の結果"), "{summary}");
}
