#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use federation_protocol::keys::SecretKey;
use federation_protocol::link::LinkError;
use federation_protocol::sample::{NOW, SampleMember};
use federation_service::clock::ManualClock;

use super::*;
use crate::audit::{Audit, Filter};
use crate::consent::testing::Home;
use crate::database::testing::on_each_async;

/// Hana enrols at Minato and walks to Yukimi's counter.
struct Walk {
    home: Home,
    minato: Linkage,
    yukimi: Linkage,
    phone: Phone,
}

impl Walk {
    /// Both rooms share the test's database: their tables do not meet.
    async fn on(database: Database) -> Self {
        let home = Home::on(database.clone());
        let minato = Linkage::new(database.clone(), home.clock.clone(), home.minato.id.clone());
        let yukimi = Linkage::new(database, home.clock.clone(), home.yukimi.id.clone());
        let phone = minato.enroll(Rid(7), "hana").await.unwrap();
        Self {
            home,
            minato,
            yukimi,
            phone,
        }
    }

    async fn link(&mut self) -> NewLink {
        let home = self.home.minato.id.clone();
        let signer = &self.home.yukimi.sign;
        self.yukimi
            .link_at_counter(Rid(9), "y-9", &home, &mut self.phone, signer)
            .await
            .unwrap()
    }

    async fn found(&self, handle: &PatientHandle) -> Option<Link> {
        let handle = handle.clone();
        self.home
            .database
            .read(move |connection| find(connection, &handle))
            .await
            .unwrap()
    }
}

#[actix_web::test]
async fn a_link_made_at_the_counter_is_taken_in_at_home() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        let made = walk.link().await;
        let accepted = walk
            .minato
            .accept(&walk.phone, &walk.home.membership)
            .await
            .unwrap();
        assert_eq!(accepted.len(), 1);
        assert_eq!(accepted[0].handle, made.handle);
        let link = walk.found(&made.handle).await.unwrap();
        assert_eq!((link.patient, &link.home), (Rid(9), &walk.home.minato.id));
        assert_eq!(link.device_key, accepted[0].device_key);
        let signature = walk.phone.sign(&walk.home.yukimi.id, b"decision").unwrap();
        assert_eq!(link.device_key.verify(b"decision", &signature), Ok(()));
        assert_eq!(
            walk.minato.home_links(walk.phone.person()).await.unwrap(),
            accepted
        );
        let outcomes: Vec<_> = Audit::new(walk.home.database.clone())
            .list(Filter::default())
            .await
            .unwrap()
            .into_iter()
            .map(|line| line.outcome)
            .collect();
        assert_eq!(outcomes, ["enrolled", "link_created", "link_accepted"]);
    })
    .await;
}

#[actix_web::test]
async fn taking_in_again_changes_nothing_and_a_new_link_replaces_the_old() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        let first = walk.link().await;
        let accepted = walk
            .minato
            .accept(&walk.phone, &walk.home.membership)
            .await
            .unwrap();
        // Months later: the assertion is over, the link is not.
        walk.home.clock.advance(100 * 86_400);
        let again = walk
            .minato
            .accept(&walk.phone, &walk.home.membership)
            .await
            .unwrap();
        assert_eq!(again, accepted);
        walk.home.clock.set(NOW.plus_seconds(60));
        let second = walk.link().await;
        assert_ne!(first.handle, second.handle);
        let replaced = walk
            .minato
            .accept(&walk.phone, &walk.home.membership)
            .await
            .unwrap();
        assert_eq!(replaced[0].handle, second.handle);
        assert_eq!(
            walk.minato.home_links(walk.phone.person()).await.unwrap(),
            replaced
        );
    })
    .await;
}

#[actix_web::test]
async fn a_person_is_enrolled_once() {
    on_each_async(async |database| {
        let walk = Walk::on(database).await;
        let again = walk.minato.enroll(Rid(7), "hana").await.err().unwrap();
        assert!(matches!(again, LinkageError::Enrolled(id) if id == *walk.phone.person()));
        assert_eq!(walk.minato.people().await.unwrap().len(), 1);
        let person = walk.minato.person(walk.phone.person()).await.unwrap();
        assert_eq!(
            (person.patient, person.patient_id.as_str()),
            (Rid(7), "hana")
        );
    })
    .await;
}

#[actix_web::test]
async fn a_phone_of_another_home_makes_no_link_and_is_not_taken_in() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        let yukimi = walk.home.yukimi.id.clone();
        let signer = &walk.home.yukimi.sign;
        let elsewhere = walk
            .yukimi
            .link_at_counter(Rid(9), "y-9", &yukimi, &mut walk.phone, signer)
            .await;
        assert!(matches!(elsewhere, Err(LinkageError::OtherHome(_))));
        let refused = walk.yukimi.accept(&walk.phone, &walk.home.membership).await;
        assert!(matches!(refused, Err(LinkageError::OtherHome(_))));
        let stranger = Phone::new(PersonId::random(), walk.home.minato.id.clone());
        let unknown = walk.minato.accept(&stranger, &walk.home.membership).await;
        assert!(matches!(unknown, Err(LinkageError::NoPerson)));
    })
    .await;
}

async fn taken_in(walk: &Walk, carried: Carried) -> Result<HomeLink, LinkageError> {
    walk.minato
        .accept_one(walk.phone.person(), carried, &walk.home.membership)
        .await
}

#[actix_web::test]
async fn a_forged_assertion_is_refused() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        walk.link().await;
        let carried = walk.phone.carried().remove(0);
        let other_key = SecretKey::from_seed([5; 32]).public();
        let other_device = Carried {
            device_key: other_key,
            ..carried.clone()
        };
        assert!(matches!(
            taken_in(&walk, other_device).await,
            Err(LinkageError::OtherKey(_))
        ));
        let shirakaba = walk.home.shirakaba.id.clone();
        let other_hospital = Carried {
            responder: shirakaba,
            ..carried.clone()
        };
        assert!(matches!(
            taken_in(&walk, other_hospital).await,
            Err(LinkageError::OtherKey(_))
        ));
        let mut bent = carried.clone();
        bent.assertion.replace_range(
            100..101,
            if bent.assertion.as_bytes()[100] == b'A' {
                "B"
            } else {
                "A"
            },
        );
        assert!(matches!(
            taken_in(&walk, bent).await,
            Err(LinkageError::Assertion(_))
        ));
        let evil = signed_by(&walk.home.shirakaba, &walk, &carried);
        assert!(matches!(
            taken_in(&walk, evil).await,
            Err(LinkageError::Assertion(_))
        ));
        walk.home.clock.advance(31 * 86_400);
        let late = taken_in(&walk, carried).await;
        assert!(matches!(
            late,
            Err(LinkageError::Assertion(LinkError::Time))
        ));
        assert!(
            walk.minato
                .home_links(walk.phone.person())
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

/// Another member asserts a link in Yukimi's name.
fn signed_by(evil: &SampleMember, walk: &Walk, carried: &Carried) -> Carried {
    let assertion = LinkAssertion {
        ver: 1,
        pp: PatientHandle::from_bytes([1; 16]),
        responder: walk.home.yukimi.id.clone(),
        home: walk.home.minato.id.clone(),
        device_key: carried.device_key.clone(),
        iat: NOW,
        exp: NOW.plus_seconds(60),
    };
    Carried {
        assertion: assertion.sign(&evil.sign),
        ..carried.clone()
    }
}

#[actix_web::test]
async fn one_persons_link_is_not_anothers() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        walk.link().await;
        walk.minato
            .accept(&walk.phone, &walk.home.membership)
            .await
            .unwrap();
        let taro = walk.minato.enroll(Rid(8), "taro").await.unwrap();
        let stolen = walk.phone.carried().remove(0);
        let refused = walk
            .minato
            .accept_one(taro.person(), stolen, &walk.home.membership)
            .await;
        assert!(matches!(refused, Err(LinkageError::Spent)));
    })
    .await;
}

#[actix_web::test]
async fn an_ended_link_is_like_none() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        let made = walk.link().await;
        walk.yukimi.end(&made.handle).await.unwrap();
        assert_eq!(walk.found(&made.handle).await, None);
        assert!(matches!(
            walk.yukimi.end(&made.handle).await,
            Err(LinkageError::NoLink)
        ));
        let listed = walk.yukimi.links(Some(Rid(9))).await.unwrap();
        assert!(listed[0].ended_at.is_some());
        assert!(walk.yukimi.links(Some(Rid(1))).await.unwrap().is_empty());
    })
    .await;
}

#[actix_web::test]
async fn ending_a_link_at_home_ends_it_there() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        walk.link().await;
        walk.minato
            .accept(&walk.phone, &walk.home.membership)
            .await
            .unwrap();
        let (person, yukimi) = (walk.phone.person().clone(), walk.home.yukimi.id.clone());
        walk.minato.end_home_link(&person, &yukimi).await.unwrap();
        assert!(walk.minato.home_links(&person).await.unwrap().is_empty());
        let again = walk.minato.end_home_link(&person, &yukimi).await;
        assert!(matches!(again, Err(LinkageError::NoLink)));
        let spent = walk.minato.accept(&walk.phone, &walk.home.membership).await;
        assert!(matches!(spent, Err(LinkageError::Spent)));
    })
    .await;
}

#[actix_web::test]
async fn handles_are_never_the_same() {
    let scratch = crate::database::testing::sqlite();
    let member: MemberId = "urn:musubi:member:0110000002".parse().unwrap();
    let linkage = Linkage::new(
        scratch.database.clone(),
        ManualClock::at(NOW),
        member.clone(),
    );
    let key = SecretKey::from_seed([1; 32]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..64 {
        let made = linkage
            .create(Rid(1), "p", &member, key.public(), &key)
            .await
            .unwrap();
        assert!(seen.insert(made.handle));
    }
}

proptest::proptest! {
    #[test]
    fn an_assertion_from_outside_never_panics(text in ".{0,300}", at in 0_usize..600, byte in 33_u8..127) {
        let home = SampleMember::new("0110000001", 10);
        let registry = federation_protocol::sample::SampleRegistry::of([home.profile()]);
        let membership = registry.membership();
        let _ = LinkAssertion::verify(&text, &home.id, &membership, NOW);
        let key = SecretKey::from_seed([2; 32]).public();
        let assertion = LinkAssertion {
            ver: 1,
            pp: PatientHandle::from_bytes([1; 16]),
            responder: home.id.clone(),
            home: home.id.clone(),
            device_key: key,
            iat: NOW,
            exp: NOW.plus_seconds(60),
        };
        let mut signed = assertion.sign(&home.sign).into_bytes();
        let changed = signed.get(at).is_some_and(|old| *old != byte);
        if let Some(place) = signed.get_mut(at) {
            *place = byte;
        }
        let signed = String::from_utf8(signed).unwrap();
        let verdict = LinkAssertion::verify(&signed, &home.id, &membership, NOW);
        proptest::prop_assert_eq!(verdict.is_err(), changed);
    }
}

async fn outcomes(walk: &Walk) -> Vec<String> {
    let audit = Audit::new(walk.home.database.clone());
    let lines = audit.list(Filter::default()).await.unwrap();
    lines.into_iter().map(|line| line.outcome).collect()
}

#[actix_web::test]
async fn a_merged_chart_s_handles_and_reservations_move_to_the_one_that_goes_on() {
    on_each_async(async |database| {
        use federation_protocol::consent::{Provision, ProvisionType};
        let mut walk = Walk::on(database).await;
        let made = walk.link().await;
        let deny = Provision::any(ProvisionType::Deny);
        walk.home.reserve(Rid(9), deny).await;
        let merged = walk.yukimi.merge(Rid(9), Rid(12), "y-12").await.unwrap();
        assert_eq!(merged.handles, std::slice::from_ref(&made.handle));
        assert_eq!((merged.reservations, merged.enrolled), (1, false));
        let link = walk.found(&made.handle).await.unwrap();
        assert_eq!((link.patient, link.patient_id.as_str()), (Rid(12), "y-12"));
        assert!(!link.outdates(NOW), "it is the same person's");
        let held = async |chart| -> usize {
            let database = &walk.home.database;
            let reserved = database
                .read(move |connection| crate::consent::local_directives(connection, chart));
            reserved.await.unwrap().len()
        };
        assert_eq!((held(Rid(9)).await, held(Rid(12)).await), (0, 1));
        let lines = outcomes(&walk).await;
        assert_eq!(lines[lines.len() - 2..], ["chart_given_up", "chart_merged"]);
    })
    .await;
}

#[actix_web::test]
async fn a_merged_chart_s_person_goes_on_but_two_people_are_never_made_one() {
    on_each_async(async |database| {
        let walk = Walk::on(database).await;
        let merged = walk.minato.merge(Rid(7), Rid(70), "hana-2").await.unwrap();
        assert!(merged.enrolled);
        let person = walk.minato.person(walk.phone.person()).await.unwrap();
        assert_eq!(
            (person.patient, person.patient_id.as_str()),
            (Rid(70), "hana-2")
        );
        walk.minato.enroll(Rid(8), "taro").await.unwrap();
        let refused = walk.minato.merge(Rid(8), Rid(70), "hana-2").await;
        assert!(matches!(refused, Err(LinkageError::Enrolled(_))));
        let refused = walk.minato.merge(Rid(8), Rid(8), "taro").await;
        assert!(matches!(refused, Err(LinkageError::SameChart)));
    })
    .await;
}

#[actix_web::test]
async fn a_corrected_handle_means_the_other_chart_and_outdates_what_was_minted_before() {
    on_each_async(async |database| {
        let mut walk = Walk::on(database).await;
        let made = walk.link().await;
        walk.home.clock.advance(600);
        let now = NOW.plus_seconds(600);
        walk.yukimi
            .correct(&made.handle, Rid(12), "y-12")
            .await
            .unwrap();
        let link = walk.found(&made.handle).await.unwrap();
        assert_eq!(link.patient, Rid(12));
        // A home's clock may be a minute ahead.
        assert!(link.outdates(NOW) && link.outdates(now.plus_seconds(60)));
        assert!(!link.outdates(now.plus_seconds(61)));
        let again = walk.yukimi.correct(&made.handle, Rid(12), "y-12").await;
        assert!(matches!(again, Err(LinkageError::SameChart)));
        walk.yukimi.end(&made.handle).await.unwrap();
        let ended = walk.yukimi.correct(&made.handle, Rid(9), "y-9").await;
        assert!(matches!(ended, Err(LinkageError::NoLink)));
        let lines = outcomes(&walk).await;
        assert!(lines.ends_with(&[
            "link_taken_away".to_owned(),
            "link_corrected".to_owned(),
            "link_ended".to_owned()
        ]));
    })
    .await;
}
