//! Sessions: what a cookie opens, and when it stops.

use std::sync::Arc;

use super::super::routes::Site;
use super::*;
use crate::audit::{Audit, Filter};
use crate::config::Listener;

pub(super) const ORIGIN: &str = "https://musubi.minato.example";

/// A house with one physician, whose clock a test moves.
pub(super) struct House {
    pub(super) identity: Identity,
    pub(super) clock: Arc<ManualClock>,
    pub(super) database: Database,
}

impl House {
    pub(super) async fn on(database: Database) -> Self {
        let clock = ManualClock::at(start());
        let identity = identity_on(database.clone(), clock.clone());
        let by = staff::By::operator();
        let added = identity.add_staff(Role::Physician, "dr-0042", "佐藤 健", by);
        added.await.unwrap();
        Self {
            identity,
            clock,
            database,
        }
    }

    pub(super) fn physician(&self) -> Caller {
        Caller::staff(Role::Physician, Some("dr-0042".into())).unwrap()
    }

    pub(super) async fn signed_in(&self) -> PlainSession {
        let physician = self.physician();
        let opened = self.identity.open_session(&physician, Shown::Passkey);
        opened.await.unwrap()
    }

    pub(super) async fn by(&self, cookie: &PlainSession) -> Option<Signed> {
        let cookie = cookie.reveal();
        let found = self.identity.authenticate_session(cookie, true).await;
        found.unwrap()
    }

    /// The acts of the audit's lines about logins.
    pub(super) async fn logins(&self) -> Vec<String> {
        let lines = Audit::new(self.database.clone());
        let lines = lines.list(Filter::default()).await.unwrap();
        let logins = lines.iter().filter(|line| line.kind == "login");
        logins
            .map(|line| line.detail["act"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

pub(super) fn site() -> Data<Site> {
    Data::new(Site::new(Listener {
        bind: "127.0.0.1:8444".parse().unwrap(),
        tls: None,
        workers: None,
        public_url: Some(ORIGIN.parse().unwrap()),
    }))
}

#[actix_web::test]
async fn a_session_that_idles_is_locked_and_not_ended() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let cookie = house.signed_in().await;
        house.clock.advance(14 * 60);
        let signed = house.by(&cookie).await.unwrap();
        assert!(!signed.locked);
        assert_eq!(signed.name.as_deref(), Some("佐藤 健"));
        house.clock.advance(15 * 60);
        assert!(!house.by(&cookie).await.unwrap().locked);
        house.clock.advance(15 * 60 + 1);
        assert!(house.by(&cookie).await.unwrap().locked);
        house.clock.advance(60);
        assert!(house.by(&cookie).await.unwrap().locked);
        assert_eq!(house.logins().await, ["login", "lock"]);
    })
    .await;
}

#[actix_web::test]
async fn what_comes_by_itself_keeps_no_session_awake() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let cookie = house.signed_in().await;
    for _ in 0..15 {
        house.clock.advance(60);
        let found = house.identity.authenticate_session(cookie.reveal(), false);
        assert!(!found.await.unwrap().unwrap().locked);
    }
    house.clock.advance(1);
    assert!(house.by(&cookie).await.unwrap().locked);
}

#[actix_web::test]
async fn a_session_ends_after_its_longest_time_however_busy_it_is() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let cookie = house.signed_in().await;
    for _ in 0..71 {
        house.clock.advance(600);
        assert!(house.by(&cookie).await.is_some());
    }
    house.clock.advance(600);
    assert!(house.by(&cookie).await.is_none());
}

#[actix_web::test]
async fn a_stolen_cookie_opens_nothing_after_its_owner_left() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let (cookie, other) = (house.signed_in().await, house.signed_in().await);
        let signed = house.by(&cookie).await.unwrap();
        house.identity.end(&signed).await.unwrap();
        house.identity.end(&signed).await.unwrap();
        assert!(house.by(&cookie).await.is_none());
        assert!(house.by(&other).await.is_some());
        let owner = Owner::of(&house.physician()).unwrap();
        assert_eq!(house.identity.sessions_of(&owner).await.unwrap().len(), 1);
        assert_eq!(house.identity.end_all_of(&owner).await.unwrap(), 1);
        assert!(house.by(&other).await.is_none());
        let seen = house.logins().await;
        assert_eq!(seen, ["login", "login", "logout", "end"]);
    })
    .await;
}

#[actix_web::test]
async fn a_disabled_account_or_another_role_ends_what_is_open() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let cookie = house.signed_in().await;
        let by = staff::By::operator;
        let registrar = house
            .identity
            .add_staff(Role::Registrar, "dr-0042", "佐藤 健", by());
        registrar.await.unwrap();
        assert!(house.by(&cookie).await.is_none());
        // What was drafted under the former role opens nothing either.
        let before = house.physician();
        let late = house.identity.open_session(&before, Shown::Passkey).await;
        assert!(matches!(late, Err(IdentityError::NoAccount)));
        let now = Caller::staff(Role::Registrar, Some("dr-0042".into())).unwrap();
        let cookie = house.identity.open_session(&now, Shown::Passkey);
        let cookie = cookie.await.unwrap();
        assert!(house.by(&cookie).await.is_some());
        house.identity.disable_staff("dr-0042", by()).await.unwrap();
        assert!(house.by(&cookie).await.is_none());
        let again = house.identity.open_session(&now, Shown::Passkey);
        assert!(matches!(again.await, Err(IdentityError::NoAccount)));
    })
    .await;
}

#[actix_web::test]
async fn nobody_signs_in_as_a_system_or_without_an_account() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    for (role, id) in [
        (Role::System, Some("ehr")),
        (Role::Admin, None),
        (Role::Admin, Some("nobody")),
    ] {
        let caller = Caller::staff(role, id.map(str::to_owned)).unwrap();
        let opened = house.identity.open_session(&caller, Shown::Passkey).await;
        assert!(opened.is_err(), "{role}");
    }
    let by = staff::By::operator;
    let identity = &house.identity;
    for (role, id, name) in [
        (Role::System, "ehr", "EHR"),
        (Role::Person, "hana", "Hana"),
        (Role::Admin, "a b", "Admin"),
        (Role::Admin, "admin", " "),
        (Role::Admin, "admin", "a\u{0}b"),
    ] {
        assert!(identity.add_staff(role, id, name, by()).await.is_err());
    }
}

#[actix_web::test]
async fn a_person_signs_in_to_their_own_chart() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let hana = Caller::Person {
            id: PersonId::random(),
            patient: Rid(7),
        };
        let cookie = house.identity.open_session(&hana, Shown::Passkey);
        let cookie = cookie.await.unwrap();
        let signed = house.by(&cookie).await.unwrap();
        assert_eq!((signed.caller, signed.name), (hana, None));
        assert_eq!(signed.second_factor_at, Some(start()));
        house.clock.advance(600 + 1);
        assert!(house.by(&cookie).await.unwrap().locked);
    })
    .await;
}

#[test]
fn a_second_factor_is_fresh_for_fifteen_minutes() {
    let signed = Signed {
        session: "s".into(),
        caller: Caller::staff(Role::Physician, Some("dr-1".into())).unwrap(),
        name: None,
        shown: Shown::Passkey,
        second_factor_at: Some(start()),
        locked: false,
        expires_at: start().plus_seconds(9_999),
    };
    assert_eq!(signed.fresh_factor(start()), Some(start()));
    assert!(signed.fresh_factor(start().plus_seconds(900)).is_some());
    assert!(signed.fresh_factor(start().plus_seconds(901)).is_none());
    assert!(signed.fresh_factor(start().plus_seconds(-1)).is_none());
    let by_link = Signed {
        second_factor_at: None,
        ..signed
    };
    assert!(by_link.fresh_factor(start()).is_none());
}

/// A request through the staff's door; status, `location` and body.
async fn knock(house: &House, request: http::TestRequest) -> (u16, String, String) {
    let app = App::new()
        .app_data(Data::new(house.identity.clone()))
        .app_data(site())
        .route("/whoami", web::get().to(whoami))
        .route("/change", web::post().to(whoami))
        .route("/c/patients", web::get().to(whoami))
        .route("/lock", web::get().to(who_is_there))
        .route("/lock", web::post().to(who_is_there))
        .wrap(from_fn(staff_door));
    let app = http::init_service(app).await;
    let response = http::call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let location = response.headers().get("location");
    let location = location.map(|to| to.to_str().unwrap().to_owned());
    let body = http::read_body(response).await;
    (
        status,
        location.unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

async fn who_is_there(signed: Option<Signed>, caller: Option<Caller>) -> String {
    let locked = signed.map_or("nobody", |one| if one.locked { "locked" } else { "open" });
    format!("{locked} {}", caller.is_some())
}

fn get(path: &str, cookie: &PlainSession) -> http::TestRequest {
    let cookie = format!("__Host-musubi={}", cookie.reveal());
    http::TestRequest::get()
        .uri(path)
        .insert_header(("cookie", cookie))
}

fn post(cookie: &PlainSession) -> http::TestRequest {
    get("/change", cookie).method(actix_web::http::Method::POST)
}

#[actix_web::test]
async fn one_cookie_of_ours_opens_the_door_and_never_beside_a_token() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let cookie = house.signed_in().await;
    let (_id, token) = super::physician(&house.identity).await;
    assert_eq!(knock(&house, get("/whoami", &cookie)).await.0, 200);
    let bearer = ("authorization", format!("Bearer {}", token.reveal()));
    let both = get("/whoami", &cookie).insert_header(bearer);
    assert_eq!(knock(&house, both).await.0, 401);
    let text = format!("__Host-musubi={}", cookie.reveal());
    for (headers, status) in [
        (vec![format!("a=b; {text}; c=d")], 200),
        (vec![format!("{text}; {text}")], 401),
        (vec![text.clone(), "__Host-musubi=planted".into()], 401),
        (vec!["__Host-musubi=".into()], 401),
        (vec![text.replace("__Host-", "")], 401),
        (vec![text.replace("mbs_", "mbt_")], 401),
        (vec![format!("__Host-musubi={}", token.reveal())], 401),
    ] {
        let mut request = http::TestRequest::get().uri("/whoami");
        for header in &headers {
            request = request.append_header(("cookie", header.as_str()));
        }
        assert_eq!(knock(&house, request).await.0, status, "{headers:?}");
    }
    // A session is no bearer token.
    let session = ("authorization", format!("Bearer {}", cookie.reveal()));
    let request = http::TestRequest::get()
        .uri("/whoami")
        .insert_header(session);
    assert_eq!(knock(&house, request).await.0, 401);
}

#[actix_web::test]
async fn no_other_sites_page_changes_anything() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let cookie = house.signed_in().await;
    let own = [("origin", ORIGIN)];
    let fetched = [("sec-fetch-site", "same-origin")];
    let without_referrer = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    for headers in [own.as_slice(), &fetched, &without_referrer] {
        let request = headers.iter().fold(post(&cookie), |request, header| {
            request.append_header(*header)
        });
        assert_eq!(knock(&house, request).await.0, 200, "{headers:?}");
    }
    let strange: [&[(&str, &str)]; 14] = [
        &[],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://musubi.minato.example:8445")],
        &[("origin", "http://musubi.minato.example")],
        &[("origin", "https://musubi.minato.example.evil.example")],
        &[("origin", "https://minato.example")],
        &[("origin", "https://musubi.minato.example/")],
        &[("origin", ORIGIN), ("origin", "https://evil.example")],
        &[("origin", ORIGIN), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("referer", "https://musubi.minato.example/c")],
    ];
    let refused = knock(&house, post(&cookie)).await;
    assert_eq!(refused.0, 403);
    for headers in strange {
        let request = headers.iter().fold(post(&cookie), |request, header| {
            request.append_header(*header)
        });
        assert_eq!(knock(&house, request).await, refused, "{headers:?}");
    }
    // A bearer token is sent by no browser by itself.
    let (_id, token) = super::physician(&house.identity).await;
    let bearer = ("authorization", format!("Bearer {}", token.reveal()));
    let request = http::TestRequest::post()
        .uri("/change")
        .insert_header(bearer);
    assert_eq!(knock(&house, request).await.0, 200);
}

#[actix_web::test]
async fn a_stranger_is_shown_the_way_in_on_pages_alone() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let page = |path: &str| {
        http::TestRequest::get()
            .uri(path)
            .insert_header(("accept", "text/html,application/xhtml+xml,*/*;q=0.8"))
    };
    for (path, next) in [
        ("/", "/"),
        ("/c/patients", "/c/patients"),
        ("/c/no/such", "/c/no/such"),
        ("/p/x?a=1&b=2", "/p/x%3Fa%3D1%26b%3D2"),
        ("/admin//evil.example", "/"),
    ] {
        let seen = knock(&house, page(path)).await;
        let to = format!("/login?next={next}");
        assert_eq!(seen, (303, to, String::new()), "{path}");
    }
    let plain = knock(&house, http::TestRequest::get().uri("/c/patients")).await;
    assert_eq!(plain.0, 401);
    for request in [
        page("/whoami"),
        page("/fhirs"),
        page("/cc"),
        page("/c/patients").method(actix_web::http::Method::POST),
    ] {
        assert_eq!(knock(&house, request).await, plain);
    }
}

#[actix_web::test]
async fn a_locked_session_opens_the_lock_and_nothing_else() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let cookie = house.signed_in().await;
    assert_eq!(knock(&house, get("/lock", &cookie)).await.2, "open true");
    house.clock.advance(901);
    assert_eq!(knock(&house, get("/lock", &cookie)).await.2, "locked false");
    let page = get("/c/patients?of=a", &cookie).insert_header(("accept", "text/html"));
    let seen = knock(&house, page).await;
    assert_eq!(
        (seen.0, seen.1.as_str()),
        (303, "/lock?next=/c/patients%3Fof%3Da")
    );
    let refused = knock(&house, get("/whoami", &cookie)).await;
    assert_eq!(refused.0, 401);
    assert!(refused.2.contains("session_locked"));
    let unsafe_one = post(&cookie).insert_header(("origin", ORIGIN));
    assert_eq!(knock(&house, unsafe_one).await, refused);
    // Another site learns nothing of the lock.
    assert_eq!(knock(&house, post(&cookie)).await.0, 403);
    let stranger = http::TestRequest::get().uri("/lock");
    assert_eq!(knock(&house, stranger).await.2, "nobody false");
    let foreign = http::TestRequest::post().uri("/lock");
    assert_eq!(knock(&house, foreign).await.0, 403);
}
