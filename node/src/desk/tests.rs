//! The desk through its routes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use actix_web::{App, HttpMessage as _, test as http};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;
use crate::access::Act;
use crate::audit::{Audit, Filter};
use crate::config::SessionSettings;
use crate::consent::testing::Home;
use crate::database::Database;
use crate::database::testing::{on_each_async, sqlite};
use crate::federation::testing::{Alone, alone};
use crate::identity::{Caller, IdentityParts, Role};
use crate::pages::{Audience, House, Pages};
use crate::records::{Address, Validator};

struct Counter {
    home: Home,
    access: Access,
    records: Records,
    reception: Reception,
    _alone: Alone,
}

struct Reply {
    status: StatusCode,
    cache: String,
    text: String,
}

impl Counter {
    async fn open(database: Database) -> Self {
        let home = Home::on(database.clone());
        let access = Access::new(Audit::new(database.clone()), home.clock.clone());
        let (opened, clock, me) = (database.clone(), home.clock.clone(), home.minato.id.clone());
        let records = std::thread::spawn(move || {
            Records::open(opened, clock, &me, Validator::off()).unwrap()
        })
        .join()
        .unwrap();
        let alone = alone(&home, &access, &records).await;
        let reception = Reception::new(ReceptionParts {
            me: home.minato.id.clone(),
            people: Url::parse("https://patient.example/").ok(),
            access: access.clone(),
            records: records.clone(),
            linkage: Linkage::new(database.clone(), home.clock.clone(), home.minato.id.clone()),
            identity: Identity::open(IdentityParts {
                database,
                clock: home.clock.clone(),
                keys: Arc::clone(&home.keys),
                sessions: SessionSettings::default(),
                organization: "みなと病院".into(),
                oidc: None,
            })
            .unwrap(),
            federation: Arc::clone(&alone.federation),
        });
        let counter = Self {
            home,
            access,
            records,
            reception,
            _alone: alone,
        };
        counter.put(hana("h", "0012")).await;
        let mut other = hana("o", "0013");
        other["name"] = json!([{"text": "サトウ ハル"}]);
        counter.put(other).await;
        counter
    }

    async fn put(&self, resource: Value) {
        let system = Caller::staff(Role::System, Some("his".into())).unwrap();
        let permit = self.access.permit(&system, Act::Transaction).await.unwrap();
        let id = resource["id"].as_str().unwrap();
        let address = Address::parse(&format!("Patient/{id}")).unwrap();
        let body = resource.to_string();
        self.records
            .update(&permit, &address, body.as_bytes(), None)
            .await
            .unwrap();
    }

    async fn ask(&self, role: Role, request: TestRequest) -> Reply {
        let caller = Caller::staff(role, Some("id-1".into())).unwrap();
        let house = House {
            name: "みなと病院".into(),
            ..House::default()
        };
        let pages = Pages::open(house, Audience::Staff, &mut Registry::default()).unwrap();
        let app = App::new()
            .app_data(Data::new(self.reception.clone()))
            .app_data(Data::new(pages))
            .wrap_fn(move |request, service| {
                request.extensions_mut().insert(caller.clone());
                service.call(request)
            })
            .configure(routes::configure);
        let app = http::init_service(app).await;
        let response = http::call_service(&app, request.to_request()).await;
        let status = response.status();
        let cache = response.headers().get("cache-control");
        let cache = cache.map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = http::read_body(response).await;
        Reply {
            status,
            cache,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(Role::Registrar, TestRequest::get().uri(path))
            .await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let request = TestRequest::post().uri(path).set_form(form);
        self.ask(Role::Registrar, request).await
    }
}

fn hana(id: &str, number: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1958-03-14",
        "identifier": [
            {"system": "urn:oid:1.2.392.100495.20.3.51.10110000001", "value": number},
            {"system": "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID", "value": format!("01234567:あい:{number}:05")},
        ],
        "name": [
            {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "IDE"}], "text": "佐藤 花"},
            {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "SYL"}], "text": "サトウ ハナ", "family": "サトウ", "given": ["ハナ"]},
        ],
        "telecom": [{"system": "phone", "value": "011-222-3333"}],
    })
}

#[actix_web::test]
async fn two_things_find_a_chart_and_one_finds_none() {
    on_each_async(async |database| {
        let counter = Counter::open(database).await;
        let both: [&[(&str, &str)]; 4] = [
            &[
                ("chart_number", "００１２"),
                ("birth_date", "昭和33年3月14日"),
            ],
            &[("birth_date", "1958-03-14"), ("name", "さとう　はな")],
            &[("chart_number", "0012"), ("name", "佐藤花")],
            &[("chart_number", "0012"), ("telephone", "011(222)3333")],
        ];
        for form in both {
            let reply = counter.post("/desk", form).await;
            assert_eq!(reply.status, StatusCode::OK, "{form:?}");
            assert!(reply.text.contains("/desk/patients/h\""), "{form:?}");
            assert!(!reply.text.contains("/desk/patients/o\""), "{form:?}");
        }
        let short: [&[(&str, &str)]; 4] = [
            &[("chart_number", "0012")],
            &[("birth_date", "1958-03-14")],
            &[("name", "サトウ ハナ"), ("telephone", "011-222-3333")],
            &[],
        ];
        for form in short {
            let reply = counter.post("/desk", form).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
            assert!(!reply.text.contains("/desk/patients/"), "{form:?}");
        }
    })
    .await;
}

#[actix_web::test]
async fn one_wrong_thing_finds_nobody() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let wrong: [&[(&str, &str)]; 5] = [
        &[("chart_number", "0012"), ("birth_date", "1958-03-15")],
        &[("chart_number", "0012"), ("birth_date", "いつか")],
        &[("chart_number", "0012"), ("name", "鈴木")],
        &[
            ("chart_number", "0012"),
            ("insured", "01234567:あい:9999:05"),
        ],
        &[("chart_number", "0012,0013"), ("birth_date", "1958-03-14")],
    ];
    for form in wrong {
        let reply = counter.post("/desk", form).await;
        assert!(!reply.text.contains("/desk/patients/"), "{form:?}");
    }
}

#[actix_web::test]
async fn enrolling_shows_the_code_once_with_a_qr_code_and_makes_a_home() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let first = counter.post("/desk/patients/h/enrol", &[]).await;
    assert_eq!(
        (first.status, first.cache.as_str()),
        (StatusCode::OK, "no-store")
    );
    assert!(first.text.contains("<svg") && first.text.contains("https://patient.example/p/start"));
    assert!(first.text.contains("佐藤 花"));
    let code = between(&first.text, "big-code\">", "<");
    assert_eq!(code.len(), 9, "{code}");
    let chart = counter.get("/desk/patients/h").await;
    assert!(chart.text.contains("に登録しました") && !chart.text.contains(&code));
    let second = counter.post("/desk/patients/h/enrol", &[]).await;
    assert_ne!(between(&second.text, "big-code\">", "<"), code);
    let people = counter.reception.parts.linkage.people().await.unwrap();
    assert_eq!(people.len(), 1);
}

#[actix_web::test]
async fn a_chart_without_a_birth_date_enrols_nobody() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let mut unborn = hana("u", "0014");
    unborn["birthDate"] = json!("1958");
    counter.put(unborn).await;
    let reply = counter.post("/desk/patients/u/enrol", &[]).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    let people = counter.reception.parts.linkage.people().await.unwrap();
    assert!(people.is_empty());
}

#[actix_web::test]
async fn a_link_code_is_given_for_what_suffices_shown_once_and_taken_back() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let shown = [
        ("insured", "01234567:あい:0012:05"),
        ("birth_date", "S33.3.14"),
        ("name", "サトウ ハナ"),
        ("home", ""),
    ];
    let sheet = counter.post("/desk/patients/h/link", &shown).await;
    assert_eq!(sheet.status, StatusCode::OK, "{}", sheet.text);
    let code = between(&sheet.text, "big-code\">", "<");
    assert!(sheet.text.contains("<svg") && code.len() == 11, "{code}");
    let chart = counter.get("/desk/patients/h").await.text;
    assert!(chart.contains("まだ使われていません") && !chart.contains(&code));
    let offer = between(&chart, "name=\"which\" value=\"", "\"");
    let back = counter
        .post("/desk/patients/h/withdraw", &[("which", &offer)])
        .await;
    assert!(
        back.text.contains("番号を取り消しました"),
        "{}",
        back.status
    );
}

#[actix_web::test]
async fn what_does_not_suffice_gives_no_link_code_and_does_not_tell_what_differs() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let short = counter
        .post("/desk/patients/h/link", &[("chart_number", "0012")])
        .await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.text.contains("足りません"));
    let differs = [
        ("chart_number", "0012"),
        ("insured", "01234567:あい:9999:05"),
    ];
    let differs = counter.post("/desk/patients/h/link", &differs).await;
    assert!(differs.text.contains("どれが違うかは表示しません"));
    assert!(!differs.text.contains("big-code"));
}

#[actix_web::test]
async fn a_link_that_is_not_this_charts_is_not_ended() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    for which in ["", "nonsense", "AAAAAAAAAAAAAAAAAAAAAA", "../x"] {
        let reply = counter
            .post("/desk/patients/h/unlink", &[("which", which)])
            .await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{which}");
    }
}

#[actix_web::test]
async fn nobody_but_the_registrar_sits_at_the_desk_or_learns_which_charts_there_are() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let others = Role::ALL.into_iter();
    for role in others.filter(|role| !matches!(role, Role::Registrar | Role::Person)) {
        let form = [("chart_number", "0012"), ("birth_date", "1958-03-14")];
        let requests = [
            TestRequest::get().uri("/desk"),
            TestRequest::post().uri("/desk").set_form(form),
            TestRequest::get().uri("/desk/patients/h"),
            TestRequest::get().uri("/desk/patients/nobody"),
            TestRequest::post().uri("/desk/patients/h/enrol"),
            TestRequest::post()
                .uri("/desk/patients/h/link")
                .set_form(form),
            TestRequest::post()
                .uri("/desk/patients/h/unlink")
                .set_form([("which", "x")]),
            TestRequest::post()
                .uri("/desk/patients/h/withdraw")
                .set_form([("which", "x")]),
        ];
        for (at, request) in requests.into_iter().enumerate() {
            let reply = counter.ask(role, request).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role} {at}");
        }
    }
    assert_eq!(
        counter.get("/desk/patients/nobody").await.status,
        StatusCode::NOT_FOUND
    );
}

#[actix_web::test]
async fn each_look_at_a_chart_is_in_the_audit() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    counter.get("/desk/patients/h").await;
    let audit = Audit::new(counter.home.database.clone());
    let lines = audit.list(Filter::default()).await.unwrap();
    let looked = lines
        .iter()
        .filter(|line| format!("{line:?}").contains("identify"));
    assert_eq!(looked.count(), 1);
}

#[actix_web::test]
async fn a_hostile_name_stays_a_name() {
    let scratch = sqlite();
    let counter = Counter::open(scratch.database.clone()).await;
    let mut evil = hana("e", "\"><script>alert(1)</script>");
    evil["name"] = json!([{"text": "<img src=x onerror=alert(1)>"}]);
    counter.put(evil).await;
    let reply = counter.get("/desk/patients/e").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.text.contains("<img") && !reply.text.contains("<script>alert"));
}

fn between(text: &str, before: &str, after: &str) -> String {
    let from = text.find(before).unwrap() + before.len();
    let rest = &text[from..];
    rest[..rest.find(after).unwrap()].to_owned()
}
