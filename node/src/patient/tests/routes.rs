//! The routes: whose records they are is the caller.

use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use actix_web::{App, HttpMessage as _, test as http};

use super::*;
use crate::access::{Access, Act};
use crate::audit::{Audit, Filter};
use crate::consent::testing::Home;
use crate::database::Database;
use crate::database::testing::{on_each_async, sqlite};
use crate::federation::testing::{Alone, alone};
use crate::identity::{Caller, Role};
use crate::linkage::Linkage;
use crate::patient::routes::configure;
use crate::patient::{People, PeopleParts};
use crate::records::{Address, Records, Validator};

struct Ward {
    home: Home,
    access: Access,
    records: Records,
    linkage: Linkage,
    people: People,
    _alone: Alone,
}

struct Reply {
    status: StatusCode,
    cache: String,
    kind: String,
    body: Vec<u8>,
}

impl Reply {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Ward {
    async fn open(database: Database) -> Self {
        let home = Home::on(database.clone());
        let access = Access::new(Audit::new(database.clone()), home.clock.clone());
        let (opened, clock, me) = (database.clone(), home.clock.clone(), home.minato.id.clone());
        let records = std::thread::spawn(move || {
            Records::open(opened, clock, &me, Validator::off()).unwrap()
        })
        .join()
        .unwrap();
        let linkage = Linkage::new(database, home.clock.clone(), home.minato.id.clone());
        let alone = alone(&home, &access, &records).await;
        let people = People::new(PeopleParts {
            me: home.minato.id.clone(),
            name: "みなと病院".into(),
            clock: home.clock.clone(),
            access: access.clone(),
            records: records.clone(),
            linkage: linkage.clone(),
            federation: Arc::clone(&alone.federation),
        });
        Self {
            home,
            access,
            records,
            linkage,
            people,
            _alone: alone,
        }
    }

    async fn put(&self, resource: Value) {
        let system = Caller::staff(Role::System, Some("his".into())).unwrap();
        let permit = self.access.permit(&system, Act::Transaction).await.unwrap();
        let (kind, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
        let address = Address::parse(&format!("{}/{}", kind.unwrap(), id.unwrap())).unwrap();
        let body = resource.to_string();
        self.records
            .update(&permit, &address, body.as_bytes(), None)
            .await
            .unwrap();
    }

    /// A person with a chart, one result and one prescription.
    async fn person(&self, id: &str, name: &str) -> Caller {
        self.put(json!({
            "resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1958-03-14",
            "name": [{"text": name}],
        }))
        .await;
        let day = self.people.today().to_string();
        let mut result = lab(&format!("{name}の検査"), &day, 7.1);
        result["id"] = json!(format!("lab-{id}"));
        result["subject"] = json!({"reference": format!("Patient/{id}")});
        self.put(result).await;
        let mut taken = prescription(&format!("{name}の薬"), &day);
        taken["id"] = json!(format!("rx-{id}"));
        taken["subject"] = json!({"reference": format!("Patient/{id}")});
        self.put(taken).await;
        let address = Address::parse(&format!("Patient/{id}")).unwrap();
        let patient = self.records.chart_of(&address).await.unwrap().unwrap();
        let phone = self.linkage.enroll(patient, id).await.unwrap();
        Caller::Person {
            id: phone.person().clone(),
            patient,
        }
    }

    async fn get(&self, caller: &Caller, path: &str) -> Reply {
        let caller = caller.clone();
        let app = App::new()
            .app_data(Data::new(self.people.clone()))
            .app_data(Data::new(pages()))
            .wrap_fn(move |request, service| {
                request.extensions_mut().insert(caller.clone());
                service.call(request)
            })
            .configure(configure);
        let app = http::init_service(app).await;
        let response = http::call_service(&app, TestRequest::get().uri(path).to_request()).await;
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        Reply {
            status: response.status(),
            cache: header("cache-control"),
            kind: header("content-type"),
            body: http::read_body(response).await.to_vec(),
        }
    }
}

const PATHS: [&str; 15] = [
    "/p",
    "/p?wait=1",
    "/p?part=1",
    "/p/results",
    "/p/results?part=2",
    "/p/results/hba1c",
    "/p/medicines",
    "/p/medicines/notebook",
    "/p/medicines/notebook.csv",
    "/p/documents",
    "/p/settings",
    "/p/print",
    "/p/download/results.csv",
    "/p/download/medicines.csv",
    "/p/download/fhir.json",
];

#[actix_web::test]
async fn a_person_sees_their_own_and_nothing_of_anybody_else() {
    on_each_async(async |database| {
        let ward = Ward::open(database).await;
        let hana = ward.person("h", "花").await;
        let taro = ward.person("t", "太郎").await;
        let mut own = 0;
        for path in PATHS {
            let reply = ward.get(&hana, path).await;
            assert_eq!(reply.status, StatusCode::OK, "{path}");
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            let (sjis, _, _) = encoding_rs::SHIFT_JIS.decode(&reply.body);
            assert!(!said.contains("太郎") && !sjis.contains("太郎"), "{path}");
            own += usize::from(said.contains("花の") || sjis.contains("花の"));
        }
        assert!(own >= 8, "{own}");
        let other = ward.get(&taro, "/p/medicines").await.text();
        assert!(other.contains("太郎の薬") && !other.contains("花の薬"));
    })
    .await;
}

#[actix_web::test]
async fn no_page_and_no_file_may_be_kept() {
    let scratch = sqlite();
    let ward = Ward::open(scratch.database.clone()).await;
    let hana = ward.person("h", "花").await;
    for path in PATHS {
        assert_eq!(ward.get(&hana, path).await.cache, "no-store", "{path}");
    }
}

#[actix_web::test]
async fn staff_have_no_phone() {
    let scratch = sqlite();
    let ward = Ward::open(scratch.database.clone()).await;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Person) {
        let caller = Caller::staff(role, Some("id-1".into())).unwrap();
        for path in PATHS.into_iter().filter(|path| *path != "/p/settings") {
            let reply = ward.get(&caller, path).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} {role}");
        }
    }
}

#[actix_web::test]
async fn who_is_enrolled_no_longer_sees_nothing() {
    let scratch = sqlite();
    let ward = Ward::open(scratch.database.clone()).await;
    let Caller::Person { patient, .. } = ward.person("h", "花").await else {
        panic!("a person");
    };
    let stranger = Caller::Person {
        id: crate::identity::PersonId::random(),
        patient,
    };
    let reply = ward.get(&stranger, "/p/results").await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_path_that_is_no_item_is_no_page() {
    let scratch = sqlite();
    let ward = Ward::open(scratch.database.clone()).await;
    let hana = ward.person("h", "花").await;
    for path in [
        "/p/results/..%2f..",
        "/p/results/%3Cscript%3E",
        "/p/results/x-0011223344556677",
    ] {
        let reply = ward.get(&hana, path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    let unknown = ward.get(&hana, "/p/results?name=x").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn the_bundle_holds_the_whole_chart_as_it_was_written() {
    let scratch = sqlite();
    let ward = Ward::open(scratch.database.clone()).await;
    let hana = ward.person("h", "花").await;
    let reply = ward.get(&hana, "/p/download/fhir.json").await;
    assert_eq!(reply.kind, "application/fhir+json");
    let bundle: Value = serde_json::from_str(&reply.text()).unwrap();
    let kinds: Vec<&str> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["resource"]["resourceType"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Patient", "MedicationRequest", "Observation"]);
}

#[actix_web::test]
async fn a_page_is_one_line_of_the_audit_about_the_own_chart() {
    let scratch = sqlite();
    let ward = Ward::open(scratch.database.clone()).await;
    let hana = ward.person("h", "花").await;
    let audit = Audit::new(ward.home.database.clone());
    let before = audit.list(Filter::default()).await.unwrap().len();
    ward.get(&hana, "/p").await;
    let after = audit.list(Filter::default()).await.unwrap();
    assert_eq!(after.len(), before + 1);
    assert_eq!(after.last().unwrap().actor_role, "person");
}
