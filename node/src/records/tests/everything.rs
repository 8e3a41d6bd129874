use super::*;
use crate::database::testing::on_each_async;

impl House {
    async fn everything(&self, permit: &Permit, of: &str, pairs: &[(&str, &str)]) -> Everything {
        let query = EverythingQuery::parse(address(of), pairs).unwrap();
        self.records.everything(permit, &query).await.unwrap()
    }

    /// Every page, one after another.
    pub(super) async fn all_of(&self, permit: &Permit, of: &str, count: &str) -> Vec<String> {
        let mut told = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut pairs = vec![("_count", count)];
            pairs.extend(cursor.as_deref().map(|cursor| ("_cursor", cursor)));
            let page = self.everything(permit, of, &pairs).await;
            assert!(page.entries.len() <= count.parse::<usize>().unwrap());
            told.extend(names(&page.entries));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return told,
            }
        }
    }

    async fn with_a_chart(database: Database) -> Self {
        let house = Self::open(database).await;
        house
            .put(&json!({"resourceType": "Practitioner", "id": "dr"}))
            .await;
        house.put(&patient("p")).await;
        house.put(&patient("q")).await;
        house
            .put(&json!({
                "resourceType": "Encounter", "id": "e", "status": "finished",
                "class": {"code": "AMB"}, "subject": {"reference": "Patient/p"},
                "period": {"start": "2026-02-01", "end": "2026-02-03"}
            }))
            .await;
        let mut seen = lab("o1", "p", "c", "2026-02-02");
        seen["encounter"] = json!({"reference": "Encounter/e"});
        seen["performer"] = json!([{"reference": "Practitioner/dr"}]);
        house.put(&seen).await;
        house.put(&lab("o2", "p", "c", "2026-03-01")).await;
        house.put(&prescription("m", "p", "c", "2026-01-01")).await;
        house.put(&untold(lab("o3", "p", "c", "2026-04-01"))).await;
        house.put(&lab("theirs", "q", "c", "2026-02-02")).await;
        house
    }
}

fn names(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| entry.address.to_string())
        .collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[tokio::test]
async fn everything_of_a_patient_is_the_chart_and_whom_it_names() {
    on_each_async(async |database| {
        let house = House::with_a_chart(database).await;
        let page = house.everything(&house.permit, "Patient/p", &[]).await;
        let told = names(&page.entries);
        assert_eq!(told[0], "Patient/p");
        let expected = [
            "Encounter/e",
            "MedicationRequest/m",
            "Observation/o1",
            "Observation/o2",
            "Observation/o3",
            "Patient/p",
        ];
        assert_eq!(sorted(told.clone()), expected);
        assert_eq!(names(&page.included), ["Practitioner/dr"]);
        assert_eq!(page.next, None);
        for count in ["1", "2", "3", "6"] {
            assert_eq!(
                house.all_of(&house.permit, "Patient/p", count).await,
                told,
                "{count}"
            );
        }
        let only = async |pairs: &[(&str, &str)]| {
            sorted(names(
                &house
                    .everything(&house.permit, "Patient/p", pairs)
                    .await
                    .entries,
            ))
        };
        let february = only(&[("start", "2026-02-01"), ("end", "2026-02-28")]).await;
        assert_eq!(february, ["Encounter/e", "Observation/o1", "Patient/p"]);
        assert_eq!(
            only(&[("_type", "MedicationRequest,Encounter")]).await,
            ["Encounter/e", "MedicationRequest/m"]
        );
        assert_eq!(only(&[("_since", "2030")]).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn pages_of_everything_show_nothing_that_came_later() {
    on_each_async(async |database| {
        let house = House::with_a_chart(database).await;
        let before = house.all_of(&house.permit, "Patient/p", "100").await;
        let first = house
            .everything(&house.permit, "Patient/p", &[("_count", "2")])
            .await;
        house.put(&lab("late", "p", "c", "2020-01-01")).await;
        let mut told = names(&first.entries);
        let mut cursor = first.next;
        while let Some(next) = cursor {
            let pairs = [("_count", "2"), ("_cursor", next.as_str())];
            let page = house.everything(&house.permit, "Patient/p", &pairs).await;
            told.extend(names(&page.entries));
            cursor = page.next;
        }
        assert_eq!(told, before);
    })
    .await;
}

#[tokio::test]
async fn a_person_has_everything_of_their_own_that_they_were_told() {
    on_each_async(async |database| {
        let house = House::with_a_chart(database).await;
        let own = own_permit(&house, "Patient/p").await;
        let page = house.everything(&own, "Patient/p", &[]).await;
        let expected = [
            "Encounter/e",
            "MedicationRequest/m",
            "Observation/o1",
            "Observation/o2",
            "Patient/p",
        ];
        assert_eq!(sorted(names(&page.entries)), expected);
        assert_eq!(names(&page.included), [""; 0]);
        let query = EverythingQuery::parse::<&str, &str>(address("Patient/q"), &[]).unwrap();
        let theirs = house.records.everything(&own, &query).await;
        assert!(matches!(theirs, Err(RecordsError::NotFound)));
        let of_visit = house.everything(&own, "Encounter/e", &[]).await;
        assert_eq!(names(&of_visit.entries), ["Encounter/e", "Observation/o1"]);
    })
    .await;
}

#[tokio::test]
async fn everything_of_an_encounter_is_what_names_it() {
    on_each_async(async |database| {
        let house = House::with_a_chart(database).await;
        for count in ["1", "50"] {
            let told = house.all_of(&house.permit, "Encounter/e", count).await;
            assert_eq!(told, ["Encounter/e", "Observation/o1"]);
        }
        for wrong in [
            ("start", "2026"),
            ("_type", "Unicorn"),
            ("_count", "x"),
            ("code", "x"),
        ] {
            let refused = EverythingQuery::parse(address("Encounter/e"), &[wrong]);
            assert_eq!(refused.unwrap_err().told().status, 400, "{wrong:?}");
        }
    })
    .await;
}

impl House {
    /// Every page behind this one.
    async fn rest_of(
        &self,
        of: &str,
        pairs: &[(&str, &str)],
        first: Everything,
    ) -> Vec<Everything> {
        let mut pages = vec![first];
        while let Some(next) = pages[pages.len() - 1].next.clone() {
            let pairs = [pairs, &[("_cursor", next.as_str())]].concat();
            pages.push(self.everything(&self.permit, of, &pairs).await);
        }
        pages
    }

    /// Puts all of them in one transaction.
    async fn put_all(&self, resources: &[Value]) {
        let entries: Vec<Value> = resources
            .iter()
            .map(|one| {
                let url = address_of(one).to_string();
                json!({"resource": one, "request": {"method": "PUT", "url": url}})
            })
            .collect();
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let body = bundle.to_string();
        let done = self.records.transaction(&self.permit, body.as_bytes());
        done.await.unwrap();
    }
}

fn versions(pages: &[Everything]) -> Vec<(String, i32)> {
    let entries = pages.iter().flat_map(|page| &page.entries);
    entries
        .map(|entry| (entry.address.to_string(), entry.version))
        .collect()
}

fn in_encounter(mut resource: Value, encounter: &str) -> Value {
    resource["encounter"] = json!({"reference": format!("Encounter/{encounter}")});
    resource
}

#[tokio::test]
async fn what_is_changed_between_two_pages_is_on_one_of_them_as_it_was() {
    on_each_async(async |database| {
        for of in ["Patient/p", "Encounter/e"] {
            let house = House::with_a_chart(database.clone()).await;
            for (id, date) in [
                ("n1", "2026-05-01"),
                ("n2", "2026-05-02"),
                ("n3", "2026-05-03"),
            ] {
                house.put(&in_encounter(lab(id, "p", "c", date), "e")).await;
            }
            let pairs = [("_count", "2")];
            let before = house.everything(&house.permit, of, &pairs).await;
            let before = house.rest_of(of, &pairs, before).await;
            let first = house.everything(&house.permit, of, &pairs).await;
            // One is moved before where the page ended, one to the end, one is gone, one is another's.
            house
                .put(&in_encounter(lab("n1", "p", "c", "2026-12-01"), "e"))
                .await;
            house
                .put(&in_encounter(lab("o1", "p", "c", "2020-12-01"), "e"))
                .await;
            house.put(&lab("n2", "q", "c", "2026-05-02")).await;
            let at = address("Encounter/e");
            if of == "Patient/p" {
                house
                    .records
                    .delete(&house.permit, &at, None)
                    .await
                    .unwrap();
            }
            house
                .put(&in_encounter(lab("new", "p", "c", "2020-01-01"), "e"))
                .await;
            let after = house.rest_of(of, &pairs, first).await;
            assert_eq!(versions(&after), versions(&before), "{of}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_before_it_refers_to_more_than_it_can_bring_along() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let mut all = Vec::new();
        for number in 0..1_100 {
            let drug = format!("d{number}");
            all.push(json!({"resourceType": "Medication", "id": drug}));
            all.push(json!({
                "resourceType": "MedicationRequest", "id": format!("m{number}"),
                "status": "active", "intent": "order", "subject": {"reference": "Patient/p"},
                "medicationReference": {"reference": format!("Medication/{drug}")},
                "requester": {"reference": format!("Practitioner/{drug}")}
            }));
        }
        house.put_all(&all).await;
        let pairs = [("_count", "1000")];
        let first = house.everything(&house.permit, "Patient/p", &pairs).await;
        let pages = house.rest_of("Patient/p", &pairs, first).await;
        assert!(pages.iter().all(|page| !page.cut));
        // Two for each, there or not.
        assert_eq!(pages[0].entries.len(), 501);
        let brought = pages.iter().flat_map(|page| names(&page.included));
        let brought: std::collections::BTreeSet<_> = brought.collect();
        assert_eq!(brought.len(), 1_100);
        assert_eq!(versions(&pages).len(), 1_101);
    })
    .await;
}

#[tokio::test]
async fn one_resource_that_refers_to_more_than_a_page_brings_along_says_so() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let items: Vec<Value> = (0..1_001)
            .map(|number| json!({"item": {"reference": format!("Medication/d{number}")}}))
            .collect();
        house
            .put(&json!({
                "resourceType": "List", "id": "l", "status": "current", "mode": "working",
                "subject": {"reference": "Patient/p"}, "entry": items
            }))
            .await;
        let first = house.everything(&house.permit, "Patient/p", &[]).await;
        let pages = house.rest_of("Patient/p", &[], first).await;
        let cut: Vec<_> = pages
            .iter()
            .map(|page| (names(&page.entries), page.cut))
            .collect();
        let one = |name: &str| vec![name.to_owned()];
        assert_eq!(cut, [(one("Patient/p"), false), (one("List/l"), true)]);
    })
    .await;
}

#[tokio::test]
async fn everything_of_an_encounter_brings_its_patient_and_what_it_refers_to_in_the_chart() {
    on_each_async(async |database| {
        let house = House::with_a_chart(database).await;
        house
            .put(&json!({
                "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}
            }))
            .await;
        house
            .put(&json!({
                "resourceType": "Condition", "id": "theirs", "subject": {"reference": "Patient/q"}
            }))
            .await;
        house
            .put(&json!({
                "resourceType": "Encounter", "id": "e", "status": "finished",
                "class": {"code": "AMB"}, "subject": {"reference": "Patient/p"},
                "diagnosis": [
                    {"condition": {"reference": "Condition/c"}},
                    {"condition": {"reference": "Condition/theirs"}}
                ]
            }))
            .await;
        for count in ["1", "50"] {
            let pairs = [("_count", count)];
            let first = house.everything(&house.permit, "Encounter/e", &pairs).await;
            let pages = house.rest_of("Encounter/e", &pairs, first).await;
            let mut brought: Vec<String> = pages
                .iter()
                .flat_map(|page| names(&page.included))
                .collect();
            brought.sort();
            brought.dedup();
            assert_eq!(brought, ["Condition/c", "Patient/p", "Practitioner/dr"]);
        }
        let own = own_permit(&house, "Patient/p").await;
        let page = house.everything(&own, "Encounter/e", &[]).await;
        assert_eq!(sorted(names(&page.included)), ["Condition/c", "Patient/p"]);
    })
    .await;
}

#[tokio::test]
async fn what_names_a_patient_in_no_chart_is_everything_to_staff_and_nothing_to_the_person() {
    on_each_async(async |database| {
        let house = House::with_a_chart(database).await;
        let whom = json!({"reference": "Patient/p"});
        let naming = [
            json!({"resourceType": "Appointment", "id": "n", "status": "booked",
                "participant": [{"actor": whom, "status": "accepted"},
                    {"actor": {"reference": "Patient/q"}, "status": "accepted"}]}),
            json!({"resourceType": "AppointmentResponse", "id": "n", "actor": whom,
                "appointment": {"reference": "Appointment/n"}, "participantStatus": "accepted"}),
            json!({"resourceType": "AuditEvent", "id": "n", "recorded": "2026-01-01T00:00:00Z",
                "entity": [{"what": whom}]}),
            json!({"resourceType": "Group", "id": "n", "type": "person", "actual": true,
                "member": [{"entity": whom}]}),
            json!({"resourceType": "Person", "id": "n", "link": [{"target": whom}]}),
            json!({"resourceType": "Provenance", "id": "n", "target": [whom],
                "recorded": "2026-01-01T00:00:00Z"}),
            json!({"resourceType": "Schedule", "id": "n", "actor": [whom]}),
        ];
        let before = house.all_of(&house.permit, "Patient/p", "100").await;
        house.put_all(&naming).await;
        let expected: Vec<String> = before
            .iter()
            .cloned()
            .chain(naming.iter().map(|one| address_of(one).to_string()))
            .collect();
        for count in ["1", "3", "100"] {
            let told = house.all_of(&house.permit, "Patient/p", count).await;
            assert_eq!(told[..before.len()], before, "{count}");
            assert_eq!(sorted(told), sorted(expected.clone()), "{count}");
        }
        let only = [("_type", "Group,Schedule")];
        let told = house.everything(&house.permit, "Patient/p", &only).await;
        assert_eq!(sorted(names(&told.entries)), ["Group/n", "Schedule/n"]);
        let theirs = house.all_of(&house.permit, "Patient/q", "1").await;
        assert_eq!(theirs, ["Patient/q", "Observation/theirs", "Appointment/n"]);

        let own = own_permit(&house, "Patient/p").await;
        let page = house.everything(&own, "Patient/p", &[]).await;
        let beyond = |entry: &&Entry| entry.address.id.as_str() == "n";
        assert_eq!(page.entries.iter().chain(&page.included).find(beyond), None);

        let first = house
            .everything(&house.permit, "Patient/p", &[("_count", "1")])
            .await;
        house
            .put(&json!({"resourceType": "Schedule", "id": "n"}))
            .await;
        let pages = house.rest_of("Patient/p", &[("_count", "1")], first).await;
        assert_eq!(versions(&pages).len(), expected.len());
    })
    .await;
}
