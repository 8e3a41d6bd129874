//! Slices: which repetition belongs to which, and how many each must have.

use super::discriminate::Belongs;
use super::profile::{Claim, Instance};
use super::session::Session;
use crate::fhirpath::Context;
use crate::issue::IssueCode;
use crate::model::{Element, Slicing};
use crate::path::Path;

impl<'d> Session<'d> {
    /// Judges each slice by its own rule. Where it cannot be told whether a repetition belongs to a
    /// slice, that slice is not said to be missing, and the repetition not to belong nowhere.
    pub(super) fn slices(
        &mut self,
        rule: &'d Element,
        slicing: &'d Slicing,
        found: &[Instance<'_>],
        parent: &Path<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) {
        if slicing.discriminators.is_empty() {
            return;
        }
        let mut placed = vec![false; found.len()];
        for slice in &slicing.slices {
            let mut members = Vec::new();
            let mut doubtful = false;
            for (one, placed) in found.iter().zip(&mut placed) {
                if !self.step(parent) {
                    return;
                }
                match self.belongs(slicing, &slice.rule, one.node, context, claim) {
                    Belongs::Yes => {
                        *placed = true;
                        members.push(*one);
                    }
                    Belongs::Perhaps => {
                        *placed = true;
                        doubtful = true;
                    }
                    Belongs::No => (),
                }
            }
            let name = format!("{}:{}", rule.name, slice.name);
            if !(doubtful && members.len() < usize::try_from(slice.rule.min).unwrap_or(0)) {
                self.counted(&slice.rule, &name, members.len(), parent, claim);
            }
            self.members_of(&slice.rule, &members, parent, context, claim);
        }
        if slicing.closed {
            for (one, _) in found.iter().zip(placed).filter(|(_, placed)| !placed) {
                let at = parent.child(&rule.name, one.index);
                let message = format!("{} belongs to none of the slices ({claim})", rule.name);
                self.error(IssueCode::Value, &at, message);
            }
        }
    }

    fn members_of(
        &mut self,
        rule: &'d Element,
        members: &[Instance<'_>],
        parent: &Path<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) {
        for one in members {
            let at = parent.child(&rule.name, one.index);
            self.deeper(&at, |session| {
                session.instance(rule, one.node, &at, context, claim);
            });
        }
        if let Some(slicing) = &rule.slicing {
            self.slices(rule, slicing, members, parent, context, claim);
        }
    }
}
