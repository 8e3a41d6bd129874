#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod attacks;
mod erasing;
mod events;
mod lines;
mod sealing;

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::{ManualClock, SharedClock};
use tempfile::TempDir;

use super::*;
use crate::keys::Keys;

const ME: &str = "urn:musubi:member:0110000001";

/// A log with keys of its own.
struct House {
    database: Database,
    audit: Audit,
    checkpoints: Checkpoints,
    clock: Arc<ManualClock>,
    keys: Arc<Keys>,
    _folder: TempDir,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_782_864_000 + second)
}

impl House {
    fn in_database(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::create(&folder.path().join("keys")).unwrap());
        let clock = ManualClock::at(at(0));
        let time: SharedClock = Arc::<ManualClock>::clone(&clock);
        let me: MemberId = ME.parse().unwrap();
        let checkpoints = Checkpoints::new(database.clone(), time, Arc::clone(&keys), me);
        Self {
            audit: Audit::new(database.clone()),
            database,
            checkpoints,
            clock,
            keys,
            _folder: folder,
        }
    }

    /// Another program on the same database.
    fn other_program(&self) -> Checkpoints {
        let time: SharedClock = Arc::<ManualClock>::clone(&self.clock);
        let me: MemberId = ME.parse().unwrap();
        Checkpoints::new(self.database.clone(), time, Arc::clone(&self.keys), me)
    }

    /// Writes `count` lines, each a second after the other.
    async fn lines(&self, from: i64, count: i64) {
        self.database
            .transact(move |connection| {
                for second in from..from + count {
                    append(connection, &line(second))?;
                }
                Ok::<_, DatabaseError>(())
            })
            .await
            .unwrap();
    }

    fn signers(&self) -> Signers {
        Signers {
            origin: ME.to_owned(),
            log: vec![self.checkpoints.public()],
            ..Signers::default()
        }
    }

    async fn verify(&self) -> Report {
        self.audit.verify(self.signers()).await.unwrap()
    }

    /// Runs statements as somebody with the database in their hands: no trigger stops them.
    async fn attack(&self, sql: &str) {
        let open = match self.database.kind() {
            crate::database::Kind::Sqlite => TRIGGERS
                .iter()
                .map(|(_, name)| format!("DROP TRIGGER IF EXISTS {name};"))
                .collect::<String>(),
            crate::database::Kind::Postgres => TRIGGERS
                .iter()
                .map(|(table, _)| format!("ALTER TABLE {table} DISABLE TRIGGER ALL;"))
                .collect(),
        };
        let sql = format!("{open} {sql}");
        self.database
            .transact(move |connection| {
                match connection {
                    HospitalConnection::Sqlite(connection) => connection.batch_execute(&sql)?,
                    HospitalConnection::Postgres(connection) => connection.batch_execute(&sql)?,
                }
                Ok::<_, DatabaseError>(())
            })
            .await
            .unwrap();
    }
}

const TRIGGERS: [(&str, &str); 9] = [
    ("audit_line", "audit_line_no_update"),
    ("audit_line", "audit_line_no_delete"),
    ("audit_leaf", "audit_leaf_no_update"),
    ("audit_leaf", "audit_leaf_no_delete"),
    ("audit_node", "audit_node_no_update"),
    ("audit_node", "audit_node_no_delete"),
    ("audit_checkpoint", "audit_checkpoint_no_update"),
    ("audit_checkpoint", "audit_checkpoint_no_delete"),
    ("audit_cosignature", "audit_cosignature_no_delete"),
];

fn line(second: i64) -> Line {
    Line::new(Kind::Disclosure, at(second), "physician")
        .exchange(&format!("0197f4a0-0000-7000-8000-{second:012}"))
        .patient(crate::database::Rid(second % 7))
        .shown(3)
        .detail("second", second)
}
