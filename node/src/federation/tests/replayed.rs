//! Check 10, from the signature to the database.

use federation_protocol::Verified;
use federation_protocol::sample::NOW;
use federation_protocol::signature::{
    ExchangeId, RawRequest, Request, RequestDraft, SignedRequest, verify_request,
};
use futures_util::future::join_all;

use super::town::Town;
use super::*;

fn signed(town: &Town, nonce: u8) -> SignedRequest {
    let (from, to) = (&town.hospitals[0], &town.hospitals[1]);
    RequestDraft {
        path: super::super::inbound::ECHO_PATH.into(),
        content_type: "application/json".into(),
        from: from.me.clone(),
        to: to.me.clone(),
        exchange: ExchangeId::new(NOW, [nonce; 10]),
        purpose: Purpose::Treat,
        actor: Actor::system(),
        consent: None,
        timeout_ms: 8000,
        traceparent: "00-00000000000000000000000000000001-0000000000000001-01".into(),
        body: b"{}".to_vec(),
    }
    .sign(from.keys.sign(), NOW, [nonce; 16])
    .unwrap()
}

fn verified(town: &Town, signed: &SignedRequest) -> Verified<Request> {
    let headers: Vec<(&str, &[u8])> = signed
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let raw = RawRequest {
        method: "POST",
        path: &signed.path,
        query: None,
        headers: &headers,
        body: &signed.body,
    };
    let membership = town.hospitals[1]
        .federation
        .directory()
        .membership()
        .unwrap();
    let certificate = town.hospitals[0].identity.fingerprint().unwrap();
    let me = &town.hospitals[1].me;
    verify_request(&raw, Some(&certificate), &membership, &|to| to == me, NOW).unwrap()
}

#[actix_web::test]
async fn of_sixty_four_copies_at_once_exactly_one_is_answered() {
    Town::on_each(2, async |town: Town| {
        let request = verified(&town, &signed(&town, 1));
        let inbound = town.hospitals[1].federation.inbound();
        let answers = join_all((0..64).map(|_| inbound.answer(&request))).await;
        let statuses: Vec<u16> = answers
            .into_iter()
            .map(|answer| answer.unwrap().status)
            .collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 63);
        let lines = town.hospitals[1].lines(Kind::Refusal).await;
        assert_eq!(lines.len(), 63);
        assert!(
            lines
                .iter()
                .all(|line| line.outcome == Refusal::ReplayDetected.code())
        );
    })
    .await;
}

#[actix_web::test]
async fn the_window_survives_a_restart_and_is_shared_through_the_database() {
    Town::on_each(2, async |town: Town| {
        let (one, two) = (signed(&town, 1), signed(&town, 2));
        let hospital = &town.hospitals[1];
        let first = hospital.federation.inbound();
        // A second process on the same database, begun before the first request came.
        let database = &hospital.scratch.database;
        let beside = hospital.ground.open(database.clone()).await;
        let beside = beside.inbound();
        assert_eq!(
            first.answer(&verified(&town, &one)).await.unwrap().status,
            200
        );
        assert_eq!(
            beside.answer(&verified(&town, &one)).await.unwrap().status,
            401
        );
        let after = hospital.ground.open(database.clone()).await;
        let after = after.inbound();
        assert_eq!(
            after.answer(&verified(&town, &one)).await.unwrap().status,
            401
        );
        assert_eq!(
            after.answer(&verified(&town, &two)).await.unwrap().status,
            200
        );
        town.clock.advance(60 + 121);
        assert_eq!(after.prune().await.unwrap(), 2);
    })
    .await;
}
