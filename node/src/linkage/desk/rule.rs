//! Which things, shown at a desk, suffice to know whose chart it is.
//!
//! Two of different kinds at least; each must be the chart's; and one at least must be one person's
//! own and have been held against the chart by this node. So a family's insurance identifier does
//! not suffice with a household's telephone, nor does anything with what the desk alone has seen.

use super::DeskError;
use crate::records::{Fit, Shown};

/// The most things that are looked at.
const MOST_SHOWN: usize = 5;

/// Whether these could not suffice, whatever the chart says: fewer than two, or two of one kind.
#[must_use]
pub fn is_short(shown: &[Shown]) -> bool {
    let mut kinds: Vec<&str> = shown.iter().map(Shown::as_str).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len() < 2 || kinds.len() != shown.len() || shown.len() > MOST_SHOWN
}

/// Whether they suffice, each standing to the chart as `fits` says.
///
/// # Errors
/// `Differs` if one is not the chart's, which one is not told; `NotEnough`.
pub fn suffices(shown: &[Shown], fits: &[Fit]) -> Result<(), DeskError> {
    if is_short(shown) || fits.len() != shown.len() {
        return Err(DeskError::NotEnough);
    }
    if fits.contains(&Fit::Differs) {
        return Err(DeskError::Differs);
    }
    match fits.contains(&Fit::Person) {
        true => Ok(()),
        false => Err(DeskError::NotEnough),
    }
}
