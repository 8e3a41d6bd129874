#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, test as http};
use diesel::RunQueryDsl;
use federation_service::clock::ManualClock;

use super::routes::{people_door, staff_door};
use super::*;
use crate::database::testing::{on_each_async, sqlite};

mod authenticator;
mod deep_link;
mod enrolment;
mod hospital;
mod passkeys;
mod routes;
mod sessions;

/// The room on a database, with keys of its own and the settings that nobody changed.
pub(crate) fn identity_on(database: Database, clock: SharedClock) -> Identity {
    identity_with(database, clock, None)
}

fn identity_with(database: Database, clock: SharedClock, oidc: Option<OidcSettings>) -> Identity {
    let folder = tempfile::tempdir().unwrap();
    let opened = Identity::open(IdentityParts {
        database,
        clock,
        keys: Arc::new(Keys::create(&folder.path().join("keys")).unwrap()),
        sessions: SessionSettings::default(),
        organization: "みなと病院".into(),
        oidc,
    });
    opened.unwrap()
}

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_782_864_000)
}

async fn physician(identity: &Identity) -> (String, PlainToken) {
    let id = Some("dr-0042".to_owned());
    identity
        .create(Role::Physician, id, start().plus_seconds(600))
        .await
        .unwrap()
}

#[actix_web::test]
async fn a_token_names_its_caller_until_it_expires() {
    on_each_async(async |database| {
        let clock = ManualClock::at(start());
        let identity = identity_on(database, clock.clone());
        let (_id, token) = physician(&identity).await;
        let caller = identity.authenticate(token.reveal()).await.unwrap();
        assert_eq!(
            caller,
            Some(Caller::Physician {
                id: "dr-0042".into()
            })
        );
        clock.advance(599);
        assert!(
            identity
                .authenticate(token.reveal())
                .await
                .unwrap()
                .is_some()
        );
        clock.advance(1);
        assert_eq!(identity.authenticate(token.reveal()).await.unwrap(), None);
    })
    .await;
}

#[actix_web::test]
async fn a_revoked_token_opens_nothing_and_the_others_still_do() {
    on_each_async(async |database| {
        let identity = identity_on(database, ManualClock::at(start()));
        let (id, token) = physician(&identity).await;
        let (_other_id, other) = physician(&identity).await;
        identity.revoke(&id).await.unwrap();
        identity.revoke(&id).await.unwrap();
        assert_eq!(identity.authenticate(token.reveal()).await.unwrap(), None);
        assert!(
            identity
                .authenticate(other.reveal())
                .await
                .unwrap()
                .is_some()
        );
        assert!(matches!(
            identity.revoke("no-such").await,
            Err(IdentityError::Unknown)
        ));
        let listed = identity.list().await.unwrap();
        assert_eq!(
            listed
                .iter()
                .filter(|token| token.revoked_at.is_some())
                .count(),
            1
        );
    })
    .await;
}

#[actix_web::test]
async fn a_persons_token_names_their_own_chart() {
    on_each_async(async |database| {
        let identity = identity_on(database, ManualClock::at(start()));
        let person = PersonId::random();
        let ends = start().plus_seconds(60);
        let made = identity
            .create_for_person(person.clone(), Rid(7), ends)
            .await
            .unwrap();
        let caller = identity.authenticate(made.1.reveal()).await.unwrap();
        assert_eq!(
            caller,
            Some(Caller::Person {
                id: person,
                patient: Rid(7)
            })
        );
    })
    .await;
}

#[actix_web::test]
async fn the_table_holds_nothing_that_opens_a_door() {
    let scratch = sqlite();
    let identity = identity_on(scratch.database.clone(), ManualClock::at(start()));
    let (_id, token) = physician(&identity).await;
    let path = scratch.url.strip_prefix("sqlite:").unwrap();
    let mut stored = std::fs::read(path).unwrap();
    stored.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    let secret = token.reveal().as_bytes();
    assert!(!stored.windows(secret.len()).any(|window| window == secret));
}

#[test]
fn who_acts_in_signed_messages_needs_an_id() {
    for role in [Role::Physician, Role::System] {
        assert!(Caller::staff(role, None).is_err());
        assert!(Caller::staff(role, Some("a\"b".into())).is_err());
        assert!(Caller::staff(role, Some("dr-0042".into())).is_ok());
    }
    assert!(Caller::staff(Role::Auditor, None).is_ok());
    assert!(Caller::staff(Role::Person, Some("x".into())).is_err());
}

async fn whoami(caller: Caller) -> String {
    caller.role().to_string()
}

async fn answer_to(bearer: &[&str], path: &str, people: bool) -> (StatusCode, String, Vec<u8>) {
    let scratch = sqlite();
    let identity = identity_on(scratch.database.clone(), ManualClock::at(start()));
    let (_id, staff) = physician(&identity).await;
    let ends = start().plus_seconds(60);
    let (_id, person) = identity
        .create_for_person(PersonId::random(), Rid(7), ends)
        .await
        .unwrap();
    let routes = |config: &mut web::ServiceConfig| {
        config
            .route("/whoami", web::get().to(whoami))
            .route("/livez", web::get().to(|| async { "up" }));
    };
    let data = Data::new(identity);
    let mut request = http::TestRequest::get().uri(path);
    for header in bearer {
        let value = match *header {
            "staff" => format!("Bearer {}", staff.reveal()),
            "person" => format!("Bearer {}", person.reveal()),
            other => other.to_owned(),
        };
        request = request.append_header(("authorization", value));
    }
    let response = if people {
        let app = App::new()
            .app_data(data)
            .configure(routes)
            .wrap(from_fn(people_door));
        let app = http::init_service(app).await;
        http::call_service(&app, request.to_request())
            .await
            .map_into_boxed_body()
    } else {
        let app = App::new()
            .app_data(data)
            .configure(routes)
            .wrap(from_fn(staff_door));
        let app = http::init_service(app).await;
        http::call_service(&app, request.to_request())
            .await
            .map_into_boxed_body()
    };
    let headers = format!("{:?}", response.headers());
    (
        response.status(),
        headers,
        http::read_body(response).await.to_vec(),
    )
}

#[actix_web::test]
async fn a_stranger_gets_one_answer_on_every_path() {
    let unknown = answer_to(&[], "/no/such/path", false).await;
    assert_eq!(unknown.0, StatusCode::UNAUTHORIZED);
    assert!(unknown.1.contains("application/problem+json"));
    let of_fhir = answer_to(&[], "/fhir/Patient/1", false).await;
    assert_eq!(of_fhir.0, StatusCode::UNAUTHORIZED);
    assert!(of_fhir.1.contains("application/fhir+json"));
    let outcome: serde_json::Value = serde_json::from_slice(&of_fhir.2).unwrap();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], "login");
    let garbage = format!("Bearer mbt_{}", "A".repeat(43));
    let long = format!("Bearer mbt_{}", "A".repeat(4300));
    let strange: [&[&str]; 6] = [
        &[],
        &[&garbage],
        &[&long],
        &["Basic YTpi"],
        &["staff", "staff"],
        &["person"],
    ];
    for headers in strange {
        assert_eq!(answer_to(headers, "/whoami", false).await, unknown);
        for path in ["/fhir", "/fhir/", "/fhir/no/such/path", "/fhir/metadata"] {
            assert_eq!(answer_to(headers, path, false).await, of_fhir);
        }
        assert_eq!(answer_to(headers, "/fhirs", false).await, unknown);
    }
    assert_eq!(answer_to(&["staff"], "/fhir/metadata", true).await, of_fhir);
    assert_eq!(answer_to(&["staff"], "/whoami", true).await, unknown);
}

#[actix_web::test]
async fn the_door_lets_in_whom_it_is_for() {
    assert_eq!(
        answer_to(&["staff"], "/whoami", false).await.2,
        b"physician"
    );
    assert_eq!(answer_to(&["person"], "/whoami", true).await.2, b"person");
    assert_eq!(
        answer_to(&["staff"], "/no/such/path", false).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(answer_to(&[], "/livez", false).await.2, b"up");
}

#[actix_web::test]
async fn without_its_table_nobody_is_let_in() {
    let scratch = sqlite();
    let identity = identity_on(scratch.database.clone(), ManualClock::at(start()));
    let (_id, token) = physician(&identity).await;
    let dropped: Result<usize, DatabaseError> = scratch
        .database
        .transact(
            |connection| Ok(diesel::sql_query("DROP TABLE access_token").execute(connection)?),
        )
        .await;
    dropped.unwrap();
    assert!(identity.authenticate(token.reveal()).await.is_err());
}
