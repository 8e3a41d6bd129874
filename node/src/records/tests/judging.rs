use federation_protocol::category::Category;
use federation_protocol::consent::ResourceFacts;
use federation_protocol::label::Confidentiality;

use super::*;
use crate::database::testing::on_each_async;

/// As a permit for a peer: one chart, some categories, nothing Restricted.
pub(super) struct Peer {
    pub(super) chart: Rid,
    pub(super) categories: Vec<Category>,
}

impl Reach for Peer {
    fn sees_everything(&self) -> bool {
        false
    }

    fn chart(&self) -> Option<Rid> {
        Some(self.chart)
    }

    fn categories(&self) -> Option<&[Category]> {
        Some(&self.categories)
    }

    fn allows(&self, facts: &ResourceFacts) -> bool {
        self.categories.contains(&facts.category)
            && facts.labels.confidentiality() == Confidentiality::Normal
    }
}

async fn peer(house: &House, patient: &str, categories: &[Category]) -> Peer {
    let chart = house
        .records
        .chart_of(&address(&format!("Patient/{patient}")))
        .await
        .unwrap();
    Peer {
        chart: chart.unwrap(),
        categories: categories.to_vec(),
    }
}

async fn shown(house: &House, peer: &Peer, kind: &str, pairs: &[(&str, &str)]) -> Page {
    let query = SearchQuery::parse(ResourceType::named(kind).unwrap(), pairs).unwrap();
    house.records.search_as(peer, query).await.unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.entries
        .iter()
        .map(|entry| entry.address.id.as_str())
        .collect()
}

const PSYCHIATRY: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";

fn sensitive(mut resource: Value) -> Value {
    resource["reasonCode"] = json!([{"coding": [{"system": PSYCHIATRY, "code": "F32.9"}]}]);
    resource
}

#[tokio::test]
async fn a_peer_sees_one_chart_of_the_granted_kinds_only() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for id in ["p", "q"] {
            house.put(&patient(id)).await;
        }
        house
            .put(&prescription("mine", "p", "m", "2026-01-01"))
            .await;
        house
            .put(&prescription("theirs", "q", "m", "2026-01-02"))
            .await;
        house.put(&lab("l", "p", "c", "2026-01-01")).await;
        house
            .put(&json!({"resourceType": "Practitioner", "id": "dr"}))
            .await;
        let peer = peer(&house, "p", &[Category::Rx]).await;
        let rx = "MedicationRequest";
        assert_eq!(ids(&shown(&house, &peer, rx, &[]).await), ["mine"]);
        assert_eq!(
            ids(&shown(&house, &peer, rx, &[("code", "m")]).await),
            ["mine"]
        );
        assert_eq!(
            ids(&shown(&house, &peer, rx, &[("_id", "mine,theirs")]).await),
            ["mine"]
        );
        assert_eq!(
            ids(&shown(&house, &peer, rx, &[("patient", "q")]).await),
            [""; 0]
        );
        assert_eq!(
            ids(&shown(&house, &peer, rx, &[("authoredon", "2026")]).await),
            ["mine"]
        );
        assert_eq!(
            ids(&shown(&house, &peer, "Observation", &[]).await),
            [""; 0]
        );
        assert_eq!(
            ids(&shown(&house, &peer, "Observation", &[("code", "c")]).await),
            [""; 0]
        );
        assert_eq!(
            ids(&shown(&house, &peer, "Practitioner", &[]).await),
            [""; 0]
        );
        assert_eq!(ids(&shown(&house, &peer, "Patient", &[]).await), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_page_is_filled_with_permitted_resources_and_the_rest_is_counted() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for n in 0..60 {
            let date = format!("2026-{:02}-{:02}", n / 28 + 1, n % 28 + 1);
            let plain = prescription(&format!("m{n:02}"), "p", "m", &date);
            house
                .put(&if n % 3 == 0 { plain } else { sensitive(plain) })
                .await;
        }
        let peer = peer(&house, "p", &[Category::Rx]).await;
        let kind = "MedicationRequest";
        let first = shown(&house, &peer, kind, &[("_count", "15")]).await;
        assert_eq!(first.entries.len(), 15);
        assert!(
            first
                .entries
                .iter()
                .all(|entry| entry.facts.labels.is_empty())
        );
        let cursor = first.next.as_deref().unwrap();
        let second = shown(
            &house,
            &peer,
            kind,
            &[("_count", "15"), ("_cursor", cursor)],
        )
        .await;
        assert_eq!((ids(&second).len(), second.next.is_none()), (5, true));
        assert_eq!(first.withheld + second.withheld, 40);
        // Nothing left but what is withheld: no next page tells of it.
        let exact = shown(&house, &peer, kind, &[("_count", "20")]).await;
        assert_eq!(
            (exact.entries.len(), exact.next, exact.withheld),
            (20, None, 40)
        );
    })
    .await;
}

#[tokio::test]
async fn contained_resources_are_judged_with_their_container() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let mut with_condition = prescription("condition", "p", "m", "2026-01-01");
        with_condition["contained"] = json!([{"resourceType": "Condition", "id": "c"}]);
        house.put(&with_condition).await;
        let mut with_sensitive = prescription("sensitive", "p", "m", "2026-01-02");
        with_sensitive["contained"] = json!([{
            "resourceType": "Medication", "id": "c",
            "code": {"coding": [{"system": PSYCHIATRY, "code": "F20"}]}
        }]);
        house.put(&with_sensitive).await;
        let mut with_doctor = prescription("doctor", "p", "m", "2026-01-03");
        with_doctor["contained"] = json!([{"resourceType": "Practitioner", "id": "d"}]);
        house.put(&with_doctor).await;
        let narrow = peer(&house, "p", &[Category::Rx]).await;
        assert_eq!(
            ids(&shown(&house, &narrow, "MedicationRequest", &[]).await),
            ["doctor"]
        );
        let wide = peer(&house, "p", &[Category::Rx, Category::Condition]).await;
        let page = shown(&house, &wide, "MedicationRequest", &[]).await;
        assert_eq!(ids(&page), ["doctor", "condition"]);
    })
    .await;
}

#[tokio::test]
async fn an_encounters_sensitivity_marks_what_belongs_to_it_whichever_came_first() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let belonging = |id: &str| {
            let mut one = lab(id, "p", "c", "2026-01-01");
            one["encounter"] = json!({"reference": "Encounter/e"});
            one
        };
        house.put(&belonging("before")).await;
        let encounter = json!({
            "resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p"},
            "serviceType": {"text": "精神科"}
        });
        house.put(&encounter).await;
        house.put(&belonging("after")).await;
        let mut vaccine = json!({
            "resourceType": "Immunization", "id": "vaccine", "status": "completed",
            "patient": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/f"}
        });
        house.put(&vaccine).await;
        vaccine["id"] = json!("plain");
        vaccine["encounter"] = json!({"reference": "Encounter/g"});
        house.put(&vaccine).await;
        let mut other_encounter = encounter.clone();
        other_encounter["id"] = json!("f");
        house.put(&other_encounter).await;
        house.put(&lab("other", "p", "c", "2026-01-01")).await;
        let peer = peer(&house, "p", &[Category::Lab]).await;
        assert_eq!(
            ids(&shown(&house, &peer, "Observation", &[]).await),
            ["other"]
        );
        let procedures = self::peer(&house, "p", &[Category::Procedure]).await;
        let shown = shown(&house, &procedures, "Immunization", &[]).await;
        assert_eq!(ids(&shown), ["plain"]);
    })
    .await;
}

/// A document of encounters, and a prescription of a medication that stands by itself.
fn document(id: &str, encounters: &[&str]) -> Value {
    let encounters: Vec<Value> = encounters
        .iter()
        .map(|id| json!({"reference": format!("Encounter/{id}")}))
        .collect();
    json!({
        "resourceType": "DocumentReference", "id": id, "status": "current",
        "subject": {"reference": "Patient/p"}, "context": {"encounter": encounters}
    })
}

fn prescribed(id: &str, medication: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"},
        "medicationReference": {"reference": medication, "display": "抗うつ薬"}
    })
}

#[tokio::test]
async fn a_documents_encounters_and_a_prescriptions_medication_mark_it_whichever_came_first() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&document("before", &["calm", "e"])).await;
        house.put(&prescribed("rx-before", "Medication/m")).await;
        let encounter = json!({
            "resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p"},
            "serviceType": {"text": "精神科"}
        });
        house.put(&encounter).await;
        let medication = |id: &str, code: &str| {
            let yj = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";
            json!({
                "resourceType": "Medication", "id": id,
                "code": {"coding": [{"system": yj, "code": code}]}
            })
        };
        house.put(&medication("m", "1179041F1025")).await;
        house.put(&medication("aspirin", "1143010X1031")).await;
        house.put(&document("after", &["calm", "e"])).await;
        house.put(&document("plain", &["calm"])).await;
        house
            .put(&prescribed("rx-after", "Medication/m/_history/1"))
            .await;
        house
            .put(&prescribed("rx-plain", "Medication/aspirin"))
            .await;
        let everything = [Category::Document, Category::Rx];
        let peer = peer(&house, "p", &everything).await;
        for _indexed_anew in [false, true] {
            let documents = shown(&house, &peer, "DocumentReference", &[]).await;
            assert_eq!(ids(&documents), ["plain"]);
            let medicines = shown(&house, &peer, "MedicationRequest", &[]).await;
            assert_eq!(ids(&medicines), ["rx-plain"]);
            let database = house.database.clone();
            let anew = tokio::task::spawn_blocking(move || crate::records::reindex(&database));
            anew.await.unwrap().unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_person_reads_their_own_chart_and_no_other() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for id in ["p", "q"] {
            house.put(&patient(id)).await;
            house
                .put(&lab(&format!("{id}-lab"), id, "c", "2026-01-01"))
                .await;
        }
        let mut unsaid = lab("unsaid", "p", "c", "2026-01-02");
        unsaid["meta"] = json!({"security": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "TBOO"
        }]});
        house.put(&unsaid).await;
        let own = house
            .records
            .chart_of(&address("Patient/p"))
            .await
            .unwrap()
            .unwrap();
        let of_result = house
            .records
            .chart_of(&address("Observation/p-lab"))
            .await
            .unwrap();
        assert_eq!(of_result, Some(own));
        let access = Access::new(Audit::new(house.database.clone()), house.clock.clone());
        let person = Caller::Person {
            id: crate::identity::PersonId::random(),
            patient: own,
        };
        let act = Act::Search {
            kind: "Observation",
            patient: Some(own),
        };
        let permit = access.permit(&person, act).await.unwrap();
        let query =
            SearchQuery::parse::<&str, &str>(ResourceType::named("Observation").unwrap(), &[]);
        let page = house.records.search(&permit, query.unwrap()).await.unwrap();
        assert_eq!(ids(&page), ["p-lab"]);
        let read = async |at: &str| house.records.read(&permit, &address(at)).await;
        assert!(read("Patient/p").await.is_ok());
        assert!(read("Observation/p-lab").await.is_ok());
        for hidden in [
            "Patient/q",
            "Observation/q-lab",
            "Observation/unsaid",
            "Patient/none",
        ] {
            assert!(
                matches!(read(hidden).await, Err(RecordsError::NotFound)),
                "{hidden}"
            );
        }
        // A result that was filed under the wrong patient: its former version is not theirs.
        house.put(&lab("moved", "q", "c", "2026-01-01")).await;
        house.put(&lab("moved", "p", "c", "2026-01-01")).await;
        let moved = address("Observation/moved");
        assert!(house.records.vread(&permit, &moved, 2).await.is_ok());
        let former = house.records.vread(&permit, &moved, 1).await;
        assert!(matches!(former, Err(RecordsError::NotFound)));
        let body = patient("p").to_string();
        let at = address("Patient/p");
        let write = house.records.update(&permit, &at, body.as_bytes(), None);
        assert!(matches!(write.await, Err(RecordsError::ReadOnly)));
    })
    .await;
}

#[tokio::test]
async fn the_facts_name_this_hospital_as_author_unless_the_patient_wrote_it() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let mut ours = lab("ours", "p", "c", "2026-01-01");
        ours["performer"] = json!([{"reference": "Practitioner/7"}]);
        house.put(&ours).await;
        let mut theirs = lab("theirs", "p", "c", "2026-01-01");
        theirs["performer"] = json!([{"reference": "Patient/p"}]);
        house.put(&theirs).await;
        let authors = async |at: &str| {
            house
                .records
                .read(&house.permit, &address(at))
                .await
                .unwrap()
                .facts
                .authors
        };
        assert_eq!(
            authors("Observation/ours").await,
            ["Practitioner/7", MINATO]
        );
        assert_eq!(authors("Observation/theirs").await, ["Patient/p"]);
    })
    .await;
}
