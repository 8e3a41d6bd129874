//! A member's life, however operators type.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use MemberState::{Active, Applied, Maintenance, Probation, Revoked, Suspended, Withdrawn};
use federation_protocol::keys::KeyId;
use proptest::prelude::*;

use super::*;
use crate::database::Database;

const STATES: [MemberState; 7] = [
    Applied,
    Probation,
    Active,
    Maintenance,
    Suspended,
    Revoked,
    Withdrawn,
];

/// PROTOCOL section 2, written out once more: every arrow there is.
const ARROWS: [(MemberState, MemberState); 16] = [
    (Applied, Probation),
    (Probation, Active),
    (Active, Maintenance),
    (Maintenance, Active),
    (Active, Suspended),
    (Suspended, Active),
    (Applied, Revoked),
    (Probation, Revoked),
    (Active, Revoked),
    (Maintenance, Revoked),
    (Suspended, Revoked),
    (Applied, Withdrawn),
    (Probation, Withdrawn),
    (Active, Withdrawn),
    (Maintenance, Withdrawn),
    (Suspended, Withdrawn),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_sequence_of_steps_leaves_the_arrows(steps in proptest::collection::vec(0_usize..7, 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::create(&folder.path().join("registry.db")).unwrap();
        let id = MemberId::from_code("0110000001").unwrap();
        let at = Timestamp::from_unix_seconds(1_782_864_000);
        let first = MemberRow {
            id: id.clone(),
            entry: "{}".into(),
            state: Applied,
            added_at: at,
            changed_at: at,
        };
        let none: [KeyId; 0] = [];
        database.transact(|db| store::insert(db, &first, &none, "")).unwrap();
        let mut state = Applied;
        for step in steps {
            let to = STATES[step];
            let took = database.transact(|db| change_state(db, &id, to, "", at));
            prop_assert_eq!(took.is_ok(), ARROWS.contains(&(state, to)), "{} to {}", state, to);
            if took.is_ok() {
                state = to;
            }
        }
        let (row, history) = database.read(|db| show(db, &id)).unwrap();
        prop_assert_eq!(row.state, state);
        for change in history.iter().skip(1) {
            prop_assert!(ARROWS.contains(&(change.from.unwrap(), change.to)));
        }
    }
}
