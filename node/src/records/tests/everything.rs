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
