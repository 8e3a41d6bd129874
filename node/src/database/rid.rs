//! The row number of a resource, under which every room speaks of a chart.

/// The internal number of a resource (of a patient, where a chart is meant). Never leaves the node:
/// on the wire and in URLs resources have logical ids, and patients of peers have handles.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub i64);
