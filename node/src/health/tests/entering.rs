//! Values by hand: entered, asked about, corrected, deleted.

use super::*;
use crate::database::testing::on_each_async;

fn entry(kind: &str, value: &str) -> Entry {
    Entry {
        kind: kind.to_owned(),
        value: value.to_owned(),
        lower: "76".to_owned(),
        at: "2026-01-14T07:30".to_owned(),
        until: "2026-01-14T13:30".to_owned(),
        ..Entry::default()
    }
}

#[actix_web::test]
async fn every_kind_is_entered_by_hand_and_found_again() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        for (kind, value) in [
            ("blood-pressure", "118"),
            ("heart-rate", "72"),
            ("body-mass", "61.5"),
            ("blood-glucose", "99"),
            ("oxygen-saturation", "97"),
            ("body-temperature", "36.5"),
            ("steps", "4321"),
            ("sleep", ""),
        ] {
            let kept = site.health.enter(&site.hana, &entry(kind, value)).await;
            assert_eq!(kept.unwrap(), Kept::Saved, "{kind}");
            let again = site.health.enter(&site.hana, &entry(kind, value)).await;
            assert_eq!(again.unwrap(), Kept::Known, "{kind}");
            let kind = kind.parse().unwrap();
            let shown = site.health.shown(&site.hana, &[kind], 10).await.unwrap();
            assert_eq!(shown[0].measured.len(), 1, "{kind}");
            assert!(shown[0].measured[0].is_own);
        }
        assert_eq!(site.observations(&site.hana).await.len(), 8);
        assert!(site.observations(&site.taro).await.is_empty());
    })
    .await;
}

#[actix_web::test]
async fn an_unusual_value_is_asked_about_and_saved_when_it_is_so() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let mut heavy = entry("body-mass", "300");
        let asked = site.health.enter(&site.hana, &heavy).await.unwrap();
        assert_eq!(asked, Kept::Unusual);
        assert!(site.observations(&site.hana).await.is_empty());
        heavy.confirmed = true;
        let kept = site.health.enter(&site.hana, &heavy).await.unwrap();
        assert_eq!(kept, Kept::Saved);
        heavy.value = "3000".to_owned();
        let refused = site.health.enter(&site.hana, &heavy).await;
        assert!(matches!(
            refused,
            Err(HealthError::Entered(Entered::Impossible))
        ));
    })
    .await;
}

#[actix_web::test]
async fn a_correction_takes_the_place_of_what_it_corrects() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let wrong = entry("body-mass", "16.5");
        site.health.enter(&site.hana, &wrong).await.unwrap();
        let id = site.observations(&site.hana).await[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut right = entry("body-mass", "61.5");
        right.replaces = id;
        site.health.enter(&site.hana, &right).await.unwrap();
        // The same once more takes nothing away.
        let id = site.observations(&site.hana).await[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        right.replaces = id;
        site.health.enter(&site.hana, &right).await.unwrap();
        let all = site.observations(&site.hana).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["valueQuantity"]["value"], 61.5);
    })
    .await;
}

#[actix_web::test]
async fn the_steps_of_a_day_can_be_corrected_downwards() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        site.health
            .enter(&site.hana, &entry("steps", "43210"))
            .await
            .unwrap();
        let all = site.observations(&site.hana).await;
        let mut right = entry("steps", "4321");
        right.replaces = all[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(
            site.health.enter(&site.hana, &right).await.unwrap(),
            Kept::Saved
        );
        let all = site.observations(&site.hana).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["valueQuantity"]["value"], 4321);
    })
    .await;
}

#[actix_web::test]
async fn what_a_hospital_measured_is_shown_and_neither_corrected_nor_deleted() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        site.hospital_writes(&json!({
            "resourceType": "Observation", "id": "ward-1", "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": "Patient/hana"},
            "effectiveDateTime": "2026-01-14T07:30:00+09:00",
            "valueQuantity": {"value": 61.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        }))
        .await;
        let weight = apple_health::Kind::BodyMass;
        let shown = site.health.shown(&site.hana, &[weight], 10).await.unwrap();
        assert!(!shown[0].measured[0].is_own);
        let deleted = site.health.delete(&site.hana, "ward-1").await;
        assert_eq!(deleted.unwrap_err().code(), "not-found");
        let mut entry = entry("body-mass", "62");
        entry.replaces = "ward-1".to_owned();
        let replaced = site.health.enter(&site.hana, &entry).await;
        assert_eq!(replaced.unwrap_err().code(), "not-found");
        let one = site.health.one(&site.hana, weight, "ward-1").await;
        assert_eq!(one.unwrap_err().code(), "not-found");
        let all = site.observations(&site.hana).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["status"], "final");
    })
    .await;
}

#[actix_web::test]
async fn a_person_deletes_their_own_and_nobody_else_s() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        site.health
            .enter(&site.hana, &entry("body-mass", "61.5"))
            .await
            .unwrap();
        let id = site.observations(&site.hana).await[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        for stranger in [&site.taro] {
            let deleted = site.health.delete(stranger, &id).await;
            assert_eq!(deleted.unwrap_err().code(), "not-found");
        }
        site.health.delete(&site.hana, &id).await.unwrap();
        assert!(site.observations(&site.hana).await.is_empty());
        let twice = site.health.delete(&site.hana, &id).await;
        assert_eq!(twice.unwrap_err().code(), "not-found");
    })
    .await;
}
