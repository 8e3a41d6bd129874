//! What this registry has signed. The only SQL of this room.
//!
//! The table itself refuses a `seq` that is not the next one, a change and a removal
//! (`migrations/0002_ledger`): what follows here cannot break the promise by a mistake.

use diesel::prelude::*;
use federation_protocol::jws::PayloadHash;
use federation_protocol::time::Timestamp;

use super::{Issue, Kind};
use crate::database::DatabaseError;

diesel::table! {
    issue (kind, seq) {
        kind -> Text,
        seq -> BigInt,
        payload_sha256 -> Text,
        document -> Text,
        issued_at -> BigInt,
        expires_at -> BigInt,
    }
}

type Columns = (String, i64, String, String, i64, i64);

fn to_issue(
    (kind, seq, hash, document, issued_at, expires_at): Columns,
) -> Result<Issue, DatabaseError> {
    let corrupt = |what, value| DatabaseError::Corrupt { what, value };
    Ok(Issue {
        kind: Kind::from_name(&kind).ok_or_else(|| corrupt("kind of document", kind))?,
        seq: u64::try_from(seq).or(Err(corrupt("seq", seq.to_string())))?,
        hash: hash.parse().or(Err(corrupt("hash", hash)))?,
        document,
        issued_at: Timestamp::from_micros(issued_at),
        expires_at: Timestamp::from_micros(expires_at),
    })
}

fn seq_column(seq: u64) -> Result<i64, DatabaseError> {
    i64::try_from(seq).or(Err(DatabaseError::Corrupt {
        what: "seq",
        value: seq.to_string(),
    }))
}

/// The newest of `kind`.
pub(crate) fn newest(
    db: &mut SqliteConnection,
    kind: Kind,
) -> Result<Option<Issue>, DatabaseError> {
    issue::table
        .filter(issue::kind.eq(kind.name()))
        .order(issue::seq.desc())
        .first::<Columns>(db)
        .optional()?
        .map(to_issue)
        .transpose()
}

/// The one of `kind` that took `seq`.
pub(crate) fn find(
    db: &mut SqliteConnection,
    kind: Kind,
    seq: u64,
) -> Result<Option<Issue>, DatabaseError> {
    let Ok(seq) = i64::try_from(seq) else {
        return Ok(None);
    };
    let row = issue::table
        .find((kind.name(), seq))
        .first::<Columns>(db)
        .optional()?;
    row.map(to_issue).transpose()
}

/// Whether a document of `kind` with this payload was ever issued here.
pub(crate) fn was_issued(
    db: &mut SqliteConnection,
    kind: Kind,
    hash: &PayloadHash,
) -> Result<bool, DatabaseError> {
    let of_kind = issue::table.filter(issue::kind.eq(kind.name()));
    let found = of_kind.filter(issue::payload_sha256.eq(hash.to_string()));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(db)?)
}

/// Takes the next `seq` for this document.
///
/// # Errors
/// `Statement` when the `seq` is not the next one of its kind.
pub(crate) fn insert(db: &mut SqliteConnection, new: &Issue) -> Result<(), DatabaseError> {
    diesel::insert_into(issue::table)
        .values((
            issue::kind.eq(new.kind.name()),
            issue::seq.eq(seq_column(new.seq)?),
            issue::payload_sha256.eq(new.hash.to_string()),
            issue::document.eq(&new.document),
            issue::issued_at.eq(new.issued_at.micros()),
            issue::expires_at.eq(new.expires_at.micros()),
        ))
        .execute(db)?;
    Ok(())
}

/// Forgets status documents below `seq` that were made before `made_before`.
///
/// # Errors
/// `Statement` when that would be the newest one too: the next `seq` is counted from it.
pub(crate) fn forget_statuses(
    db: &mut SqliteConnection,
    seq: u64,
    made_before: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::delete(
        issue::table
            .filter(issue::kind.eq(Kind::Status.name()))
            .filter(issue::seq.lt(seq_column(seq)?))
            .filter(issue::issued_at.lt(made_before.micros())),
    )
    .execute(db)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use super::*;
    use crate::database::Database;

    fn issue(kind: Kind, seq: u64, document: &str) -> Issue {
        let at = Timestamp::from_unix_seconds(1_782_864_000);
        Issue {
            kind,
            seq,
            hash: PayloadHash::of(document.as_bytes()),
            document: document.to_owned(),
            issued_at: at,
            expires_at: at.plus_seconds(600),
        }
    }

    /// A database with status 1 to 3, as any program that opens the file would have it.
    fn database() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::create(&folder.path().join("registry.db")).unwrap();
        database
            .transact(|db| {
                (1..=3).try_for_each(|seq| insert(db, &issue(Kind::Status, seq, "first")))
            })
            .unwrap();
        (folder, database)
    }

    fn refused(database: &mut Database, statement: &str) -> String {
        database
            .transact(|db| {
                diesel::sql_query(statement)
                    .execute(db)
                    .map_err(DatabaseError::Statement)
            })
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_seq_that_was_taken_is_taken_for_ever() {
        let (_folder, mut database) = database();
        for seq in [1, 3, 5] {
            let second = issue(Kind::Status, seq, "second");
            let error = database.transact(|db| insert(db, &second)).unwrap_err();
            assert!(
                error.to_string().contains("seq is not the next one"),
                "{error}"
            );
        }
        let replace = "INSERT OR REPLACE INTO issue VALUES ('status', 3, '', '', 0, 0)";
        assert!(refused(&mut database, replace).contains("seq is not the next one"));
        database
            .transact(|db| insert(db, &issue(Kind::Status, 4, "fourth")))
            .unwrap();
        database
            .transact(|db| insert(db, &issue(Kind::Directory, 1, "first")))
            .unwrap();
        let third = database
            .read(|db| find(db, Kind::Status, 3))
            .unwrap()
            .unwrap();
        assert_eq!(third.document, "first");
    }

    #[test]
    fn what_was_signed_is_neither_altered_nor_forgotten_too_soon() {
        let (_folder, mut database) = database();
        database
            .transact(|db| insert(db, &issue(Kind::Directory, 1, "first")))
            .unwrap();
        for (statement, reason) in [
            (
                "UPDATE issue SET document = 'second' WHERE seq = 3",
                "never altered",
            ),
            ("UPDATE issue SET seq = 4 WHERE seq = 3", "never altered"),
            ("DELETE FROM issue WHERE kind = 'directory'", "is kept"),
            ("DELETE FROM issue WHERE kind = 'status'", "is kept"),
            (
                "DELETE FROM issue WHERE kind = 'status' AND seq = 3",
                "is kept",
            ),
        ] {
            let error = refused(&mut database, statement);
            assert!(error.contains(reason), "{statement}: {error}");
        }
        let now = Timestamp::from_unix_seconds(1_782_864_000 + 1);
        database.transact(|db| forget_statuses(db, 3, now)).unwrap();
        let kept: Vec<_> = [1, 2, 3]
            .map(|seq| database.read(|db| find(db, Kind::Status, seq)).unwrap())
            .into();
        assert!(kept[0].is_none() && kept[1].is_none() && kept[2].is_some());
        // A seq that was forgotten stays taken.
        assert!(
            database
                .transact(|db| insert(db, &issue(Kind::Status, 1, "second")))
                .is_err()
        );
    }

    #[test]
    fn what_is_not_committed_takes_no_seq() {
        let (_folder, mut database) = database();
        let rolled_back: Result<(), DatabaseError> = database.transact(|db| {
            insert(db, &issue(Kind::Status, 4, "never shown"))?;
            Err(DatabaseError::Corrupt {
                what: "test",
                value: String::new(),
            })
        });
        assert!(rolled_back.is_err());
        database
            .transact(|db| insert(db, &issue(Kind::Status, 4, "shown")))
            .unwrap();
    }
}
