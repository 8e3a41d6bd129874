//! Who may do what: the only maker of [`Permit`], without which no record is read or written.
//!
//! Owns no table. Decides by role for this node's own callers, and by token, local directives and
//! house policy for peers; each decision about an own caller is an audit line before the permit is
//! handed out.

mod act;
mod disclosure;
mod permit;
mod release;

use federation_service::clock::SharedClock;

use crate::audit::{Audit, Line};
use crate::database::DatabaseError;
use crate::identity::Caller;

pub use act::Act;
pub use disclosure::{HousePolicy, compare, disclose, disclose_in_emergency, match_in_emergency};
pub use permit::Permit;
pub use release::LabRelease;

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessRefusal {
    /// This role does not do this.
    #[error("role {role} may not {act}")]
    Role {
        /// The caller's role.
        role: &'static str,
        /// What was tried.
        act: &'static str,
    },
    /// The audit line could not be written, so nothing may happen.
    #[error("the access cannot be recorded: {0}")]
    Audit(#[from] DatabaseError),
}

/// The outcome in the audit line of what a role may not do.
const FORBIDDEN: &str = "forbidden";

/// Decides about this node's own callers.
#[derive(Clone)]
pub struct Access {
    audit: Audit,
    clock: SharedClock,
    release: LabRelease,
}

impl Access {
    /// Decides by role, writes to `audit`.
    #[must_use]
    pub fn new(audit: Audit, clock: SharedClock) -> Self {
        Self {
            audit,
            clock,
            release: LabRelease::default(),
        }
    }

    /// Lets people wait for what the laboratory found, as `release` says.
    #[must_use]
    pub fn releasing(self, release: LabRelease) -> Self {
        Self { release, ..self }
    }

    /// Whether `caller` may do `act`. The audit line, of the permit as of the refusal, is durable
    /// when this returns.
    ///
    /// # Errors
    /// `Role` if their role does not do this; `Audit` if the line could not be written.
    pub async fn permit(&self, caller: &Caller, act: Act<'_>) -> Result<Permit, AccessRefusal> {
        let reach = act.reach_of(caller);
        let line = self.line(caller, &act);
        match reach {
            Some(reach) => {
                self.audit.append(line).await?;
                Ok(reach.permit(self.release.hold(self.clock.now())))
            }
            None => {
                self.audit.append(line.outcome(FORBIDDEN)).await?;
                Err(AccessRefusal::Role {
                    role: caller.role().as_str(),
                    act: act.as_str(),
                })
            }
        }
    }

    fn line(&self, caller: &Caller, act: &Act<'_>) -> Line {
        let mut line = Line::new(act.kind(), self.clock.now(), caller.role().as_str());
        if let Some(id) = caller.id() {
            line = line.actor_id(id);
        }
        let charted = act.patient().or(match caller {
            Caller::Person { patient, .. } => Some(*patient),
            _staff => None,
        });
        if let Some(patient) = charted {
            line = line.patient(patient);
        }
        act.describe(line.detail("act", act.as_str()))
    }
}

#[cfg(test)]
mod tests;
