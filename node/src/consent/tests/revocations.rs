//! Ended tokens: told to each hospital under numbers without a gap, and taken in from each issuer.

use federation_protocol::consent::{Actor, ConsentKind, Criteria, Provision, ProvisionType};
use federation_protocol::revocation::RevocationPush;
use federation_protocol::token::LONGEST_LIFE_SECONDS;

use super::*;

fn yukimi() -> MemberId {
    MemberId::from_code("0110000002").unwrap()
}

fn jti(number: u128) -> String {
    federation_protocol::base64url::encode(number.to_be_bytes())
}

/// Hana lets Shirakaba see lab and rx of Yukimi and of Minato itself.
fn from_two(home: &Home) -> Decision {
    let ticked = |code| TickedResponder {
        responder: MemberId::from_code(code).unwrap(),
        evidence: None,
    };
    Decision {
        responders: vec![ticked("0110000001"), ticked("0110000002")],
        ..decision(&home.shirakaba)
    }
}

impl Home {
    async fn active(&self) -> DirectiveId {
        let given = self.consents.list(Subject::Person(hana())).await.unwrap();
        let mut active = given.into_iter().filter(|one| one.status == "active");
        active.next().unwrap().id
    }

    /// One visit granted and withdrawn again; the directive.
    async fn granted_and_withdrawn(&self) -> DirectiveId {
        self.granted(decision(&self.shirakaba)).await;
        let id = self.active().await;
        let changed = self.consents.withdraw(&id).await.unwrap();
        assert_eq!(changed.ended.len(), 1);
        id
    }

    async fn next(&self) -> Message {
        let next = self.consents.next_message(&yukimi()).await.unwrap();
        next.expect("a message is owed")
    }

    async fn arrived(&self, acknowledged: i64) -> Acknowledged {
        let message = self.next().await;
        self.consents
            .arrived(message, acknowledged, "exchange".into())
            .await
            .unwrap()
    }

    async fn owed(&self) -> Vec<MemberId> {
        let owed = self.consents.undelivered().await.unwrap();
        owed.into_iter().map(|due| due.audience).collect()
    }

    async fn take(&self, issuer: &SampleMember, sequence: u64, jtis: &[String]) -> u64 {
        let push = RevocationPush {
            sequence,
            jti: jtis.to_vec(),
        };
        let (issuer, now) = (issuer.id.clone(), self.consents.clock.now());
        let taken: Result<u64, DatabaseError> = self
            .database
            .transact(move |connection| Consents::take_in(connection, &issuer, &push, now))
            .await;
        taken.unwrap()
    }

    /// Puts another permit for lab and rx, with these criteria beside, in the place of the one that
    /// is there; how many tokens ended.
    async fn narrows(&self, change: impl Fn(&mut Provision)) -> usize {
        let mut permit = Provision {
            actors: vec![Actor::Organization(self.shirakaba.id.clone())],
            purposes: vec![Purpose::Treat],
            criteria: Criteria {
                classes: Some(of(&[Category::Lab, Category::Rx])),
                labels: Some(LabelTerms {
                    normal: true,
                    ..LabelTerms::default()
                }),
                ..Criteria::default()
            },
            ..Provision::any(ProvisionType::Permit)
        };
        change(&mut permit);
        let name_of = |member: &MemberId| member.to_string();
        let kind = ConsentKind::ShareCare;
        let draft = self
            .consents
            .draft(kind, "Patient/hana", permit, Vec::new(), &name_of);
        let id = self.active().await;
        let changed = self.consents.replace(&id, draft).await.unwrap();
        assert_eq!(changed.id, id);
        changed.ended.len()
    }
}

#[actix_web::test]
async fn every_hospital_of_an_ended_token_is_owed_a_message_in_the_same_transaction() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted(from_two(&home)).await;
        assert!(home.owed().await.is_empty());
        let id = home.active().await;
        let changed = home.consents.withdraw(&id).await.unwrap();
        assert_eq!(home.owed().await, [home.minato.id.clone(), yukimi()]);
        let message = home.next().await;
        assert_eq!((message.sequence, message.jtis.len()), (1, 1));
        assert!(changed.ended.contains(&message.jtis[0]));
        assert_eq!(message.directive, Some(id));
        let dues = home.consents.undelivered().await.unwrap();
        assert!(dues.iter().all(|due| due.next_try_at == NOW));
    })
    .await;
}

#[actix_web::test]
async fn numbers_to_one_hospital_have_no_gap_and_arrive_in_order() {
    on_each_async(async |database| {
        let home = Home::on(database);
        for _ in 1..=3 {
            home.granted_and_withdrawn().await;
            home.clock.advance(1);
            assert_eq!(home.next().await.sequence, 1, "the oldest goes first");
        }
        for sequence in 1..=3 {
            assert_eq!(home.next().await.sequence, sequence);
            assert_eq!(home.arrived(sequence).await, Acknowledged::Unbroken);
        }
        assert!(home.owed().await.is_empty());
        let lines = home.audit().await;
        let delivered = lines
            .iter()
            .filter(|line| line.outcome == "revocation_delivered");
        assert_eq!(delivered.count(), 3);
    })
    .await;
}

#[actix_web::test]
async fn a_hospital_that_lacks_earlier_messages_gets_them_again() {
    on_each_async(async |database| {
        let home = Home::on(database);
        for _ in 0..3 {
            home.granted_and_withdrawn().await;
        }
        for sequence in 1..=2 {
            home.arrived(sequence).await;
        }
        // Yukimi was restored from a backup in which it had the first one only.
        assert_eq!(home.arrived(1).await, Acknowledged::Gap);
        for sequence in 2..=3 {
            assert_eq!(home.next().await.sequence, sequence);
            assert_eq!(home.arrived(sequence).await, Acknowledged::Unbroken);
        }
        assert!(home.owed().await.is_empty());
    })
    .await;
}

#[actix_web::test]
async fn after_a_restore_here_the_numbers_go_on_behind_those_that_were_seen() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted_and_withdrawn().await;
        // This database knows of no message; Yukimi has seen seven.
        assert_eq!(home.arrived(7).await, Acknowledged::Unbroken);
        home.granted_and_withdrawn().await;
        assert_eq!(home.next().await.sequence, 8);
        // What lies between was never this database's: there is nothing to send again.
        assert_eq!(home.arrived(1).await, Acknowledged::Unbroken);
    })
    .await;
}

#[actix_web::test]
async fn a_hospital_that_does_not_answer_is_tried_after_1_5_30_seconds_and_then_every_minute() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted_and_withdrawn().await;
        for pause in [1, 5, 30, 60, 60, 60] {
            let due = home.consents.undelivered().await.unwrap().remove(0);
            home.consents.not_arrived(&due).await.unwrap();
            let next = home.consents.undelivered().await.unwrap().remove(0);
            assert_eq!(
                next.next_try_at,
                home.consents.clock.now().plus_seconds(pause)
            );
            home.clock.advance(pause);
        }
        // Another change does not hurry it, and what is answered is forgiven.
        home.granted_and_withdrawn().await;
        let due = home.consents.undelivered().await.unwrap().remove(0);
        assert_eq!(due.tries, 6);
        home.arrived(1).await;
        let due = home.consents.undelivered().await.unwrap().remove(0);
        assert_eq!(due.tries, 0);
    })
    .await;
}

#[actix_web::test]
async fn nobody_is_tried_for_tokens_that_have_expired() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted_and_withdrawn().await;
        home.clock.advance(LONGEST_LIFE_SECONDS + 301);
        assert!(home.owed().await.is_empty());
        // But the next one goes out behind it: no number is left out.
        let later = Decision {
            ends_at: home.consents.clock.now().plus_seconds(HOUR),
            ..decision(&home.shirakaba)
        };
        home.granted(later).await;
        let id = home.active().await;
        home.consents.withdraw(&id).await.unwrap();
        assert_eq!(home.owed().await, [yukimi()]);
        assert_eq!(home.next().await.sequence, 1);
    })
    .await;
}

#[actix_web::test]
async fn the_person_sees_where_a_change_has_arrived() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted(from_two(&home)).await;
        let id = home.active().await;
        assert!(home.consents.arrivals(&id).await.unwrap().is_empty());
        home.consents.withdraw(&id).await.unwrap();
        home.clock.advance(2);
        home.arrived(1).await;

        let states = async || -> Vec<ArrivalState> {
            let found = home.consents.own_arrivals(&hana(), &id).await.unwrap();
            found.into_iter().map(|one| one.state).collect()
        };
        let latest = NOW.plus_seconds(300);
        let pending = ArrivalState::Pending {
            since: NOW,
            at_the_latest: latest,
        };
        let delivered = ArrivalState::Delivered(NOW.plus_seconds(2));
        assert_eq!(states().await, [pending, delivered]);
        home.clock.advance(298);
        assert_eq!(
            states().await,
            [ArrivalState::ByStatusList(latest), delivered]
        );
        let all = home.consents.arrivals_of(&hana()).await.unwrap();
        assert_eq!(all, home.consents.arrivals(&id).await.unwrap());
        assert!(home.consents.arrivals_of(&taro()).await.unwrap().is_empty());
        // Somebody else's is told like one that is not there.
        for (person, id) in [(taro(), id), (hana(), DirectiveId::known("none"))] {
            let refused = home.consents.own_arrivals(&person, &id).await;
            assert!(matches!(refused, Err(ConsentError::Unknown)));
        }
    })
    .await;
}

#[actix_web::test]
async fn a_narrowed_directive_ends_the_tokens_that_lose_something_and_no_other() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let rx = Decision {
            categories: of(&[Category::Rx]),
            ..decision(&home.shirakaba)
        };
        home.permits(&home.shirakaba, &[Category::Lab, Category::Rx])
            .await;
        assert_eq!(home.narrows(|_permit| ()).await, 0, "to Normal data");
        // The permit alone carries this token: its own directive is withdrawn at once.
        home.granted(rx).await;
        let given = home.consents.list(Subject::Person(hana())).await.unwrap();
        let visit = given
            .into_iter()
            .max_by_key(|one| one.raw.contains("dr-0042"));
        let kept = home.consents.withdraw(&visit.unwrap().id).await.unwrap();
        assert!(kept.ended.is_empty(), "the permit still gives it all");

        let same = home.narrows(|_permit| ()).await;
        assert_eq!(same, 0, "Normal data was all that the token showed");
        let lab = of(&[Category::Lab, Category::Rx, Category::Vital]);
        assert_eq!(home.narrows(|it| it.criteria.classes = Some(lab)).await, 0);
        let rx = of(&[Category::Rx]);
        assert_eq!(home.narrows(|it| it.criteria.classes = Some(rx)).await, 0);
        let lab = of(&[Category::Lab]);
        assert_eq!(home.narrows(|it| it.criteria.classes = Some(lab)).await, 1);
        assert_eq!(home.live().await, 0);
    })
    .await;
}

#[actix_web::test]
async fn a_directive_that_now_ends_before_its_token_ends_the_token() {
    on_each_async(async |database| {
        use federation_protocol::consent::{FhirTime, Period};
        let home = Home::on(database);
        home.permits(&home.shirakaba, &[Category::Lab, Category::Rx])
            .await;
        assert_eq!(home.narrows(|_permit| ()).await, 0, "to Normal data");
        home.granted(decision(&home.shirakaba)).await;
        let given = home.consents.list(Subject::Person(hana())).await.unwrap();
        let visit = given
            .into_iter()
            .max_by_key(|one| one.raw.contains("dr-0042"));
        home.consents.withdraw(&visit.unwrap().id).await.unwrap();
        assert_eq!(home.live().await, 1);
        let until = |seconds| {
            let end = NOW.plus_seconds(seconds).to_string();
            Period {
                start: None,
                end: Some(FhirTime::parse(&end).unwrap()),
            }
        };
        let after = home.narrows(|it| it.period = Some(until(LONGEST_LIFE_SECONDS + 1)));
        assert_eq!(after.await, 0);
        assert_eq!(home.narrows(|it| it.period = Some(until(HOUR))).await, 1);
    })
    .await;
}

#[actix_web::test]
async fn what_an_issuer_says_holds_for_its_own_tokens_alone_and_over_a_restart() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let (yukimi, shirakaba) = (&home.yukimi, &home.shirakaba);
        assert_eq!(home.take(yukimi, 1, &[jti(1), jti(2)]).await, 1);
        assert_eq!(home.take(shirakaba, 1, &[jti(3)]).await, 1);
        let revoked = home.consents.revoked_tokens().await.unwrap();
        assert!(revoked.contains(&yukimi.id, &jti(1)));
        assert!(revoked.contains(&yukimi.id, &jti(2)));
        assert!(!revoked.contains(&shirakaba.id, &jti(1)));
        assert!(!revoked.contains(&yukimi.id, &jti(3)));
    })
    .await;
}

#[actix_web::test]
async fn a_gap_is_said_and_whatever_the_number_the_token_ends() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let yukimi = &home.yukimi;
        assert_eq!(
            home.take(yukimi, 2, &[jti(2)]).await,
            0,
            "the first is missing"
        );
        assert_eq!(home.take(yukimi, 1, &[jti(1)]).await, 1);
        assert_eq!(home.take(yukimi, 2, &[jti(2)]).await, 2);
        assert_eq!(home.take(yukimi, 9, &[jti(9)]).await, 2);
        // Backwards: sent again, or from before a restore.
        assert_eq!(home.take(yukimi, 1, &[jti(7)]).await, 2);
        let revoked = home.consents.revoked_tokens().await.unwrap();
        for number in [1, 2, 7, 9] {
            assert!(revoked.contains(&yukimi.id, &jti(number)), "{number}");
        }
    })
    .await;
}

#[actix_web::test]
async fn an_ended_token_is_kept_until_it_could_not_be_used_and_not_longer() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.take(&home.yukimi, 1, &[jti(1)]).await;
        let revoked = home.consents.revoked_tokens().await.unwrap();
        let mut removed = Vec::new();
        for seconds in [LONGEST_LIFE_SECONDS + 120, 180] {
            home.clock.advance(seconds);
            removed.push(home.consents.prune_revoked(&revoked).await.unwrap());
            let kept = revoked.contains(&home.yukimi.id, &jti(1));
            assert_eq!(kept, removed.len() == 1);
        }
        assert_eq!(removed, [0, 1]);
        // The numbers go on.
        assert_eq!(home.take(&home.yukimi, 2, &[jti(2)]).await, 2);
    })
    .await;
}

#[test]
fn no_issuer_fills_the_memory_and_none_fills_another_s() {
    let revoked = RevokedTokens::default();
    let (one, other) = (yukimi(), MemberId::from_code("0110000003").unwrap());
    for thousand in 0..100_u128 {
        assert!(revoked.has_room(&one, 1_000));
        let jtis: Vec<String> = (0..1_000).map(|at| jti(thousand * 1_000 + at)).collect();
        revoked.insert(&one, &jtis, NOW);
    }
    assert!(!revoked.has_room(&one, 1));
    assert!(revoked.has_room(&other, 1_000));
    revoked.forget_over(NOW.plus_seconds(LONGEST_LIFE_SECONDS + 300));
    assert!(revoked.has_room(&one, 1_000));
}
