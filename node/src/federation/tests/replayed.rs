//! Check 10, from the signature to the database.

use federation_protocol::Verified;
use federation_protocol::sample::NOW;
use federation_protocol::signature::{
    ExchangeId, RawRequest, Request, RequestDraft, SignedRequest, verify_request,
};
use federation_protocol::time::Timestamp;
use futures_util::future::join_all;

use super::town::Town;
use super::*;
use crate::database::Database;
use crate::database::backup::{self, Occasion, Overwrite};
use crate::database::testing::empty;

fn signed(town: &Town, nonce: u8) -> SignedRequest {
    signed_at(town, nonce, NOW)
}

fn signed_at(town: &Town, nonce: u8, now: Timestamp) -> SignedRequest {
    let (from, to) = (&town.hospitals[0], &town.hospitals[1]);
    RequestDraft {
        path: super::super::inbound::ECHO_PATH.into(),
        content_type: "application/json".into(),
        from: from.me.clone(),
        to: to.me.clone(),
        exchange: ExchangeId::new(now, [nonce; 10]),
        purpose: Purpose::Treat,
        actor: Actor::system(),
        consent: None,
        timeout_ms: 8000,
        traceparent: "00-00000000000000000000000000000001-0000000000000001-01".into(),
        body: b"{}".to_vec(),
    }
    .sign(&*from.keys.sign(), now, [nonce; 16])
    .unwrap()
}

fn verified(town: &Town, signed: &SignedRequest) -> Verified<Request> {
    verified_at(town, signed, NOW)
}

fn verified_at(town: &Town, signed: &SignedRequest, now: Timestamp) -> Verified<Request> {
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
    verify_request(&raw, Some(&certificate), &membership, &|to| to == me, now).unwrap()
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

#[actix_web::test]
async fn after_a_restore_no_signed_request_is_answered_for_180_seconds() {
    Town::on_each(2, async |town: Town| {
        let hospital = &town.hospitals[1];
        let first = hospital.federation.inbound();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        let mut occasion = Occasion {
            member: hospital.me.to_string(),
            at: NOW,
        };
        backup::create(&hospital.scratch.url, &file, &occasion, &mut |_| ()).unwrap();
        // Signed as far ahead as clocks may go; answered after the backup, which knows nothing of it.
        let seen = signed_at(&town, 1, NOW.plus_seconds(60));
        let answer = first.answer(&verified(&town, &seen)).await.unwrap();
        assert_eq!(answer.status, 200);

        let elsewhere = empty(hospital.scratch.database.kind()).unwrap();
        occasion.at = NOW;
        let (to, overwrite) = (&elsewhere.url, Overwrite::Refuse);
        backup::restore(to, &file, &occasion, overwrite, &mut |_| ()).unwrap();
        let restored = Database::open(to).unwrap();
        let after = hospital.ground.open(restored.clone()).await;
        let after = after.inbound();
        let last = NOW.plus_seconds(180);
        for (seconds, nonce) in [(0, 2), (90, 3), (180, 4)] {
            let now = NOW.plus_seconds(seconds);
            town.clock.set(now);
            let again = verified_at(&town, &seen, now);
            let fresh = signed_at(&town, nonce, now);
            let fresh = verified_at(&town, &fresh, now);
            for request in [again, fresh] {
                assert_eq!(
                    after.answer(&request).await.unwrap().status,
                    401,
                    "{seconds}"
                );
            }
        }

        let refused_last = signed_at(&town, 4, last);
        town.clock.advance(1);
        let now = NOW.plus_seconds(181);
        let kept_out = verified_at(&town, &refused_last, now);
        assert_eq!(after.answer(&kept_out).await.unwrap().status, 401);
        let fresh = signed_at(&town, 5, now);
        let answer = after.answer(&verified_at(&town, &fresh, now)).await;
        assert_eq!(answer.unwrap().status, 200);
    })
    .await;
}
