//! Which line is which leaf, and the hashes above them.

use diesel::prelude::*;
use federation_protocol::transparency::{CompactRange, MissingNode, Nodes, TreeHash};

use super::super::AuditError;
use super::{Row, audit_line};
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    audit_leaf (place) {
        place -> BigInt,
        seq -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    audit_node (level, place) {
        level -> Integer,
        place -> BigInt,
        hash -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(audit_line, audit_leaf);

/// Of the levels above the leaves, every fourth is stored: the three between are computed from at
/// most eight hashes, and the table is a fifteenth of the leaves.
pub(in crate::audit) const STEP: u32 = 4;

/// Rows in one statement: SQLite takes 32 766 values.
const AT_ONCE: usize = 500;

/// A leaf as it stands in the table.
#[derive(Queryable)]
pub(in crate::audit) struct LeafRow {
    pub(in crate::audit) place: i64,
    pub(in crate::audit) seq: i64,
    pub(in crate::audit) hash: Vec<u8>,
}

/// Rows of the tree that are to be written.
#[derive(Default)]
pub(in crate::audit) struct Growth {
    leaves: Vec<(i64, i64, Vec<u8>)>,
    nodes: Vec<(i32, i64, Vec<u8>)>,
}

impl Growth {
    /// Line `seq` becomes the next leaf of `edge`.
    pub(in crate::audit) fn append(&mut self, edge: &mut CompactRange, seq: i64, leaf: TreeHash) {
        edge.append(leaf, |level, place, hash| {
            let (place, hash) = (signed(place), hash.bytes().to_vec());
            if level == 0 {
                self.leaves.push((place, seq, hash));
            } else if level.is_multiple_of(STEP) {
                self.nodes
                    .push((i32::try_from(level).unwrap_or(i32::MAX), place, hash));
            }
        });
    }

    /// Writes the rows. Fails on the first place that is taken: another program was here.
    pub(in crate::audit) fn write(
        &self,
        connection: &mut HospitalConnection,
    ) -> Result<(), DatabaseError> {
        for some in self.leaves.chunks(AT_ONCE) {
            let rows: Vec<_> = some
                .iter()
                .map(|(place, seq, hash)| {
                    (
                        audit_leaf::place.eq(place),
                        audit_leaf::seq.eq(seq),
                        audit_leaf::hash.eq(hash),
                    )
                })
                .collect();
            let into = diesel::insert_into(audit_leaf::table).values(rows);
            match connection {
                HospitalConnection::Sqlite(connection) => into.execute(connection)?,
                HospitalConnection::Postgres(connection) => into.execute(connection)?,
            };
        }
        for some in self.nodes.chunks(AT_ONCE) {
            let rows: Vec<_> = some
                .iter()
                .map(|(level, place, hash)| {
                    (
                        audit_node::level.eq(level),
                        audit_node::place.eq(place),
                        audit_node::hash.eq(hash),
                    )
                })
                .collect();
            let into = diesel::insert_into(audit_node::table).values(rows);
            match connection {
                HospitalConnection::Sqlite(connection) => into.execute(connection)?,
                HospitalConnection::Postgres(connection) => into.execute(connection)?,
            };
        }
        Ok(())
    }
}

/// How many leaves there are, and the highest number of a line among them; 0 and 0 for none.
pub(in crate::audit) fn extent(
    connection: &mut HospitalConnection,
) -> Result<(u64, i64), DatabaseError> {
    let last: Option<i64> = audit_leaf::table
        .select(diesel::dsl::max(audit_leaf::place))
        .first(connection)?;
    let seq: Option<i64> = audit_leaf::table
        .select(diesel::dsl::max(audit_leaf::seq))
        .first(connection)?;
    let size = last.map_or(0, |last| unsigned(last).saturating_add(1));
    Ok((size, seq.unwrap_or(0)))
}

/// The highest number of a line; 0 without lines.
pub(in crate::audit) fn last_line(
    connection: &mut HospitalConnection,
) -> Result<i64, DatabaseError> {
    let last: Option<i64> = audit_line::table
        .select(diesel::dsl::max(audit_line::seq))
        .first(connection)?;
    Ok(last.unwrap_or(0))
}

/// Lines with a number above `floor` that are no leaf yet, in their order.
pub(in crate::audit) fn unplaced(
    connection: &mut HospitalConnection,
    floor: i64,
    limit: i64,
) -> Result<Vec<Row>, DatabaseError> {
    // Not `NOT IN`: PostgreSQL compares each with all once they outgrow its working memory.
    Ok(audit_line::table
        .left_join(audit_leaf::table.on(audit_leaf::seq.eq(audit_line::seq)))
        .filter(audit_line::seq.gt(floor))
        .filter(audit_leaf::place.nullable().is_null())
        .order(audit_line::seq.asc())
        .limit(limit)
        .select(audit_line::all_columns)
        .load(connection)?)
}

/// Gives a line of an earlier program its salt and commitment.
pub(in crate::audit) fn seal(
    connection: &mut HospitalConnection,
    seq: i64,
    salt: &[u8],
    commitment: &[u8],
) -> Result<(), DatabaseError> {
    diesel::update(audit_line::table.find(seq))
        .set((
            audit_line::salt.eq(salt.to_vec()),
            audit_line::commitment.eq(commitment.to_vec()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Leaves from `place` on with their lines, where these are still there.
pub(in crate::audit) fn leaves(
    connection: &mut HospitalConnection,
    place: i64,
    limit: i64,
) -> Result<Vec<(LeafRow, Option<Row>)>, DatabaseError> {
    Ok(audit_leaf::table
        .left_join(audit_line::table.on(audit_line::seq.eq(audit_leaf::seq)))
        .filter(audit_leaf::place.ge(place))
        .order(audit_leaf::place.asc())
        .limit(limit)
        .select((audit_leaf::all_columns, audit_line::all_columns.nullable()))
        .load(connection)?)
}

/// Which leaf a line is.
pub(in crate::audit) fn place_of(
    connection: &mut HospitalConnection,
    seq: i64,
) -> Result<Option<LeafRow>, DatabaseError> {
    Ok(audit_leaf::table
        .filter(audit_leaf::seq.eq(seq))
        .first(connection)
        .optional()?)
}

/// The stored nodes in the order of level and place, from behind `after` on.
pub(in crate::audit) fn nodes(
    connection: &mut HospitalConnection,
    level: i32,
    place: i64,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    Ok(audit_node::table
        .find((level, place))
        .select(audit_node::hash)
        .first(connection)
        .optional()?)
}

/// How many nodes are stored.
pub(in crate::audit) fn count_nodes(
    connection: &mut HospitalConnection,
) -> Result<i64, DatabaseError> {
    Ok(audit_node::table.count().get_result(connection)?)
}

/// The tree as it is stored.
pub(in crate::audit) struct StoredTree<'c>(pub(in crate::audit) &'c mut HospitalConnection);

impl StoredTree<'_> {
    /// The right edge of the tree of `size` leaves.
    pub(in crate::audit) fn edge(&mut self, size: u64) -> Result<CompactRange, AuditError> {
        let hashes = CompactRange::subtrees(size)
            .map(|(level, place)| self.node(level, place))
            .collect::<Result<_, _>>()?;
        CompactRange::of(size, hashes).map_err(|_other| {
            AuditError::Tree(MissingNode {
                level: 0,
                index: size,
            })
        })
    }

    fn stored(&mut self, level: u32, index: u64) -> Result<TreeHash, AuditError> {
        let place = signed(index);
        let found = if level == 0 {
            audit_leaf::table
                .find(place)
                .select(audit_leaf::hash)
                .first(self.0)
                .optional()
                .map_err(DatabaseError::from)?
        } else {
            nodes(self.0, i32::try_from(level).unwrap_or(i32::MAX), place)?
        };
        found
            .as_deref()
            .and_then(hash_of)
            .ok_or(AuditError::Tree(MissingNode { level, index }))
    }
}

impl Nodes for StoredTree<'_> {
    type Error = AuditError;

    fn node(&mut self, level: u32, index: u64) -> Result<TreeHash, AuditError> {
        if level.is_multiple_of(STEP) {
            return self.stored(level, index);
        }
        let (below, left) = (level.saturating_sub(1), index.saturating_mul(2));
        let (one, other) = (self.node(below, left)?, self.node(below, left | 1)?);
        Ok(federation_protocol::transparency::node_hash(&one, &other))
    }
}

pub(in crate::audit) fn hash_of(bytes: &[u8]) -> Option<TreeHash> {
    bytes.try_into().ok().map(TreeHash::from_bytes)
}

/// Places are far below 2^63.
pub(in crate::audit) fn signed(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub(in crate::audit) fn unsigned(place: i64) -> u64 {
    u64::try_from(place).unwrap_or(0)
}
