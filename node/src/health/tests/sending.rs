//! Upload tokens: they add to one chart, and open nothing.

use super::*;
use crate::database::testing::on_each_async;

fn body() -> Vec<u8> {
    json!({"data": {"metrics": [
        {"name": "weight_body_mass", "units": "kg", "data": [
            {"date": AT, "qty": 61.5, "source": "花子の体重計"},
            {"date": AT, "qty": 61500, "source": "花子の体重計"}]},
    ]}})
    .to_string()
    .into_bytes()
}

#[actix_web::test]
async fn a_phone_sends_with_its_token_and_sending_again_adds_nothing() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let token = site
            .health
            .make_token(&site.hana, " わたしの iPhone ")
            .await
            .unwrap();
        for saved in [1, 0] {
            let holder = site.health.holder(token.reveal()).await.unwrap();
            let counts = site.health.take_in(holder, body()).await.unwrap();
            assert_eq!(
                (counts.saved, counts.duplicates, counts.outside),
                (saved, 1 - saved, 1)
            );
        }
        assert_eq!(site.observations(&site.hana).await.len(), 1);
        let tokens = site.health.tokens(&site.hana).await.unwrap();
        assert_eq!(tokens[0].label, "わたしの iPhone");
        assert!(tokens[0].used_at.is_some());
    })
    .await;
}

#[actix_web::test]
async fn a_revoked_a_made_up_and_an_ended_person_s_token_are_the_same_to_a_stranger() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let token = site.health.make_token(&site.hana, "").await.unwrap();
        let tokens = site.health.tokens(&site.hana).await.unwrap();
        // Another person ends nobody's token.
        let ended = site.health.revoke_token(&site.taro, &tokens[0].id).await;
        assert!(matches!(ended, Err(HealthError::NotFound)));
        site.health.holder(token.reveal()).await.unwrap();
        site.health
            .revoke_token(&site.hana, &tokens[0].id)
            .await
            .unwrap();
        let made_up = format!("mbv_{}", "A".repeat(43));
        for stranger in [token.reveal(), &made_up, "", "mbt_x"] {
            let refused = site.health.holder(stranger).await;
            assert!(matches!(refused, Err(HealthError::Token)));
        }
        assert!(site.health.tokens(&site.hana).await.unwrap().is_empty());
    })
    .await;
}

#[actix_web::test]
async fn a_token_is_kept_as_a_digest_and_five_are_enough() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        for _ in 0..5 {
            site.health.make_token(&site.hana, "x").await.unwrap();
        }
        let more = site.health.make_token(&site.hana, "x").await;
        assert!(matches!(more.map(drop), Err(HealthError::TooManyTokens)));
        site.health.make_token(&site.taro, "x").await.unwrap();
        let lines = site.audit.list(Filter::default()).await.unwrap();
        assert!(
            lines
                .iter()
                .all(|line| !line.detail.to_string().contains("mbv_"))
        );
    })
    .await;
}

#[actix_web::test]
async fn observations_that_name_somebody_else_become_the_holder_s_own() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let token = site.health.make_token(&site.hana, "").await.unwrap();
        let hostile = json!({
            "resourceType": "Observation", "id": "ward-1", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": "Patient/taro"},
            "effectiveDateTime": "2026-01-14T07:30:00+09:00",
            "valueQuantity": {"value": 61.5, "code": "kg"},
        });
        let holder = site.health.holder(token.reveal()).await.unwrap();
        let counts = site
            .health
            .take_in(holder, hostile.to_string().into_bytes())
            .await;
        assert_eq!(counts.unwrap().saved, 1);
        assert!(site.observations(&site.taro).await.is_empty());
        let all = site.observations(&site.hana).await;
        assert_eq!(all[0]["status"], "preliminary");
        assert_ne!(all[0]["id"], "ward-1");
    })
    .await;
}
