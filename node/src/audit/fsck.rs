//! Whether the tables are in order: what a database's own tools cannot know.

use federation_protocol::transparency::Nodes as _;

use super::store::tree::{self, STEP, StoredTree, signed};
use super::store::{checkpoints, soundness};
use super::{Audit, AuditError};
use crate::database::{HospitalConnection, Kind};

/// The triggers that keep lines and tree as they are.
const SQLITE_TRIGGERS: [&str; 11] = [
    "audit_line_no_update",
    "audit_line_no_delete",
    "audit_leaf_no_update",
    "audit_leaf_no_delete",
    "audit_node_no_update",
    "audit_node_no_delete",
    "audit_checkpoint_no_update",
    "audit_checkpoint_no_delete",
    "audit_cosignature_no_delete",
    "audit_erasure_no_update",
    "audit_erasure_no_delete",
];
const POSTGRES_TRIGGERS: [&str; 11] = [
    "audit_line_no_change",
    "audit_line_no_truncate",
    "audit_leaf_no_change",
    "audit_leaf_no_truncate",
    "audit_node_no_change",
    "audit_node_no_truncate",
    "audit_checkpoint_no_change",
    "audit_checkpoint_no_truncate",
    "audit_cosignature_no_delete",
    "audit_erasure_no_change",
    "audit_erasure_no_truncate",
];

/// One thing about the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether somebody must look at it.
    pub bad: bool,
    /// What, in a sentence.
    pub text: String,
}

/// What was found in the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Soundness {
    /// Everything worth saying.
    pub findings: Vec<Finding>,
}

impl Soundness {
    /// Whether nothing is bad.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.bad)
    }

    fn say(&mut self, bad: bool, text: impl Into<String>) {
        let text = text.into();
        self.findings.push(Finding { bad, text });
    }
}

impl Audit {
    /// Looks at triggers, numbers, order, and the stored nodes of the tree.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn fsck(&self) -> Result<Soundness, AuditError> {
        let kind = self.database.kind();
        self.database
            .read(move |connection| {
                let mut found = Soundness::default();
                triggers(connection, kind, &mut found)?;
                numbers(connection, kind, &mut found)?;
                order(connection, kind, &mut found)?;
                nodes(connection, &mut found)?;
                times(connection, &mut found)?;
                Ok(found)
            })
            .await
    }
}

fn triggers(
    connection: &mut HospitalConnection,
    kind: Kind,
    found: &mut Soundness,
) -> Result<(), AuditError> {
    let there = soundness::triggers(connection)?;
    let wanted = match kind {
        Kind::Sqlite => SQLITE_TRIGGERS,
        Kind::Postgres => POSTGRES_TRIGGERS,
    };
    for missing in wanted
        .iter()
        .filter(|name| !there.iter().any(|one| one == *name))
    {
        found.say(
            true,
            format!("the trigger {missing} is missing or switched off"),
        );
    }
    Ok(())
}

fn numbers(
    connection: &mut HospitalConnection,
    kind: Kind,
    found: &mut Soundness,
) -> Result<(), AuditError> {
    for (seq, missing) in soundness::gaps(connection)? {
        let text = format!("after line {seq} {missing} numbers are missing");
        match kind {
            // A transaction that was rolled back gives its number back here, and not there.
            Kind::Sqlite => found.say(true, text),
            Kind::Postgres => found.say(false, format!("{text} (a rolled back act leaves a gap)")),
        }
    }
    Ok(())
}

fn order(
    connection: &mut HospitalConnection,
    kind: Kind,
    found: &mut Soundness,
) -> Result<(), AuditError> {
    for seq in soundness::out_of_order(connection)? {
        let text = format!("line {seq} stands in the tree behind a later one");
        // PostgreSQL commits out of the order of its numbers.
        found.say(kind == Kind::Sqlite, text);
    }
    Ok(())
}

/// Every stored node above the leaves is the hash of those below it.
fn nodes(connection: &mut HospitalConnection, found: &mut Soundness) -> Result<(), AuditError> {
    let (size, _) = tree::extent(connection)?;
    let mut expected = 0_i64;
    let mut level = STEP;
    while size >> level > 0 {
        for place in 0..size >> level {
            expected = expected.saturating_add(1);
            if !node_fits(connection, level, place)? {
                found.say(
                    true,
                    format!("node {place} of level {level} is missing or wrong"),
                );
            }
        }
        level += STEP;
    }
    let stored = tree::count_nodes(connection)?;
    if stored != expected {
        found.say(
            true,
            format!("{stored} nodes are stored where {expected} belong"),
        );
    }
    Ok(())
}

fn node_fits(
    connection: &mut HospitalConnection,
    level: u32,
    place: u64,
) -> Result<bool, AuditError> {
    let row = i32::try_from(level).unwrap_or(i32::MAX);
    let stored = tree::nodes(connection, row, signed(place))?;
    let Some(stored) = stored.as_deref().and_then(tree::hash_of) else {
        return Ok(false);
    };
    let mut below = StoredTree(connection);
    let left = below.node(level.saturating_sub(1), place.saturating_mul(2));
    let right = below.node(level.saturating_sub(1), place.saturating_mul(2) | 1);
    match (left, right) {
        (Ok(left), Ok(right)) => {
            Ok(federation_protocol::transparency::node_hash(&left, &right) == stored)
        }
        (Err(AuditError::Tree(_)), _) | (_, Err(AuditError::Tree(_))) => Ok(false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn times(connection: &mut HospitalConnection, found: &mut Soundness) -> Result<(), AuditError> {
    let mut at = i64::MIN;
    let mut next = checkpoints::after(connection, 0)?;
    while let Some(checkpoint) = next {
        if checkpoint.made_at < at {
            let size = checkpoint.size;
            found.say(
                false,
                format!("the clock went back before checkpoint {size}"),
            );
        }
        at = checkpoint.made_at;
        next = checkpoints::after(connection, signed(checkpoint.size))?;
    }
    Ok(())
}
