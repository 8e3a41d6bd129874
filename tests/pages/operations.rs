//! The pages of those who look after a node, and every staff page by every wrong role.

use musubi_node::identity::{Role, Shown};
use scenarios::{Browser, Store, Town, Window, charts};

use crate::{named, signed_in};

#[tokio::test(flavor = "multi_thread")]
async fn those_who_look_after_a_node_see_how_it_stands() {
    let town = Town::prepared(&["minato", "yukimi"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    for window in Window::ALL {
        let Some(browser) = Browser::open(window).await else {
            return town.stop().await;
        };
        let base = signed_in::staff(
            minato,
            &browser,
            (Role::Auditor, "auditor-1", "森 係"),
            Shown::Passkey,
        )
        .await;
        for (path, name) in [
            ("/admin", "a1-overview"),
            ("/admin/audit", "a10-audit"),
            ("/admin/audit?kind=login", "a10-audit-logins"),
            ("/admin/reviews", "a10-reviews"),
        ] {
            browser.goto(&format!("{base}{path}")).await;
            browser.wait_for("h1").await;
            browser.show(name).await;
        }
        browser.goto(&format!("{base}/c")).await;
        browser.wait_to_read("権限がありません").await;
        browser.show("error-forbidden").await;
        browser.close().await;
    }
    town.stop().await;
}

/// Every page of staff, and who may open it.
const PAGES: [(&str, &[Role]); 9] = [
    ("/c", &[Role::Physician]),
    ("/c/history", &[Role::Physician]),
    ("/c/patients/hana", &[Role::Physician]),
    ("/c/patients/hana/consent", &[Role::Physician]),
    ("/desk", &[Role::Registrar]),
    ("/desk/patients/hana", &[Role::Registrar]),
    ("/admin/staff", &[Role::Admin]),
    ("/admin/audit", &[Role::Auditor]),
    ("/admin/reviews", &[Role::Auditor, Role::Security]),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_role_opens_a_page_that_is_not_its_own() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    minato.load(&[charts::patient("hana", "佐藤", "花")]).await;
    let address = minato.node().addresses();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let mut wrong = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Person) {
        let token = minato.token(role, &format!("{role}-9")).await;
        for (path, theirs) in PAGES {
            let url = format!("http://{}{path}", address.hospital);
            let reply = client
                .get(&url)
                .bearer_auth(&token)
                .header("accept", "text/html")
                .send();
            let status = reply.await.unwrap().status().as_u16();
            let expected = if theirs.contains(&role) { 200 } else { 403 };
            if status != expected {
                wrong.push(format!("{role} {path}: {status}, not {expected}"));
            }
            let people = format!("http://{}{path}", address.patient);
            let there = client
                .get(&people)
                .bearer_auth(&token)
                .send()
                .await
                .unwrap();
            if there.status() != 401 {
                wrong.push(format!(
                    "{role} {path} at people's listener: {}",
                    there.status()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A stranger is sent to the same place from every page, there or not.
    for (path, _) in PAGES.into_iter().chain([("/c/nowhere", &[][..])]) {
        let reply = client
            .get(format!("http://{}{path}", address.hospital))
            .header("accept", "text/html")
            .send();
        let reply = reply.await.unwrap();
        assert_eq!(reply.status(), 303, "{path}");
        let to = reply.headers()["location"].to_str().unwrap();
        assert!(to.starts_with("/login?next=/"), "{path}: {to}");
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_put_in_a_frame_and_no_other_site_sends_a_form() {
    let town = Town::prepared(&["minato"], Store::Sqlite, named).await;
    let minato = town.at("minato");
    let Some(browser) = Browser::open(Window::Desk).await else {
        return town.stop().await;
    };
    let base = signed_in::staff(
        minato,
        &browser,
        (Role::Admin, "admin-1", "森 係"),
        Shown::Passkey,
    )
    .await;
    // The attacker's site, on another port of the same host: its pages get the cookie sent along.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let evil = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let page = format!(
        "<!DOCTYPE html><title>evil</title><iframe id=f src='{base}/admin/staff'></iframe>\
         <form id=g method=post action='{base}/admin/staff'><input name=role value=admin>\
         <input name=id value=mallory><input name=name value=Mallory></form>\
         <script>setTimeout(() => g.submit(), 500)</script>"
    );
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten().take(8) {
            use std::io::{Read as _, Write as _};
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                page.len()
            );
            let _ = stream.write_all(format!("{head}{page}").as_bytes());
        }
    });
    browser.goto(&evil).await;
    browser.wait_to_read("").await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let shown = browser.text("body").await;
    assert!(!shown.contains("mallory"), "{shown}");
    let staff = minato.rooms().identity.all_staff().await.unwrap();
    assert!(staff.iter().all(|one| one.id != "mallory"));
    browser.close().await;
    town.stop().await;
}
