//! The FHIR tables, and every statement on them.

mod addresses;
mod bulk;
mod comparison;
mod compartment;
mod filter;
mod history;
mod index;
mod marks;
mod own;
mod reindex;
mod resources;
mod rows;
mod search;
mod standing;
mod statement;
mod superseded;
mod target;
mod write;

pub(super) use compartment::{Compartment, Of, Place, kind_of, members};
pub(super) use history::{Moment, Version, Versions, versions};
#[cfg(test)]
pub(super) use marks::forget_marks;
pub(super) use marks::read_former;
pub(super) use own::{has_nothing_to_index, index_some, own_parameters};
#[cfg(test)]
pub(super) use reindex::{count_index_rows, spoil_index};
pub(super) use reindex::{look_at_tables, reindex, reindex_if_older};
pub(super) use rows::{Stored, read, read_version};
pub(super) use search::{Plan, candidates, count, links_listed, rid_of, written_since};
pub(super) use standing::{Standing, newest_commit, standing_at, standing_behind, texts_of};
pub(super) use superseded::{Superseded, at_place, changed_since, entry_at, standing};
pub(super) use target::target_of;
pub(super) use write::{Change, Changed, Expect, apply, matching};
