//! What stands around every list of records: who is missing and why, and what is still coming.

use crate::pages::Sheet;
use crate::patient::gather::Gathered;

/// Around a list.
#[derive(Clone, Debug)]
pub(in crate::patient) struct Around {
    /// The path of the page, for its parts.
    pub(in crate::patient) path: String,
    /// Other hospitals are still to be asked.
    pub(in crate::patient) is_own_only: bool,
    /// Some have not answered yet: they are asked again.
    pub(in crate::patient) is_waiting: bool,
    /// This hospital's name.
    pub(in crate::patient) own: String,
    /// Who is missing.
    pub(in crate::patient) missing: Vec<Gap>,
}

/// A hospital whose records are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::patient) struct Gap {
    /// What is said of it.
    pub(in crate::patient) text: String,
    /// Asking again may help.
    pub(in crate::patient) can_retry: bool,
    /// The person's phone has to sign first.
    pub(in crate::patient) wants_signature: bool,
}

impl Around {
    /// Around what was gathered for the page at `path`.
    pub(in crate::patient) fn of(page: &Sheet, gathered: &Gathered, path: &str) -> Self {
        use crate::patient::gather::Why;
        let missing = gathered.missing.iter().map(|one| Gap {
            text: page.t1(
                &format!("patient-missing-{}", one.why.as_str()),
                "hospital",
                one.name.as_str(),
            ),
            can_retry: one.why == Why::Silent,
            wants_signature: one.why == Why::Unsigned,
        });
        Self {
            path: path.to_owned(),
            is_own_only: gathered.is_own_only,
            is_waiting: gathered.is_waiting(),
            own: gathered.name(0).to_owned(),
            missing: missing.collect(),
        }
    }
}
