#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use federation_protocol::emergency::{
    MOST_OF_A_MEMBER, MOST_OF_A_PRACTITIONER, Reason, ReasonCode,
};
use federation_protocol::sample::NOW;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, ManualClock};

use super::*;
use crate::audit::{Audit, Filter, Kind, Line};
use crate::database::testing::on_each_async;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// One hospital's emergency room.
struct Ward {
    emergency: Emergency,
    clock: Arc<ManualClock>,
    keys: Arc<Keys>,
    database: Database,
    _folder: tempfile::TempDir,
}

impl Ward {
    async fn on(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::create(&folder.path().join("keys")).unwrap());
        let clock = ManualClock::at(NOW);
        let ward = Self {
            emergency: room(&database, &clock, &keys),
            clock,
            keys,
            database,
            _folder: folder,
        };
        ward.emergency.enrol("dr-1", "港病院").await.unwrap();
        ward
    }

    /// As after a restart: nothing is left but what the database kept.
    fn restart(&mut self) {
        self.emergency = room(&self.database, &self.clock, &self.keys);
    }

    /// What the authenticator shows, so many steps from now.
    async fn code(&self, steps: i64) -> String {
        let factor = self
            .database
            .read(|connection| store::factor::of(connection, "dr-1"))
            .await
            .unwrap()
            .unwrap();
        let secret = self.keys.second_factor_secret("dr-1", &factor.salt);
        let step = totp::step_at(self.clock.now().unix_seconds()) + steps;
        totp::code_at(secret.as_slice(), step).unwrap()
    }

    /// A code that is none of those around now.
    async fn wrong(&self) -> String {
        let near = [self.code(-1).await, self.code(0).await, self.code(1).await];
        let mut codes = (0..).map(|number| format!("{number:06}"));
        codes.find(|code| !near.contains(code)).unwrap()
    }

    async fn show(&self) {
        self.clock.advance(MINUTE);
        let code = self.code(0).await;
        self.emergency.show("dr-1", &code).await.unwrap();
    }

    async fn begin(&self, id: &str) -> Result<Timestamp, AskRefusal> {
        let at = self.clock.now();
        let line = Line::new(Kind::Query, at, "physician");
        let begun = self.emergency.begin(asked(id, at), line, None).await;
        begun.map(|shown| shown.at)
    }
}

fn room(database: &Database, clock: &Arc<ManualClock>, keys: &Arc<Keys>) -> Emergency {
    let clock: SharedClock = Arc::<ManualClock>::clone(clock);
    Emergency::new(database.clone(), clock, Arc::clone(keys), me())
}

fn me() -> MemberId {
    "urn:musubi:member:0110000001".parse().unwrap()
}

fn asked(id: &str, at: Timestamp) -> Access {
    Access {
        id: id.to_owned(),
        side: Side::Asked,
        at,
        asker: me(),
        practitioner: "dr-1".to_owned(),
        reason: Reason {
            code: ReasonCode::Unconscious,
            text: "搬送時に意識がなく家族にも連絡がつかない".to_owned(),
        },
        patient: None,
        shown: 0,
        closing: None,
    }
}

#[actix_web::test]
async fn a_code_of_the_second_factor_counts_once_and_around_now_alone() {
    on_each_async(async |database| {
        let mut ward = Ward::on(database).await;
        let code = ward.code(0).await;
        let until = ward.emergency.show("dr-1", &code).await.unwrap();
        assert_eq!(until, ward.clock.now().plus_seconds(15 * MINUTE));
        ward.restart();
        let again = ward.emergency.show("dr-1", &code).await;
        assert!(matches!(again, Err(FactorError::Wrong)), "replayed");
        let before = ward.code(-1).await;
        let older = ward.emergency.show("dr-1", &before).await;
        assert!(
            matches!(older, Err(FactorError::Wrong)),
            "older than one taken"
        );
        let next = ward.code(1).await;
        assert!(ward.emergency.show("dr-1", &next).await.is_ok());
        let nobody = ward.emergency.show("dr-2", &next).await;
        assert!(matches!(nobody, Err(FactorError::NotEnrolled)));
    })
    .await;
}

#[actix_web::test]
async fn guessing_codes_locks_for_longer_and_longer_also_after_a_restart() {
    on_each_async(async |database| {
        let mut ward = Ward::on(database).await;
        let mut tries = 0;
        let begun = ward.clock.now();
        for lock in 0..4 {
            for _ in 0..5 {
                let wrong = ward.wrong().await;
                let refused = ward.emergency.show("dr-1", &wrong).await;
                assert!(matches!(refused, Err(FactorError::Wrong)));
                tries += 1;
            }
            ward.restart();
            // Nothing is compared now: the right code is refused as any other.
            let right = ward.code(0).await;
            let Err(FactorError::Locked(until)) = ward.emergency.show("dr-1", &right).await else {
                panic!("not locked");
            };
            let wait = until.seconds_since(ward.clock.now());
            assert_eq!(wait, (15 * MINUTE) << lock);
            ward.clock.advance(wait);
        }
        assert_eq!(tries, 20);
        assert!(ward.clock.now().seconds_since(begun) >= 3 * HOUR);
        ward.show().await;
    })
    .await;
}

#[actix_web::test]
async fn enrolling_again_ends_the_codes_of_before_and_the_secret_is_not_in_the_database() {
    on_each_async(async |database| {
        let ward = Ward::on(database).await;
        let before = ward.code(0).await;
        let uri = ward.emergency.enrol("dr-1", "港病院").await.unwrap();
        let after = ward.code(0).await;
        if before != after {
            let old = ward.emergency.show("dr-1", &before).await;
            assert!(matches!(old, Err(FactorError::Wrong)));
        }
        assert!(uri.starts_with("otpauth://totp/"));
        // The same row under another node's key makes other codes.
        let folder = tempfile::tempdir().unwrap();
        let other = Keys::create(&folder.path().join("keys")).unwrap();
        let secret = |keys: &Keys| keys.second_factor_secret("dr-1", b"salt").to_vec();
        assert_ne!(secret(&other), secret(&ward.keys));
        assert_eq!(secret(&ward.keys), secret(&ward.keys));
    })
    .await;
}

#[actix_web::test]
async fn without_a_second_factor_of_the_last_fifteen_minutes_nothing_is_asked() {
    on_each_async(async |database| {
        let ward = Ward::on(database).await;
        let refused = ward.begin("a").await.unwrap_err();
        assert!(matches!(refused, AskRefusal::NoSecondFactor));
        ward.show().await;
        let shown_at = ward.clock.now();
        ward.clock.advance(15 * MINUTE);
        assert_eq!(ward.begin("a").await.unwrap(), shown_at);
        ward.clock.advance(1);
        let refused = ward.begin("b").await.unwrap_err();
        assert!(matches!(refused, AskRefusal::NoSecondFactor));
        assert_eq!(ward.emergency.reviews(true).await.unwrap().len(), 1);
    })
    .await;
}

#[actix_web::test]
async fn the_sixth_question_of_a_day_in_tokyo_is_refused_also_after_a_restart() {
    on_each_async(async |database| {
        let mut ward = Ward::on(database).await;
        for number in 0..MOST_OF_A_PRACTITIONER {
            ward.show().await;
            ward.begin(&format!("a{number}")).await.unwrap();
        }
        ward.restart();
        ward.show().await;
        let refused = ward.begin("sixth").await.unwrap_err();
        assert!(matches!(refused, AskRefusal::RateLimited));
        ward.clock.advance(24 * HOUR);
        ward.show().await;
        ward.begin("tomorrow").await.unwrap();
    })
    .await;
}

#[actix_web::test]
async fn a_review_open_for_72_hours_blocks_until_an_officer_closes_it() {
    on_each_async(async |database| {
        let ward = Ward::on(database.clone()).await;
        ward.show().await;
        ward.begin("first").await.unwrap();
        ward.clock.advance(72 * HOUR - MINUTE);
        ward.show().await;
        ward.begin("in time").await.unwrap();
        ward.clock.advance(1);
        let refused = ward.begin("late").await.unwrap_err();
        assert!(matches!(refused, AskRefusal::ReviewOpen(id) if id == "first"));

        let close = async |by: &str, note: &str| ward.emergency.close("first", by, note).await;
        let note = "救急記録と照合、正当";
        assert!(matches!(close("dr-1", note).await, Err(ReviewError::Own)));
        assert!(matches!(close("", note).await, Err(ReviewError::Nameless)));
        assert!(matches!(
            close("officer", " ").await,
            Err(ReviewError::Note)
        ));
        close("officer", note).await.unwrap();
        assert!(matches!(
            close("officer", note).await,
            Err(ReviewError::Closed)
        ));
        ward.begin("after").await.unwrap();

        let all = ward.emergency.reviews(false).await.unwrap();
        let closed = all.iter().find(|access| access.id == "first").unwrap();
        assert_eq!(closed.closing.as_ref().unwrap().by, "officer");
        assert_eq!(ward.emergency.reviews(true).await.unwrap().len(), 2);
        let lines = Audit::new(database).list(Filter::default()).await.unwrap();
        let outcomes: Vec<&str> = lines.iter().map(|line| line.outcome.as_str()).collect();
        assert!(outcomes.contains(&"btg_review_open") && outcomes.contains(&"review_closed"));
    })
    .await;
}

#[actix_web::test]
async fn the_twenty_first_question_of_a_member_on_one_day_is_one_too_many() {
    on_each_async(async |database| {
        let ward = Ward::on(database.clone()).await;
        let is_one_too_many = async |member: &str| {
            let (member, now): (MemberId, _) = (member.parse().unwrap(), ward.clock.now());
            database
                .transact(move |connection| Emergency::is_one_too_many(connection, &member, now))
                .await
                .unwrap()
        };
        let (one, other) = (
            "urn:musubi:member:0110000002",
            "urn:musubi:member:0110000003",
        );
        for _ in 0..MOST_OF_A_MEMBER {
            assert!(!is_one_too_many(one).await);
        }
        assert!(is_one_too_many(one).await);
        assert!(!is_one_too_many(other).await, "another member's day");
        ward.clock.advance(24 * HOUR);
        assert!(!is_one_too_many(one).await, "another day");
    })
    .await;
}

#[actix_web::test]
async fn of_codes_sent_at_once_the_right_one_counts_once_and_five_wrong_ones_lock() {
    on_each_async(async |database| {
        let ward = Ward::on(database).await;
        let right = ward.code(0).await;
        let sent = (0..16).map(|_| ward.emergency.show("dr-1", &right));
        let taken = futures_util::future::join_all(sent).await;
        assert_eq!(taken.iter().filter(|one| one.is_ok()).count(), 1);

        ward.clock.advance(HOUR * 25);
        let wrong = ward.wrong().await;
        let sent = (0..32).map(|_| ward.emergency.show("dr-1", &wrong));
        let taken = futures_util::future::join_all(sent).await;
        let compared = taken
            .iter()
            .filter(|one| matches!(one, Err(FactorError::Wrong)));
        assert_eq!(compared.count(), 5, "the others met a lock");
    })
    .await;
}

#[actix_web::test]
async fn questions_begun_at_once_are_five_at_most() {
    on_each_async(async |database| {
        let ward = Ward::on(database).await;
        ward.show().await;
        let ids: Vec<String> = (0..12).map(|number| format!("a{number}")).collect();
        let begun = futures_util::future::join_all(ids.iter().map(|id| ward.begin(id))).await;
        assert_eq!(begun.iter().filter(|one| one.is_ok()).count(), 5);
    })
    .await;
}

#[actix_web::test]
async fn what_happened_to_a_chart_is_told_with_the_chart_that_took_its_place() {
    on_each_async(async |database| {
        let ward = Ward::on(database.clone()).await;
        let access = Access {
            side: Side::Answered,
            patient: Some(crate::database::Rid(7)),
            ..asked("a", ward.clock.now())
        };
        let emergency = ward.emergency.clone();
        database
            .transact(move |connection| emergency.note_answer(connection, &access))
            .await
            .unwrap();
        let (from, into) = (crate::database::Rid(7), crate::database::Rid(9));
        let told = async |chart| ward.emergency.told_of_chart(chart).await.unwrap().len();
        assert_eq!((told(from).await, told(into).await), (1, 0));
        ward.emergency.follow_merge(from, into).await.unwrap();
        assert_eq!((told(from).await, told(into).await), (0, 1));
    })
    .await;
}

#[actix_web::test]
async fn a_passkey_shown_in_this_session_is_a_second_factor_for_fifteen_minutes() {
    on_each_async(async |database| {
        let ward = Ward::on(database).await;
        let now = ward.clock.now();
        let begin = async |id: &str, passkey: i64| {
            let line = Line::new(Kind::Emergency, now, "physician");
            let passkey = Some(now.plus_seconds(passkey));
            ward.emergency.begin(asked(id, now), line, passkey).await
        };
        let shown = begin("a", -900).await.unwrap();
        assert_eq!((shown.acr, shown.at), ("passkey", now.plus_seconds(-900)));
        for (id, passkey) in [("b", -901), ("c", 1)] {
            let refused = begin(id, passkey).await.unwrap_err();
            assert!(matches!(refused, AskRefusal::NoSecondFactor));
        }
    })
    .await;
}
