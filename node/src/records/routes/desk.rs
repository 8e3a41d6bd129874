//! Where an interaction is permitted and done, whichever way it came.

use super::answer::{self, Failure, outcome_with};
use super::local::also_local;
use super::manner::{Manner, Returns};
use super::question::patient_of;
use super::reply::{Body, Reply};
use crate::access::{Access, Act, Permit};
use crate::database::Rid;
use crate::identity::Caller;
use crate::records::bundle::Content;
use crate::records::dress::Dress;
use crate::records::interaction::{Interaction, Pairs, Target};
use crate::records::{
    Address, Done, EverythingQuery, HistoryOf, HistoryQuery, Outcome, Records, ResourceType,
    Written,
};

/// Who asks, in which manner, and what there is to answer with.
#[derive(Clone, Copy)]
pub(super) struct Desk<'d> {
    pub(super) caller: &'d Caller,
    pub(super) access: &'d Access,
    pub(super) records: &'d Records,
    pub(super) manner: &'d Manner,
}

impl Desk<'_> {
    /// Leave for one interaction; its audit line is written.
    pub(super) async fn permit(&self, interaction: &Interaction) -> Result<Permit, Failure> {
        let patient = self.chart(interaction).await?;
        let of;
        let act = match interaction {
            Interaction::Read { address, .. } => Act::Read {
                kind: address.kind.name(),
                id: address.id.as_str(),
                patient,
            },
            Interaction::Search { kind, .. } => Act::Search {
                kind: kind.name(),
                patient,
            },
            Interaction::History { of: what, .. } => {
                of = what.to_string();
                Act::History { of: &of, patient }
            }
            Interaction::Everything { of: whose, .. } => {
                of = whose.to_string();
                Act::Everything { of: &of, patient }
            }
            Interaction::Create { kind, .. } => Act::Write {
                kind: kind.name(),
                id: None,
            },
            Interaction::Update { target, .. }
            | Interaction::Patch { target, .. }
            | Interaction::Delete { target, .. } => writing(target),
        };
        Ok(self.access.permit(self.caller, act).await?)
    }

    /// The chart that is read, where the interaction names one.
    async fn chart(&self, interaction: &Interaction) -> Result<Option<Rid>, Failure> {
        let searched;
        let address = match interaction {
            Interaction::Read { address, .. } => Some(address),
            Interaction::Everything { of, .. } => Some(of),
            Interaction::History {
                of: HistoryOf::One(address),
                ..
            } => Some(address),
            Interaction::Search { pairs, .. } => {
                searched = patient_of(pairs, &self.manner.base);
                searched.as_ref()
            }
            _ => None,
        };
        match address {
            Some(address) => Ok(self.records.chart_of(address).await?),
            None => Ok(None),
        }
    }

    /// Does it.
    pub(super) async fn perform(
        &self,
        permit: &Permit,
        interaction: Interaction,
        content: Content,
    ) -> Result<Reply, Failure> {
        match interaction {
            Interaction::Read {
                address,
                version,
                known,
                pairs,
            } => {
                let dress = Dress::of_read(address.kind, &pairs, self.manner.handling)?;
                let entry = self.records.read_version(permit, &address, version).await?;
                let entry = entry.dressed(&dress);
                let nothing_new = known.covers(entry.version, entry.last_updated);
                let reply = Reply::read(entry);
                Ok(if nothing_new {
                    reply.not_modified()
                } else {
                    reply
                })
            }
            Interaction::Search { kind, pairs } => self.search(permit, kind, pairs).await,
            Interaction::History { of, pairs } => {
                let address = of.to_string();
                let query = HistoryQuery::parse(of, &pairs)?;
                let page = self.records.history(permit, &query).await?;
                let bundle = answer::history(self.manner, &address, &pairs, &page);
                Ok(Reply::found(bundle))
            }
            Interaction::Everything { of, pairs } => self.everything(permit, of, pairs).await,
            write => {
                let done = self.records.write(permit, write, content).await?;
                self.done(permit, &done).await
            }
        }
    }

    async fn everything(
        &self,
        permit: &Permit,
        of: Address,
        pairs: Pairs,
    ) -> Result<Reply, Failure> {
        let address = of.to_string();
        let query = EverythingQuery::parse(of, &pairs)?;
        let page = self.records.everything(permit, &query).await?;
        let bundle = answer::everything(self.manner, &address, &pairs, &page);
        Ok(Reply::found(bundle))
    }

    async fn search(
        &self,
        permit: &Permit,
        kind: ResourceType,
        mut pairs: Pairs,
    ) -> Result<Reply, Failure> {
        let query = self
            .records
            .query(
                kind,
                &also_local(kind, &pairs, &self.manner.base),
                self.manner.handling,
            )
            .await?;
        // What was left out is not in the link to what was found.
        pairs.retain(|(name, _)| !query.left_out.contains(name));
        let page = self.records.search(permit, query).await?;
        let bundle = answer::searchset(self.manner, kind, &pairs, &page);
        Ok(Reply::found(bundle))
    }

    /// The answer to what was done, with as much in it as was asked for.
    pub(super) async fn done(&self, permit: &Permit, done: &Done) -> Result<Reply, Failure> {
        match done {
            Done::Wrote(written) => {
                let body = self.told(permit, written).await?;
                Ok(Reply::wrote(written, body))
            }
            Done::MatchedNothing => Ok(Reply::matched_nothing(match self.manner.returns {
                Returns::Outcome => Body::Outcome(outcome_with(said(Outcome::Absent), &[])),
                _ => Body::Nothing,
            })),
            Done::Read(entry) => Ok(Reply::read(entry.clone())),
            Done::Known(entry) => Ok(Reply::read(entry.clone()).not_modified()),
            Done::Found(kind, pairs, page) => {
                let bundle = answer::searchset(self.manner, *kind, pairs, page);
                Ok(Reply::found(bundle))
            }
        }
    }

    async fn told(&self, permit: &Permit, written: &Written) -> Result<Body, Failure> {
        let gone = matches!(written.outcome, Outcome::Deleted | Outcome::Absent);
        match self.manner.returns {
            Returns::Representation if !gone => {
                let (address, version) = (&written.address, written.version);
                let entry = self.records.vread(permit, address, version).await?;
                Ok(Body::Resource(entry.raw))
            }
            Returns::Outcome => {
                let outcome = outcome_with(said(written.outcome), &written.issues);
                Ok(Body::Outcome(outcome))
            }
            _ => Ok(Body::Nothing),
        }
    }
}

fn said(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "there already, and not changed",
        Outcome::Deleted => "deleted",
        Outcome::Absent => "there was nothing to delete",
    }
}

fn writing(target: &Target) -> Act<'_> {
    match target {
        Target::At(address) => Act::Write {
            kind: address.kind.name(),
            id: Some(address.id.as_str()),
        },
        Target::Matching(criteria) => Act::Write {
            kind: criteria.kind().name(),
            id: None,
        },
    }
}
