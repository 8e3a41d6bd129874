//! The pages and ceremonies over HTTP, as a browser meets them.

use actix_web::http::Method;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::deep_link::OneChart;
use super::sessions::{House, ORIGIN, site};
use super::*;
use crate::identity::deep_link::FindChart;
use crate::identity::routes::configure_staff;
use crate::identity::staff::By;
use crate::pages::{Audience, House as Named, Pages};

/// What came back.
struct Came {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The cookie's token.
    fn session(&self) -> String {
        let cookie = self.header("set-cookie");
        let (pair, flags) = cookie.split_once("; ").unwrap();
        assert_eq!(flags, "Path=/; Secure; HttpOnly; SameSite=Lax");
        pair.strip_prefix("__Host-musubi=").unwrap().to_owned()
    }
}

async fn sent(house: &House, request: http::TestRequest) -> Came {
    let mut registry = Registry::default();
    let pages = Pages::open(Named::default(), Audience::Staff, &mut registry).unwrap();
    let charts: std::sync::Arc<dyn FindChart> = std::sync::Arc::new(OneChart);
    let app = App::new()
        .app_data(Data::new(house.identity.clone()))
        .app_data(Data::new(pages))
        .app_data(Data::from(charts))
        .app_data(site())
        .configure(configure_staff)
        .wrap(from_fn(staff_door));
    let app = http::init_service(app).await;
    let response = http::call_service(&app, request.to_request()).await;
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Came {
        status: response.status().as_u16(),
        headers: headers.collect(),
        body: String::from_utf8(http::read_body(response).await.to_vec()).unwrap(),
    }
}

fn page(path: &str) -> http::TestRequest {
    http::TestRequest::get()
        .uri(path)
        .insert_header(("accept", "text/html"))
        .insert_header(("accept-language", "en"))
}

fn from_own_page(path: &str) -> http::TestRequest {
    page(path)
        .method(Method::POST)
        .insert_header(("origin", ORIGIN))
}

fn with(request: http::TestRequest, session: &str) -> http::TestRequest {
    request.insert_header(("cookie", format!("__Host-musubi={session}")))
}

impl House {
    async fn posts(&self, path: &str, body: &Value) -> Came {
        sent(self, from_own_page(path).set_json(body)).await
    }

    /// Signs somebody in over HTTP by a setup link; their phone and session.
    async fn comes_in(&self, id: &str) -> (Authenticator, String) {
        let hour = std::time::Duration::from_secs(3_600);
        let link = self
            .identity
            .setup_link(id, hour, By::operator())
            .await
            .unwrap();
        let token = json!({ "token": link.token.reveal() });
        let begun = self.posts("/setup/begin", &token).await.json();
        let mut phone = Authenticator::at(ORIGIN);
        let made = phone.create(&begun["publicKey"]);
        let body = json!({ "ceremony": begun["ceremony"], "credential": made, "label": "phone" });
        let came = self.posts("/setup/finish", &body).await;
        assert_eq!(came.status, 200, "{}", came.body);
        (phone, came.session())
    }
}

#[actix_web::test]
async fn a_browser_signs_in_and_its_cookie_is_for_this_host_alone() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (mut phone, first) = house.comes_in("dr-0042").await;
    let begun = house.posts("/login/begin", &json!({})).await.json();
    let credential = phone.get(&begun["publicKey"]);
    let planted = format!("mbs_{}", "A".repeat(43));
    let body = json!({
        "ceremony": begun["ceremony"], "credential": credential, "next": "//evil.example",
    });
    let request = with(from_own_page("/login/finish"), &planted).set_json(&body);
    let came = sent(&house, request).await;
    assert_eq!(came.json()["next"], "/");
    let second = came.session();
    assert!(
        second != first && second != planted,
        "a new token at every sign-in"
    );
    let account = sent(&house, with(page("/account"), &second)).await;
    assert_eq!(account.status, 200);
    assert!(account.body.contains("佐藤 健"));
    let out = sent(&house, with(from_own_page("/logout"), &second)).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let after = sent(&house, with(page("/account"), &second)).await;
    assert_eq!(
        (after.status, after.header("location")),
        (303, "/login?next=/account")
    );
}

#[actix_web::test]
async fn another_site_begins_no_ceremony_and_ends_none() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    for path in [
        "/login/begin",
        "/login/finish",
        "/setup/begin",
        "/setup/finish",
        "/logout",
    ] {
        for origin in ["https://evil.example", "null"] {
            let request = page(path)
                .method(Method::POST)
                .insert_header(("origin", origin));
            assert_eq!(
                sent(&house, request.set_json(json!({}))).await.status,
                403,
                "{path}"
            );
        }
    }
}

#[actix_web::test]
async fn what_is_refused_is_told_alike() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (mut phone, _) = house.comes_in("dr-0042").await;
    let refused = house.posts("/setup/begin", &json!({ "token": "x" })).await;
    assert_eq!(refused.status, 403);
    let unknown = json!({ "token": format!("mbl_{}", "A".repeat(43)) });
    assert_eq!(
        house.posts("/setup/begin", &unknown).await.body,
        refused.body
    );
    let begun = house.posts("/login/begin", &json!({})).await.json();
    let mut credential = phone.get(&begun["publicKey"]);
    credential["response"]["signature"] = json!("AAAA");
    let wrong = json!({ "ceremony": begun["ceremony"], "credential": credential });
    assert_eq!(
        house.posts("/login/finish", &wrong).await.body,
        refused.body
    );
    phone.credential = vec![9; 32];
    let begun = house.posts("/login/begin", &json!({})).await.json();
    let stranger = phone.get(&begun["publicKey"]);
    let strange = json!({ "ceremony": begun["ceremony"], "credential": stranger });
    assert_eq!(
        house.posts("/login/finish", &strange).await.body,
        refused.body
    );
}

#[actix_web::test]
async fn accounts_are_changed_by_an_admin_alone_and_right_after_a_passkey() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let admin = house
        .identity
        .add_staff(Role::Admin, "admin-1", "山田", By::operator());
    admin.await.unwrap();
    let (_, physician) = house.comes_in("dr-0042").await;
    let (_, admin) = house.comes_in("admin-1").await;
    let form = [
        ("id", "r-1"),
        ("name", "<b>鈴木</b>"),
        ("role", "registrar"),
        ("hours", "1"),
    ];
    let add = |session: &str| with(from_own_page("/admin/staff"), session).set_form(form);
    assert_eq!(
        sent(&house, with(page("/admin/staff"), &physician))
            .await
            .status,
        403
    );
    assert_eq!(sent(&house, add(&physician)).await.status, 403);
    let added = sent(&house, add(&admin)).await;
    assert_eq!(added.status, 200, "{}", added.body);
    assert!(added.body.contains("/setup#mbl_") && added.body.contains("<svg"));
    let listed = sent(&house, with(page("/admin/staff"), &admin)).await;
    assert!(listed.body.contains("&#60;b&#62;鈴木") && !listed.body.contains("<b>鈴木"));
    assert!(!listed.body.contains("mbl_"), "a link is shown once");
    for wrong in [
        ("role", "system"),
        ("role", "person"),
        ("role", "x"),
        ("name", " "),
    ] {
        let mut form = form.to_vec();
        form.retain(|(name, _)| *name != wrong.0);
        form.push(wrong);
        let request = with(from_own_page("/admin/staff"), &admin).set_form(form);
        assert_eq!(sent(&house, request).await.status, 400, "{wrong:?}");
    }
    house.clock.advance(890);
    sent(&house, with(page("/admin/staff"), &admin)).await;
    house.clock.advance(11);
    assert_eq!(
        sent(&house, add(&admin)).await.status,
        403,
        "the passkey was too long ago"
    );
    let stale = sent(&house, with(page("/admin/staff"), &admin)).await;
    assert!(stale.status == 200 && stale.body.contains("/lock/begin"));
    assert!(!stale.body.contains("name=\"hours\""));
}

#[actix_web::test]
async fn the_record_systems_link_leads_to_the_chart_and_says_one_thing_when_it_does_not() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let system = house.ehr().await;
    let token = system.signs(|_| {});
    let came = sent(&house, page(&format!("/c/open?t={token}"))).await;
    assert_eq!(
        (came.status, came.header("location")),
        (303, "/c/patients/0192-hana")
    );
    assert!(!came.header("location").contains("00012345"));
    let session = came.session();
    let found = house.identity.authenticate_session(&session, true).await;
    assert_eq!(found.unwrap().unwrap().caller, house.physician());
    // A page differs from itself by its nonce.
    let plain = |came: &Came| {
        let start = came.body.find("nonce=\"").unwrap() + 7;
        let nonce = came.body[start..start + 22].to_owned();
        came.body.replace(&nonce, "")
    };
    let used = sent(&house, page(&format!("/c/open?t={token}"))).await;
    assert_eq!(used.status, 403);
    assert!(used.header("set-cookie").is_empty());
    let unknown_chart = system.signs(|claims| claims["mrn"] = json!("99"));
    for other in ["", "x", unknown_chart.as_str()] {
        let refused = sent(&house, page(&format!("/c/open?t={other}"))).await;
        assert_eq!((refused.status, plain(&refused)), (403, plain(&used)));
    }
}
