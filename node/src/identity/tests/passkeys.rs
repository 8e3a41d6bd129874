//! Passkeys end to end against a software authenticator, and what attackers try at each step.

use reqwest::Url;
use serde_json::Value;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::authenticator::Authenticator;
use super::sessions::{House, ORIGIN};
use super::*;
use crate::identity::ceremony::Door;
use crate::identity::passkeys::Begun;
use crate::identity::staff::By;

fn origin() -> Url {
    ORIGIN.parse().unwrap()
}

fn shown(value: &Value) -> PublicKeyCredential {
    serde_json::from_value(value.clone()).unwrap()
}

fn made(value: &Value) -> RegisterPublicKeyCredential {
    serde_json::from_value(value.clone()).unwrap()
}

impl House {
    async fn link(&self) -> String {
        let hour = std::time::Duration::from_secs(3_600);
        let link = self.identity.setup_link("dr-0042", hour, By::operator());
        link.await.unwrap().token.reveal().to_owned()
    }

    /// The physician with a passkey on their phone, and the session that came with it.
    pub(super) async fn set_up(&self) -> (Authenticator, PlainSession) {
        let link = self.link().await;
        let begun = self.identity.begin_setup(&origin(), &link).await.unwrap();
        let mut phone = Authenticator::at(ORIGIN);
        let answer = made(&phone.create(&begun.options));
        let (here, name) = (origin(), begun.ceremony.reveal());
        let entered = self.identity.finish_setup(&here, name, &answer, "phone");
        let session = entered.await.unwrap();
        (phone, session)
    }

    async fn begun(&self) -> Begun {
        let begun = self.identity.begin_login(&origin(), Door::Staff).await;
        begun.unwrap()
    }

    async fn login(&self, begun: &Begun, answer: &Value) -> Result<PlainSession, EntryError> {
        let name = begun.ceremony.reveal();
        self.identity
            .finish_login(&origin(), Door::Staff, name, &shown(answer))
            .await
    }

    async fn refuses(&self, begun: &Begun, answer: &Value, why: &str) {
        let refused = self.login(begun, answer).await;
        assert!(matches!(refused, Err(EntryError::Refused)), "{why}");
    }
}

#[actix_web::test]
async fn a_member_of_staff_comes_in_by_a_setup_link_and_then_by_their_passkey_alone() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let (mut phone, first) = house.set_up().await;
        let signed = house.by(&first).await.unwrap();
        assert_eq!(signed.caller, house.physician());
        assert_eq!(signed.second_factor_at, Some(start()));

        let begun = house.begun().await;
        assert!(
            begun
                .options
                .get("allowCredentials")
                .is_none_or(|all| { all.as_array().is_none_or(Vec::is_empty) })
        );
        let answer = phone.get(&begun.options);
        let second = house.login(&begun, &answer).await.unwrap();
        assert_ne!(first.reveal(), second.reveal());
        let signed = house.by(&second).await.unwrap();
        assert_eq!(signed.caller, house.physician());
        let owner = Owner::of(&signed.caller).unwrap();
        let listed = house.identity.passkeys_of(&owner).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].label, "phone");
        assert_eq!(listed[0].used_at, Some(start()));
        assert_eq!(house.logins().await, ["passkey_added", "login", "login"]);
    })
    .await;
}

#[actix_web::test]
async fn a_setup_link_is_used_once_and_of_two_at_once_one_wins() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let link = house.link().await;
        let identity = &house.identity;
        let first = identity.begin_setup(&origin(), &link).await.unwrap();
        let second = identity.begin_setup(&origin(), &link).await.unwrap();
        let (mut one, mut other) = (Authenticator::at(ORIGIN), Authenticator::at(ORIGIN));
        let answers = [
            made(&one.create(&first.options)),
            made(&other.create(&second.options)),
        ];
        let here = origin();
        let (one, other) = futures_util::future::join(
            identity.finish_setup(&here, first.ceremony.reveal(), &answers[0], "a"),
            identity.finish_setup(&here, second.ceremony.reveal(), &answers[1], "b"),
        )
        .await;
        assert_eq!(
            [one.is_ok(), other.is_ok()]
                .iter()
                .filter(|won| **won)
                .count(),
            1
        );
        let used = identity.begin_setup(&origin(), &link).await;
        assert!(matches!(used, Err(EntryError::Refused)));
        let owner = Owner::Staff("dr-0042".into());
        assert_eq!(identity.passkeys_of(&owner).await.unwrap().len(), 1);
    })
    .await;
}

#[actix_web::test]
async fn a_setup_link_that_is_over_replaced_or_of_a_disabled_account_opens_nothing() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let identity = &house.identity;
    let replaced = house.link().await;
    let link = house.link().await;
    let begun = identity.begin_setup(&origin(), &link).await.unwrap();
    for wrong in [
        replaced.as_str(),
        "",
        "mbl_x",
        &link.replace("mbl_", "mbt_"),
        &format!("mbl_{}", "A".repeat(43)),
        &format!("{link} "),
    ] {
        let refused = identity.begin_setup(&origin(), wrong).await;
        assert!(matches!(refused, Err(EntryError::Refused)), "{wrong}");
    }
    identity
        .disable_staff("dr-0042", By::operator())
        .await
        .unwrap();
    let mut phone = Authenticator::at(ORIGIN);
    let answer = made(&phone.create(&begun.options));
    let name = begun.ceremony.reveal();
    let late = identity.finish_setup(&origin(), name, &answer, "").await;
    assert!(matches!(late, Err(EntryError::Refused)));
    let again = identity.add_staff(Role::Physician, "dr-0042", "佐藤 健", By::operator());
    again.await.unwrap();
    // Let in again, the account does not bring its links back.
    let refused = identity.begin_setup(&origin(), &link).await;
    assert!(matches!(refused, Err(EntryError::Refused)));
    let link = house.link().await;
    house.clock.advance(3_600);
    let over = identity.begin_setup(&origin(), &link).await;
    assert!(matches!(over, Err(EntryError::Refused)));
}

#[actix_web::test]
async fn an_answer_is_taken_once_in_time_and_only_for_what_it_answers() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let (mut phone, _session) = house.set_up().await;
        let begun = house.begun().await;
        let answer = phone.get(&begun.options);
        house.login(&begun, &answer).await.unwrap();
        house.refuses(&begun, &answer, "replayed").await;
        let other = house.begun().await;
        house.refuses(&other, &answer, "of another ceremony").await;
        let late = house.begun().await;
        let answer = phone.get(&late.options);
        house.clock.advance(300);
        house.refuses(&late, &answer, "too late").await;
        let failed = house.begun().await;
        let mut broken = phone.get(&failed.options);
        let right = broken.clone();
        broken["response"]["signature"] = "MEUCIQ".into();
        house.refuses(&failed, &broken, "broken").await;
        house
            .refuses(&failed, &right, "a ceremony has one answer")
            .await;
    })
    .await;
}

#[actix_web::test]
async fn an_answer_for_another_site_person_or_key_lets_nobody_in() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (mut phone, _session) = house.set_up().await;
    phone.counter = 10;
    let begun = house.begun().await;
    let answer = phone.get(&begun.options);
    house.login(&begun, &answer).await.unwrap();
    let phone = phone;
    let attempt = async |why: &str, change: &dyn Fn(&mut Authenticator)| {
        let mut phone = phone.clone();
        phone.counter = 100;
        change(&mut phone);
        let begun = house.begun().await;
        let answer = phone.get(&begun.options);
        house.refuses(&begun, &answer, why).await;
    };
    let stranger = Authenticator::at(ORIGIN);
    attempt("a page of another site asked", &|phone| {
        phone.origin = "https://evil.example".into();
    })
    .await;
    attempt("another port", &|phone| {
        phone.origin = format!("{ORIGIN}:8445")
    })
    .await;
    attempt("a subdomain", &|phone| {
        phone.origin = "https://a.musubi.minato.example".into();
    })
    .await;
    attempt("another relying party", &|phone| {
        phone.rp_id = "minato.example".into()
    })
    .await;
    attempt("nobody's finger was on it", &|phone| phone.verifies = false).await;
    attempt("an unknown passkey", &|phone| {
        phone.credential = vec![7; 32]
    })
    .await;
    attempt("somebody else's handle", &|phone| {
        phone.user_handle = vec![7; 16]
    })
    .await;
    attempt("no handle", &|phone| phone.user_handle = Vec::new()).await;
    attempt("somebody else's key", &|phone| {
        let mut other = stranger.clone();
        other.credential.clone_from(&phone.credential);
        other.user_handle.clone_from(&phone.user_handle);
        *phone = other;
    })
    .await;
    attempt("a copy that was used before", &|phone| phone.counter = 5).await;
    // With nothing changed it would have been let in.
    let mut phone = phone.clone();
    let begun = house.begun().await;
    let answer = phone.get(&begun.options);
    assert!(house.login(&begun, &answer).await.is_ok());
}

#[actix_web::test]
async fn a_disabled_account_has_no_passkey_that_opens_anything() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (mut phone, session) = house.set_up().await;
    house
        .identity
        .disable_staff("dr-0042", By::operator())
        .await
        .unwrap();
    assert!(house.by(&session).await.is_none());
    let begun = house.begun().await;
    let answer = phone.get(&begun.options);
    house.refuses(&begun, &answer, "disabled").await;
}

#[actix_web::test]
async fn staff_do_not_come_in_by_the_patients_door() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (mut phone, _session) = house.set_up().await;
    let identity = &house.identity;
    for (begins, ends) in [
        (Door::People, Door::People),
        (Door::Staff, Door::People),
        (Door::People, Door::Staff),
    ] {
        let begun = identity.begin_login(&origin(), begins).await.unwrap();
        let answer = shown(&phone.get(&begun.options));
        let name = begun.ceremony.reveal();
        let refused = identity.finish_login(&origin(), ends, name, &answer).await;
        assert!(matches!(refused, Err(EntryError::Refused)));
    }
}

#[actix_web::test]
async fn a_resumed_session_is_the_same_under_another_cookie() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let (mut phone, before) = house.set_up().await;
        house.clock.advance(901);
        let locked = house.by(&before).await.unwrap();
        assert!(locked.locked);
        let identity = &house.identity;
        let begun = identity.begin_resume(&origin(), &locked).await.unwrap();
        let answer = shown(&phone.get(&begun.options));
        let name = begun.ceremony.reveal();
        let after = identity
            .finish_resume(&origin(), &locked, name, &answer)
            .await;
        let after = after.unwrap();
        let signed = house.by(&after).await.unwrap();
        assert!(!signed.locked);
        assert_eq!(signed.session, locked.session);
        assert_eq!(signed.second_factor_at, Some(start().plus_seconds(901)));
        assert!(
            house.by(&before).await.is_none(),
            "the cookie before is dead"
        );
        let again = identity
            .finish_resume(&origin(), &locked, name, &answer)
            .await;
        assert!(matches!(again, Err(EntryError::Refused)), "replayed");
    })
    .await;
}

#[actix_web::test]
async fn nobody_resumes_anothers_session_or_an_ended_one() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (mut phone, session) = house.set_up().await;
    let identity = &house.identity;
    let other = identity.add_staff(Role::Physician, "dr-0043", "鈴木", By::operator());
    other.await.unwrap();
    let theirs = Caller::staff(Role::Physician, Some("dr-0043".into())).unwrap();
    let cookie = identity
        .open_session(&theirs, Shown::Hospital)
        .await
        .unwrap();
    let theirs = house.by(&cookie).await.unwrap();
    assert!(matches!(
        identity.begin_resume(&origin(), &theirs).await,
        Err(EntryError::NoPasskey)
    ));
    let mine = house.by(&session).await.unwrap();
    let begun = identity.begin_resume(&origin(), &mine).await.unwrap();
    let answer = shown(&phone.get(&begun.options));
    let name = begun.ceremony.reveal();
    let stolen = identity
        .finish_resume(&origin(), &theirs, name, &answer)
        .await;
    assert!(matches!(stolen, Err(EntryError::Refused)));
    let begun = identity.begin_resume(&origin(), &mine).await.unwrap();
    let answer = shown(&phone.get(&begun.options));
    identity.end(&mine).await.unwrap();
    let name = begun.ceremony.reveal();
    let late = identity
        .finish_resume(&origin(), &mine, name, &answer)
        .await;
    assert!(matches!(late, Err(EntryError::Refused)));
}

#[actix_web::test]
async fn passkeys_are_added_and_removed_only_right_after_one_was_shown() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let (_phone, session) = house.set_up().await;
        let signed = house.by(&session).await.unwrap();
        let identity = &house.identity;
        let owner = Owner::of(&signed.caller).unwrap();
        let first = identity.passkeys_of(&owner).await.unwrap().remove(0);
        let last = identity.remove_passkey(&signed, &first.id).await;
        assert!(matches!(last, Err(EntryError::LastPasskey)));
        let begun = identity.begin_add(&origin(), &signed).await.unwrap();
        let excluded = begun.options["excludeCredentials"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(excluded, 1);
        let answer = made(&Authenticator::at(ORIGIN).create(&begun.options));
        let name = begun.ceremony.reveal();
        let label = "  key\n ";
        let added = identity
            .finish_add(&origin(), &signed, name, &answer, label)
            .await;
        added.unwrap();
        let listed = identity.passkeys_of(&owner).await.unwrap();
        assert!(listed.iter().any(|one| one.label == "key"));
        assert!(matches!(
            identity.remove_passkey(&signed, "no-such").await,
            Err(EntryError::Refused)
        ));
        house.clock.advance(901);
        assert!(matches!(
            identity.remove_passkey(&signed, &first.id).await,
            Err(EntryError::NoFreshFactor)
        ));
        assert!(matches!(
            identity.begin_add(&origin(), &signed).await,
            Err(EntryError::NoFreshFactor)
        ));
        house.clock.advance(-901);
        identity.remove_passkey(&signed, &first.id).await.unwrap();
        assert_eq!(identity.passkeys_of(&owner).await.unwrap().len(), 1);
    })
    .await;
}

#[actix_web::test]
async fn a_credential_belongs_to_one_account() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let (phone, _session) = house.set_up().await;
    let identity = &house.identity;
    let other = identity.add_staff(Role::Admin, "admin-1", "鈴木", By::operator());
    other.await.unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    let link = identity.setup_link("admin-1", hour, By::operator());
    let link = link.await.unwrap();
    let begun = identity
        .begin_setup(&origin(), link.token.reveal())
        .await
        .unwrap();
    let mut copy = Authenticator::at(ORIGIN);
    copy.credential.clone_from(&phone.credential);
    let answer = made(&copy.create(&begun.options));
    let name = begun.ceremony.reveal();
    let taken = identity.finish_setup(&origin(), name, &answer, "").await;
    assert!(matches!(taken, Err(EntryError::Refused)));
}
