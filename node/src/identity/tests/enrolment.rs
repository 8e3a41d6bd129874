//! A person's first time: the code of the desk, their birth date, their passkey.

use reqwest::Url;

use super::authenticator::Authenticator;
use super::sessions::{House, ORIGIN};
use super::*;
use crate::identity::birth::BirthDate;
use crate::identity::enrolment::{CODE_LIFE_SECONDS, EnrolmentCode};
use crate::identity::staff::By;

const BORN: &str = "昭和３２年４月１日";

fn origin() -> Url {
    ORIGIN.parse().unwrap()
}

impl House {
    async fn code_for(&self, person: &PersonId) -> EnrolmentCode {
        let birth = BirthDate::of_chart("1957-04-01").unwrap();
        let code = self
            .identity
            .enrolment_code(person, Rid(7), birth, By::operator());
        code.await.unwrap()
    }

    async fn tries(&self, code: &str, birth: &str) -> bool {
        match self.identity.begin_enrolment(&origin(), code, birth).await {
            Ok(_) => true,
            Err(EntryError::Refused) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

#[actix_web::test]
async fn a_person_comes_in_by_code_and_birth_date_and_stays_by_passkey() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let hana = PersonId::random();
        let code = house.code_for(&hana).await;
        assert!(
            code.url(&origin())
                .starts_with(&format!("{ORIGIN}/p/start#"))
        );
        let typed = code.code.grouped().to_lowercase().replace('-', " ");
        let identity = &house.identity;
        let begun = identity.begin_enrolment(&origin(), &typed, BORN).await;
        let begun = begun.unwrap();
        let mut phone = Authenticator::at(ORIGIN);
        let made = serde_json::from_value(phone.create(&begun.options)).unwrap();
        let name = begun.ceremony.reveal();
        let entered = identity
            .finish_enrolment(&origin(), name, &made, "phone")
            .await;
        let signed = house.by(&entered.unwrap()).await.unwrap();
        let own = Caller::Person {
            id: hana,
            patient: Rid(7),
        };
        assert_eq!(signed.caller, own);
        assert!(!house.tries(&typed, BORN).await, "used up");
        let door = ceremony::Door::People;
        let begun = identity.begin_login(&origin(), door).await.unwrap();
        let shown = serde_json::from_value(phone.get(&begun.options)).unwrap();
        let name = begun.ceremony.reveal();
        let again = identity.finish_login(&origin(), door, name, &shown).await;
        assert_eq!(house.by(&again.unwrap()).await.unwrap().caller, own);
    })
    .await;
}

#[actix_web::test]
async fn five_wrong_tries_lock_a_code_for_ten_minutes_and_fifteen_for_good() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let code = house.code_for(&PersonId::random()).await;
        let code = code.code.grouped();
        for _ in 0..5 {
            assert!(!house.tries(&code, "1957-04-02").await);
        }
        assert!(!house.tries(&code, BORN).await, "locked");
        house.clock.advance(601);
        assert!(house.tries(&code, BORN).await, "open again");
        for _ in 0..2 {
            for _ in 0..5 {
                assert!(!house.tries(&code, "no date at all").await);
            }
            house.clock.advance(601);
        }
        assert!(!house.tries(&code, BORN).await, "ended");
    })
    .await;
}

#[actix_web::test]
async fn a_code_that_is_over_replaced_or_nobodys_opens_nothing() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let hana = PersonId::random();
    let replaced = house.code_for(&hana).await.code;
    let code = house.code_for(&hana).await.code;
    assert!(!house.tries(&replaced.grouped(), BORN).await);
    assert!(!house.tries("2222-2222", BORN).await);
    assert!(!house.tries("", BORN).await);
    assert!(!house.tries(&"長".repeat(100_000), BORN).await);
    assert!(house.tries(&code.grouped(), BORN).await);
    house.clock.advance(CODE_LIFE_SECONDS);
    assert!(!house.tries(&code.grouped(), BORN).await);
}

#[actix_web::test]
async fn of_two_who_use_one_code_at_once_one_comes_in() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let code = house.code_for(&PersonId::random()).await.code;
        let identity = &house.identity;
        let here = origin();
        let begun = [
            identity
                .begin_enrolment(&here, &code.grouped(), BORN)
                .await
                .unwrap(),
            identity
                .begin_enrolment(&here, &code.grouped(), BORN)
                .await
                .unwrap(),
        ];
        let made = begun.each_ref().map(|one| {
            let made = Authenticator::at(ORIGIN).create(&one.options);
            serde_json::from_value(made).unwrap()
        });
        let (one, other) = futures_util::future::join(
            identity.finish_enrolment(&here, begun[0].ceremony.reveal(), &made[0], ""),
            identity.finish_enrolment(&here, begun[1].ceremony.reveal(), &made[1], ""),
        )
        .await;
        assert!(one.is_ok() != other.is_ok());
    })
    .await;
}

#[actix_web::test]
async fn neither_code_nor_birth_date_stands_in_the_database() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let code = house.code_for(&PersonId::random()).await.code;
    let path = scratch.url.strip_prefix("sqlite:").unwrap();
    let mut stored = std::fs::read(path).unwrap();
    stored.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    let spelt = code.grouped().replace('-', "");
    for secret in [spelt.as_str(), code.grouped().as_str(), "1957-04-01"] {
        let found = stored
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{}", secret.len());
    }
}
