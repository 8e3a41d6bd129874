//! Minted tokens and the status list that says which of them have ended.

use std::cell::RefCell;

use federation_protocol::keys::{KeyId, SealSecretKey};
use federation_protocol::signature::Actor;
use federation_protocol::status_list::{StatusListToken, verify_status_list};
use federation_protocol::token::{LinkFacts, Token, TokenContext, verify_token};
use federation_protocol::{Verified, consent::ResourceFacts, label::Labels};

use super::*;

impl Home {
    /// What `at` makes of a token that `by` presents.
    pub(super) fn judged(
        &self,
        token: &str,
        by: &SampleMember,
        at: &SampleMember,
    ) -> Result<Verified<Token>, Refusal> {
        let actor = Actor {
            role: "physician".into(),
            id: Some("dr-0042".into()),
            dept: None,
            acr: None,
            at: None,
        };
        let (key, asked_of) = (by.sign.kid(), RefCell::new(Vec::new()));
        let context = TokenContext {
            from: &by.id,
            keyid: key,
            actor: &actor,
            purpose: Purpose::Treat,
            asked: of(&[Category::Lab]),
        };
        let known = |handle: &PatientHandle| {
            asked_of.borrow_mut().push(handle.clone());
            let link = links().into_iter().find(|link| link.handle == *handle)?;
            (link.responder == at.id).then(|| LinkFacts {
                home: self.minato.id.clone(),
                device_key: link.device_key,
            })
        };
        let opener =
            |kid: &KeyId| -> Option<&SealSecretKey> { (kid == at.seal.kid()).then_some(&at.seal) };
        let now = self.consents.clock.now();
        verify_token(
            token,
            &context,
            &*self.membership,
            &known,
            &opener,
            &at.id,
            now,
        )
    }

    async fn list(&self) -> Verified<StatusListToken> {
        let jwt = self.consents.status_list(0).await.unwrap().unwrap();
        let now = self.consents.clock.now();
        let uri = self.consents.status_uri(0);
        verify_status_list(&jwt, &self.minato.id, &uri, &*self.membership, now).unwrap()
    }
}

fn lab_result() -> ResourceFacts {
    ResourceFacts {
        id: "Observation/1".into(),
        category: Category::Lab,
        labels: Labels::NONE,
        date: None,
        authors: Vec::new(),
        related: Vec::new(),
    }
}

#[actix_web::test]
async fn the_responder_accepts_what_was_minted_and_nobody_else_can_use_it() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let reply = home.granted(decision(&home.shirakaba)).await;
        let token = &reply.tokens[0].token;
        let accepted = home.judged(token, &home.shirakaba, &home.yukimi).unwrap();
        assert_eq!(accepted.scope, of(&[Category::Lab, Category::Rx]));
        assert_eq!(accepted.practitioner, Some(doctor()));
        assert!(accepted.residual.permits(&lab_result()));
        let stolen = home.judged(token, &home.yukimi, &home.yukimi);
        assert_eq!(stolen.err(), Some(Refusal::TokenHolderMismatch));
        let elsewhere = home.judged(token, &home.shirakaba, &home.shirakaba);
        assert_eq!(elsewhere.err(), Some(Refusal::TokenAudienceMismatch));
    })
    .await;
}

#[actix_web::test]
async fn each_token_is_its_own_in_every_way() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let mut everywhere = decision(&home.shirakaba);
        everywhere.responders = links()
            .into_iter()
            .map(|link| TickedResponder {
                responder: link.responder,
                evidence: None,
            })
            .filter(|ticked| ticked.responder != home.minato.id)
            .collect();
        let reply = home.granted(everywhere).await;
        assert_eq!(reply.tokens.len(), 2);
        let [first, second] = [&home.yukimi, &home.shirakaba].map(|at| {
            let token = reply
                .tokens
                .iter()
                .find(|one| one.responder == at.id)
                .unwrap();
            home.judged(&token.token, &home.shirakaba, at)
                .unwrap()
                .into_inner()
        });
        assert_ne!(first.jti, second.jti);
        assert_ne!(first.doc, second.doc);
        assert_ne!(first.subject, second.subject);
        assert_ne!(first.status_idx, second.status_idx);
    })
    .await;
}

#[actix_web::test]
async fn a_token_never_outlives_its_directive() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let short = Decision {
            ends_at: NOW.plus_seconds(HOUR),
            ..decision(&home.shirakaba)
        };
        let reply = home.granted(short).await;
        assert!(reply.expires <= NOW.plus_seconds(HOUR));
        let token = home
            .judged(&reply.tokens[0].token, &home.shirakaba, &home.yukimi)
            .unwrap();
        assert_eq!(token.expires_at, reply.expires);
    })
    .await;
}

#[actix_web::test]
async fn the_status_list_marks_ended_tokens_and_no_others() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let first = home.granted(decision(&home.shirakaba)).await;
        let of_taro = Decision {
            person: taro(),
            ..decision(&home.shirakaba)
        };
        let second = home.granted(of_taro).await;
        let [first, second] = [first, second].map(|reply| {
            home.judged(&reply.tokens[0].token, &home.shirakaba, &home.yukimi)
                .unwrap()
                .status_idx
        });
        let before = home.list().await;
        assert_eq!(
            (before.bit(first), before.bit(second)),
            (Some(false), Some(false))
        );
        let directive = home
            .consents
            .list(Subject::Person(hana()))
            .await
            .unwrap()
            .remove(0)
            .id;
        home.consents.withdraw(&directive).await.unwrap();
        let after = home.list().await;
        assert_eq!(
            (after.bit(first), after.bit(second)),
            (Some(true), Some(false))
        );
        assert_eq!(
            (
                after.ttl_seconds,
                after.expires_at.seconds_since(after.issued_at)
            ),
            (30, 240)
        );
        assert!(home.consents.status_list(1).await.unwrap().is_none());
        assert!(home.consents.status_list(u32::MAX).await.unwrap().is_none());
    })
    .await;
}

#[actix_web::test]
async fn a_change_by_a_command_beside_the_node_shows_within_a_second() {
    let scratch = crate::database::testing::sqlite();
    let home = Home::on(scratch.database.clone());
    let reply = home.granted(decision(&home.shirakaba)).await;
    let token = home
        .judged(&reply.tokens[0].token, &home.shirakaba, &home.yukimi)
        .unwrap();
    assert_eq!(home.list().await.bit(token.status_idx), Some(false));
    let beside = Consents::new(
        Database::open(&scratch.url).unwrap(),
        home.clock.clone(),
        Arc::clone(&home.keys),
        home.minato.id.clone(),
        "https://0110000001.example.jp",
    );
    let directive = beside
        .list(Subject::Person(hana()))
        .await
        .unwrap()
        .remove(0)
        .id;
    beside.withdraw(&directive).await.unwrap();
    home.clock.advance(1);
    assert_eq!(home.list().await.bit(token.status_idx), Some(true));
}

#[actix_web::test]
async fn a_responder_asks_again_after_the_ttl_and_believes_nothing_after_exp() {
    let scratch = crate::database::testing::sqlite();
    let home = Home::on(scratch.database.clone());
    let reply = home.granted(decision(&home.shirakaba)).await;
    let token = home
        .judged(&reply.tokens[0].token, &home.shirakaba, &home.yukimi)
        .unwrap();
    let (issuer, uri, idx) = (&home.minato.id, token.status_uri.as_str(), token.status_idx);
    let lists = StatusLists::new();
    let at = |seconds| NOW.plus_seconds(seconds);
    assert_eq!(
        lists.standing(issuer, uri, idx, at(0)),
        Standing::NeedsFetch
    );
    lists.failed(issuer, uri, at(0));
    assert_eq!(
        lists.standing(issuer, uri, idx, at(4)),
        Standing::Unavailable
    );
    assert_eq!(
        lists.standing(issuer, uri, idx, at(5)),
        Standing::NeedsFetch
    );
    lists.put(issuer, uri, home.list().await, at(0));
    assert_eq!(lists.standing(issuer, uri, idx, at(29)), Standing::Good);
    assert_eq!(
        lists.standing(issuer, uri, idx, at(30)),
        Standing::NeedsFetch
    );
    lists.failed(issuer, uri, at(30));
    assert_eq!(lists.standing(issuer, uri, idx, at(31)), Standing::Good);
    lists.failed(issuer, uri, at(239));
    assert_eq!(lists.standing(issuer, uri, idx, at(239)), Standing::Good);
    assert_eq!(
        lists.standing(issuer, uri, idx, at(240)),
        Standing::Unavailable
    );
    assert_eq!(
        lists.standing(issuer, "https://other/1", idx, at(0)),
        Standing::NeedsFetch
    );
}

#[actix_web::test]
async fn revoked_is_for_good_and_an_older_list_changes_nothing() {
    let scratch = crate::database::testing::sqlite();
    let home = Home::on(scratch.database.clone());
    let reply = home.granted(decision(&home.shirakaba)).await;
    let token = home
        .judged(&reply.tokens[0].token, &home.shirakaba, &home.yukimi)
        .unwrap();
    let (issuer, uri, idx) = (&home.minato.id, token.status_uri.as_str(), token.status_idx);
    let older = home.list().await;
    home.clock.advance(10);
    let directive = home
        .consents
        .list(Subject::Person(hana()))
        .await
        .unwrap()
        .remove(0)
        .id;
    home.consents.withdraw(&directive).await.unwrap();
    let lists = StatusLists::new();
    lists.put(issuer, uri, home.list().await, NOW.plus_seconds(10));
    lists.put(issuer, uri, older, NOW.plus_seconds(11));
    assert_eq!(
        lists.standing(issuer, uri, idx, NOW.plus_seconds(12)),
        Standing::Revoked
    );
    assert_eq!(
        lists.standing(issuer, uri, idx, NOW.plus_seconds(100)),
        Standing::Revoked
    );
    assert_eq!(
        lists.standing(issuer, uri, 1 << 40, NOW.plus_seconds(12)),
        Standing::Revoked
    );
}
