//! Open codes: the person answers, and nobody else gets anything.

use super::*;

fn allowance() -> Allowance {
    let decision = decision(&SampleMember::new("0110000003", 30));
    Allowance {
        responders: decision.responders,
        categories: Scope::ALL,
        labels: decision.labels,
        ends_at: decision.ends_at,
    }
}

/// A requester that comes back.
fn again(by: &SampleMember, pending: &str) -> Redemption {
    let mut redemption = redemption(by, "");
    redemption.request.code = None;
    redemption.request.pending = Some(pending.to_owned());
    redemption
}

impl Home {
    /// Shirakaba's physician hands in an open code of Hana's.
    async fn asked(&self) -> String {
        let code = self
            .consents
            .open_code(&hana(), "Patient/hana")
            .await
            .unwrap();
        let handed = redemption(&self.shirakaba, &code.code.spoken());
        match self.hand_in(handed).await.unwrap() {
            GrantAnswer::Pending(reply) => reply.pending,
            other => panic!("{other:?}"),
        }
    }

    async fn answers(&self, person: PersonId, id: &str, reply: Reply) -> Result<(), ConsentError> {
        let membership = Arc::clone(&self.membership);
        let answered = self
            .consents
            .answer_request(&person, id, reply, links(), membership);
        answered.await
    }
}

#[actix_web::test]
async fn an_open_code_opens_nothing_until_the_person_says_yes() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let id = home.asked().await;
        assert!(
            home.consents
                .list(Subject::Person(hana()))
                .await
                .unwrap()
                .is_empty()
        );
        let waits = home.hand_in(again(&home.shirakaba, &id)).await.unwrap();
        assert!(waits.granted().is_none());

        let listed = home.consents.requests(&hana()).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (&listed[0].requester, &listed[0].practitioner),
            (&home.shirakaba.id, &doctor())
        );
        assert!(home.consents.requests(&taro()).await.unwrap().is_empty());

        home.answers(hana(), &id, Reply::Allow(allowance()))
            .await
            .unwrap();
        let granted = home.redeem(again(&home.shirakaba, &id)).await.unwrap();
        assert_eq!(granted.tokens.len(), 1);
        assert_eq!(granted.tokens[0].responder, home.yukimi.id);
        // The answer may get lost on its way: it comes again, and as a grant it is renewed.
        assert_eq!(
            home.redeem(again(&home.shirakaba, &id))
                .await
                .unwrap()
                .grant,
            granted.grant
        );
        assert!(
            home.redeem(comeback(&home.shirakaba, &granted.grant))
                .await
                .is_ok()
        );
        let given = home.consents.list(Subject::Person(hana())).await.unwrap();
        assert_eq!(given.len(), 1);
        home.consents.withdraw(&given[0].id).await.unwrap();
        let refused = home.redeem(again(&home.shirakaba, &id)).await;
        assert_eq!(refused, Err(Refusal::ConsentNotGranted));
    })
    .await;
}

#[actix_web::test]
async fn a_no_a_late_and_a_foreign_request_are_all_alike() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let unknown = Err(Refusal::CodeUnknown);
        let declined = home.asked().await;
        home.answers(hana(), &declined, Reply::Decline)
            .await
            .unwrap();
        assert_eq!(
            home.redeem(again(&home.shirakaba, &declined)).await,
            unknown
        );

        let id = home.asked().await;
        assert_eq!(
            home.redeem(again(&home.yukimi, &id)).await,
            unknown,
            "another member"
        );
        let mut other = again(&home.shirakaba, &id);
        other.request.practitioner = Some(Practitioner {
            id: "dr-0043".into(),
            role: "physician".into(),
        });
        assert_eq!(home.redeem(other).await, unknown, "another practitioner");
        let mut wider = again(&home.shirakaba, &id);
        wider.request.categories.push(Category::Genomic);
        assert_eq!(home.redeem(wider).await, unknown, "another question");

        home.clock.advance(ANSWER_SECONDS);
        assert_eq!(
            home.redeem(again(&home.shirakaba, &id)).await,
            unknown,
            "too late"
        );
        let late = home.answers(hana(), &id, Reply::Allow(allowance())).await;
        assert!(matches!(late, Err(ConsentError::Unknown)));
    })
    .await;
}

#[actix_web::test]
async fn who_guesses_request_ids_is_locked_out_and_who_waits_is_not() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let id = home.asked().await;
        for guess in 0..5_u8 {
            let guessed = federation_protocol::base64url::encode([guess; 16]);
            let refused = home.redeem(again(&home.yukimi, &guessed)).await;
            assert_eq!(refused, Err(Refusal::CodeUnknown));
        }
        let refused = home.redeem(again(&home.yukimi, &id)).await;
        assert_eq!(refused, Err(Refusal::CodeLocked));
        let before = home.audit().await.len();
        for _look in 0..20 {
            assert!(home.hand_in(again(&home.shirakaba, &id)).await.is_ok());
        }
        assert_eq!(home.audit().await.len(), before, "waiting fills no log");
    })
    .await;
}

#[actix_web::test]
async fn only_the_person_asked_answers_and_only_once() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let id = home.asked().await;
        let taros = home.answers(taro(), &id, Reply::Allow(allowance())).await;
        assert!(matches!(taros, Err(ConsentError::Unknown)));
        home.answers(hana(), &id, Reply::Decline).await.unwrap();
        let replayed = home.answers(hana(), &id, Reply::Allow(allowance())).await;
        assert!(matches!(replayed, Err(ConsentError::Unknown)));
        assert!(
            home.consents
                .list(Subject::Person(hana()))
                .await
                .unwrap()
                .is_empty()
        );

        let id = home.asked().await;
        home.answers(hana(), &id, Reply::Allow(allowance()))
            .await
            .unwrap();
        let twice = home.answers(hana(), &id, Reply::Allow(allowance())).await;
        assert!(matches!(twice, Err(ConsentError::Unknown)));
        assert_eq!(
            home.consents
                .list(Subject::Person(hana()))
                .await
                .unwrap()
                .len(),
            1
        );
    })
    .await;
}

#[actix_web::test]
async fn a_yes_gives_no_more_than_was_asked_for_and_not_for_ever() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let id = home.asked().await;
        let mut nothing = allowance();
        nothing.categories = of(&[Category::Genomic]);
        let refused = home.answers(hana(), &id, Reply::Allow(nothing)).await;
        assert!(matches!(
            refused,
            Err(ConsentError::Refused(Refusal::ScopeNotGranted))
        ));
        let mut nowhere = allowance();
        nowhere.responders.clear();
        let refused = home.answers(hana(), &id, Reply::Allow(nowhere)).await;
        assert!(matches!(
            refused,
            Err(ConsentError::Refused(Refusal::ConsentNotGranted))
        ));
        let mut ever = allowance();
        ever.ends_at = NOW.plus_seconds(400 * 24 * HOUR);
        let refused = home.answers(hana(), &id, Reply::Allow(ever)).await;
        assert!(matches!(refused, Err(ConsentError::Ended)));
        // Still unanswered after all that.
        home.answers(hana(), &id, Reply::Allow(allowance()))
            .await
            .unwrap();
        let minted = home.redeem(again(&home.shirakaba, &id)).await.unwrap();
        let token = federation_protocol::token::ParsedToken::parse(&minted.tokens[0].token);
        let scope = token
            .unwrap()
            .check_signature(&*home.membership, NOW)
            .unwrap()
            .claims()
            .scope;
        assert_eq!(scope, of(&[Category::Lab, Category::Rx]));
    })
    .await;
}

#[actix_web::test]
async fn homes_own_staff_gets_nothing_by_an_answer_without_the_persons_phone() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let code = home
            .consents
            .open_code(&hana(), "Patient/hana")
            .await
            .unwrap();
        let own = redemption(&home.minato, &code.code.spoken());
        let GrantAnswer::Pending(reply) = home.hand_in(own).await.unwrap() else {
            panic!("granted at once")
        };
        let forged = home
            .answers(hana(), &reply.pending, Reply::Allow(allowance()))
            .await;
        assert!(matches!(forged, Err(ConsentError::Evidence(_))));
        let needed = home
            .consents
            .allowance_needs(
                &hana(),
                &reply.pending,
                &allowance(),
                &links(),
                &home.membership,
            )
            .await
            .unwrap()
            .remove(0);
        let mut signed = allowance();
        signed.responders[0].evidence = Some(Evidence {
            scope: needed.scope,
            until: needed.until,
            signature: SecretKey::from_seed([7; 32]).sign(&needed.message),
        });
        let forged = home
            .answers(hana(), &reply.pending, Reply::Allow(signed.clone()))
            .await;
        assert!(
            matches!(forged, Err(ConsentError::Evidence(_))),
            "another key"
        );
        signed.responders[0].evidence = Some(Evidence {
            scope: needed.scope,
            until: needed.until,
            signature: device().sign(&needed.message),
        });
        home.answers(hana(), &reply.pending, Reply::Allow(signed))
            .await
            .unwrap();
        assert!(
            home.redeem(again(&home.minato, &reply.pending))
                .await
                .is_ok()
        );
    })
    .await;
}

#[actix_web::test]
async fn an_open_code_is_good_once_for_one_asker_and_can_be_taken_back() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let unknown = Err(Refusal::CodeUnknown);
        let first = home
            .consents
            .open_code(&hana(), "Patient/hana")
            .await
            .unwrap();
        let second = home
            .consents
            .open_code(&hana(), "Patient/hana")
            .await
            .unwrap();
        let old = redemption(&home.shirakaba, first.code.scanned());
        assert_eq!(home.hand_in(old).await, unknown, "a newer one was made");
        assert!(
            !home
                .consents
                .withdraw_code(&taro(), &second.id)
                .await
                .unwrap()
        );
        assert!(
            home.consents
                .withdraw_code(&hana(), &second.id)
                .await
                .unwrap()
        );
        let taken = redemption(&home.shirakaba, second.code.scanned());
        assert_eq!(home.hand_in(taken).await, unknown, "taken back");

        let third = home
            .consents
            .open_code(&hana(), "Patient/hana")
            .await
            .unwrap();
        let mut research = redemption(&home.shirakaba, third.code.scanned());
        research.request.purpose = Purpose::Hresch;
        assert_eq!(
            home.hand_in(research).await,
            Err(Refusal::ConsentNotGranted)
        );
        let mut nobody = redemption(&home.shirakaba, third.code.scanned());
        nobody.request.practitioner = None;
        assert_eq!(
            home.hand_in(nobody).await,
            Err(Refusal::PractitionerMismatch)
        );
        let fits = redemption(&home.shirakaba, third.code.scanned());
        assert!(home.hand_in(fits).await.is_ok());
        let used = redemption(&home.yukimi, third.code.scanned());
        assert_eq!(home.hand_in(used).await, unknown);
        home.clock.advance(1);
        let late = home
            .consents
            .open_code(&hana(), "Patient/hana")
            .await
            .unwrap();
        home.clock.advance(CODE_LIFE_SECONDS);
        let late = redemption(&home.shirakaba, late.code.scanned());
        assert_eq!(home.hand_in(late).await, unknown);

        let decided = home.consents.make_code(
            decision(&home.shirakaba),
            links(),
            Arc::clone(&home.membership),
        );
        let decided = decided.await.unwrap();
        assert!(
            home.consents
                .withdraw_code(&hana(), &decided.id)
                .await
                .unwrap()
        );
        let taken = redemption(&home.shirakaba, decided.code.scanned());
        assert_eq!(home.hand_in(taken).await, unknown);
    })
    .await;
}
