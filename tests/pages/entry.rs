//! Getting in, in a real browser: setup links, passkeys, the lock, the list of staff, a person's code,
//! and the device keys that no server sees.

use std::time::Duration;

use federation_protocol::base64url;
use federation_protocol::keys::PublicKey;
use musubi_node::identity::staff::By;
use musubi_node::identity::{BirthDate, Role};
use scenarios::{Browser, Hospital, Store, Town, Window, charts};

use crate::named;

const HOUR: Duration = Duration::from_secs(3_600);

struct Doors {
    staff: String,
    people: String,
}

impl Doors {
    fn of(hospital: &Hospital) -> Self {
        let addresses = hospital.node().addresses();
        Self {
            staff: format!("http://localhost:{}", addresses.hospital.port()),
            people: format!("http://localhost:{}", addresses.patient.port()),
        }
    }
}

/// A setup link of a new account, as it is printed.
async fn link(hospital: &Hospital, role: Role, id: &str, name: &str) -> String {
    let identity = &hospital.rooms().identity;
    identity
        .add_staff(role, id, name, By::operator())
        .await
        .unwrap();
    let link = identity.setup_link(id, HOUR, By::operator()).await.unwrap();
    link.url(&Doors::of(hospital).staff.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_comes_in_by_a_link_and_lets_others_in() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    let doors = Doors::of(minato);
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return town.stop().await;
        };
        browser.goto(&format!("{}/admin/staff", doors.staff)).await;
        assert_eq!(
            browser.at().await,
            format!("{}/login?next=/admin/staff", doors.staff)
        );
        browser.show("entry-login").await;

        let id = format!("admin-{}", window.word());
        let url = link(minato, Role::Admin, &id, "山田 太郎").await;
        browser.goto(&url).await;
        browser.show("entry-setup").await;
        let shown = browser.at().await;
        assert!(
            !shown.contains("mbl_"),
            "the token stays out of the address: {shown}"
        );
        browser.fill("#label", "事務室のパソコン").await;
        browser.press("パスキーを作ってログイン").await;
        browser.leaves("/setup").await;
        browser.goto(&format!("{}/admin/staff", doors.staff)).await;
        browser.wait_for("#hours").await;
        browser.show("entry-staff").await;

        browser.fill("#id", &format!("dr-{}", window.word())).await;
        browser.fill("#name", "佐藤 健").await;
        browser.choose("#role", "physician").await;
        browser.click("section form .main-act").await;
        browser.wait_for(".qr svg").await;
        browser.show("entry-link").await;
        let link = browser.text("#link").await;
        assert!(
            link.starts_with(&format!("{}/setup#mbl_", doors.staff)),
            "{link}"
        );

        browser.goto(&format!("{}/account", doors.staff)).await;
        browser.wait_to_read("事務室のパソコン").await;
        browser.show("entry-account").await;

        // Once used, the link opens nothing.
        browser.goto(&format!("{}/login", doors.staff)).await;
        browser.goto(&url).await;
        browser.press("パスキーを作ってログイン").await;
        browser.wait_to_read("確認できませんでした").await;
        browser.close().await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_page_goes_on_where_it_was_and_a_logout_ends_it() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    let doors = Doors::of(minato);
    let Some(browser) = Browser::open(Window::Desk).await else {
        return town.stop().await;
    };
    browser
        .goto(&link(minato, Role::Admin, "admin-1", "山田 太郎").await)
        .await;
    browser.press("パスキーを作ってログイン").await;
    browser.wait_for("table").await;
    browser
        .goto(&format!("{}/lock?next=/account", doors.staff))
        .await;
    browser.wait_for("form.passkey").await;
    browser.show("entry-lock").await;
    browser.goto(&format!("{}/admin/staff", doors.staff)).await;
    assert!(
        browser.at().await.ends_with("/lock?next=/admin/staff"),
        "{}",
        browser.at().await
    );
    browser.press("パスキーで続ける").await;
    browser.wait_for("table").await;
    assert!(browser.at().await.ends_with("/admin/staff"));
    browser.press("ログアウト").await;
    browser.wait_for("form.passkey").await;
    assert!(
        browser.at().await.ends_with("/login"),
        "{}",
        browser.at().await
    );
    browser.goto(&format!("{}/account", doors.staff)).await;
    assert!(browser.at().await.ends_with("/login?next=/account"));
    browser.press("パスキーでログイン").await;
    browser.wait_to_read("ログイン中の端末").await;
    browser.close().await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_comes_in_by_the_desks_code_and_signs_with_keys_that_no_server_saw() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    minato.load(&[charts::patient("hana", "佐藤", "花")]).await;
    let doors = Doors::of(minato);
    let hana = town.person("hana", "minato", &[]).await;
    let person = hana.person.parse().unwrap();
    let chart = minato.chart("hana").await;
    let birth = BirthDate::of_chart("1957-04-01").unwrap();
    let identity = &minato.rooms().identity;
    let code = identity.enrolment_code(&person, chart, birth, By::operator());
    let code = code.await.unwrap();
    let Some(browser) = Browser::open(Window::Phone).await else {
        return town.stop().await;
    };
    browser
        .goto(&code.url(&doors.people.parse().unwrap()))
        .await;
    browser.show("entry-start").await;
    assert!(!browser.at().await.contains('#'));
    browser.fill("#birth", "昭和32年4月2日").await;
    browser.press("登録する").await;
    browser.wait_to_read("確認できませんでした").await;
    browser.fill("#birth", "S32.4.1").await;
    browser.press("登録する").await;
    browser.leaves("/p/start").await;
    assert!(browser.at().await.ends_with("/p"), "{}", browser.at().await);
    browser.goto(&format!("{}/account", doors.people)).await;
    browser.wait_to_read("ログイン中の端末").await;
    browser.show("entry-account-person").await;
    browser.without_policy().await;
    browser.goto(&format!("{}/account", doors.people)).await;

    let member = minato.id().to_string();
    let device = device(&browser).await;
    let run = async |what: String| {
        browser
            .run(&format!(
                "window.done = null; import('{device}').then(m => {what})\
             .then(v => window.done = v, e => window.done = `${{e.code ?? e}}`)"
            ))
            .await;
        for _ in 0..100 {
            let done = browser.run("return window.done").await;
            if let Some(text) = done.as_str() {
                return text.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no answer to {what}");
    };
    let key = run(format!("m.publicKeyFor('{member}')")).await;
    let again = run(format!("m.publicKeyFor('{member}')")).await;
    assert_eq!(key, again, "the key of a link stays");
    let other = run("m.publicKeyFor('urn:musubi:member:0110000009')".to_owned()).await;
    let next = run(format!("m.publicKeyFor('{member}', 2)")).await;
    assert!(
        key != other && key != next && other != next,
        "each link has its own"
    );
    let message = base64url::encode(b"what she decided");
    let signature = run(format!("m.sign('{member}', '{message}')")).await;
    let key: PublicKey = PublicKey::from_x(&key).unwrap();
    let signature: [u8; 64] = base64url::decode_array(&signature).unwrap();
    assert!(key.verify(b"what she decided", &signature).is_ok());
    browser.close().await;
    town.stop().await;
}

/// The address of the module that the pages of people import.
async fn device(browser: &Browser) -> String {
    let sheet = browser
        .attribute("link[rel=stylesheet]", "href")
        .await
        .unwrap();
    sheet.replace("musubi.css", "device.js")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_entry_can_be_read_without_scripts() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let doors = Doors::of(town.at("minato"));
    let Some(browser) = Browser::open_without_scripts(Window::Phone).await else {
        return town.stop().await;
    };
    for url in [
        format!("{}/login", doors.staff),
        format!("{}/setup", doors.staff),
        format!("{}/login", doors.people),
        format!("{}/p/start", doors.people),
    ] {
        browser.goto(&url).await;
        browser.wait_to_read("JavaScript").await;
    }
    browser.close().await;
    town.stop().await;
}
