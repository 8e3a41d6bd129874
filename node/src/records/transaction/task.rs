//! One task of a transaction: a write, a read, or a search.

use federation_protocol::time::Timestamp;

use super::super::bundle::{BundleEntry, Content};
use super::super::criteria::WholeHouse;
use super::super::draft::Draft;
use super::super::dress::Dress;
use super::super::interaction::{Interaction, Known, Pairs, Target};
use super::super::json::Document;
use super::super::own::Asked;
use super::super::patch::Patch;
use super::super::query::Handling;
use super::super::store::{Change, Expect};
use super::super::{
    Address, Criteria, DraftError, LogicalId, Records, RecordsError, ResourceType, Validator,
};
use super::Done;
use super::found::There;
use super::references::Names;
use crate::database::HospitalConnection;

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) full_url: Option<String>,
    pub(super) deed: Deed,
}

#[derive(Debug, Clone)]
pub(super) enum Deed {
    Write(Write),
    Read {
        address: Address,
        version: Option<i32>,
        known: Known,
        dress: Dress,
    },
    Search {
        kind: ResourceType,
        pairs: Pairs,
        query: Asked,
    },
}

/// A write, in the order in which a transaction does them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Delete,
    Create,
    Update,
    Patch,
}

#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) verb: Verb,
    pub(super) kind: ResourceType,
    /// Where it is written unless its criteria find another; a delete or patch on criteria has none.
    pub(super) address: Option<Address>,
    pub(super) criteria: Option<Criteria>,
    /// Whether the resource names the id at `address` itself.
    pub(super) names_id: bool,
    pub(super) content: Content,
    pub(super) expect: Expect,
}

impl Task {
    pub(super) fn of(entry: BundleEntry, at: Timestamp) -> Result<Self, RecordsError> {
        let BundleEntry {
            full_url,
            interaction,
            content,
        } = entry;
        let (verb, target, expect) = match interaction {
            Interaction::Create { kind, unless } => {
                let write = Write::create(kind, unless, content, at);
                return Ok(Self {
                    full_url,
                    deed: Deed::Write(write),
                });
            }
            Interaction::Update { target, expect } => (Verb::Update, target, expect),
            Interaction::Patch { target, expect } => (Verb::Patch, target, expect),
            Interaction::Delete { target, expect } => (Verb::Delete, target, expect),
            looks => {
                let deed = Deed::of_look(looks)?;
                return Ok(Self { full_url, deed });
            }
        };
        let deed = Deed::Write(Write::of(verb, target, expect, content, at)?);
        Ok(Self { full_url, deed })
    }

    /// The server that its `fullUrl` is on, where that is an address of FHIR's REST API.
    pub(super) fn root(&self) -> Option<&str> {
        let url = self.full_url.as_deref()?;
        let (rest, id) = url.rsplit_once('/')?;
        let (root, kind) = rest.rsplit_once('/')?;
        let there = ResourceType::named(kind).is_some() && LogicalId::parse(id).is_some();
        (there && root.starts_with("http")).then_some(root)
    }

    pub(super) fn resource(&self) -> Option<&str> {
        match &self.deed {
            Deed::Write(Write {
                content: Content::Resource(text),
                ..
            }) => Some(text),
            _ => None,
        }
    }
}

impl Deed {
    fn of_look(interaction: Interaction) -> Result<Self, RecordsError> {
        match interaction {
            Interaction::Read {
                address,
                version,
                pairs,
                known,
            } => {
                let dress = Dress::of_read(address.kind, &pairs, Handling::Strict)?;
                Ok(Self::Read {
                    address,
                    version,
                    known,
                    dress,
                })
            }
            Interaction::Search { kind, pairs } => {
                let query = Asked::parse(kind, &pairs)?;
                Ok(Self::Search { kind, pairs, query })
            }
            _ => Err(RecordsError::Unsupported(
                "in a transaction, what reads but is no read and no search; a batch takes it",
            )),
        }
    }

    /// Reads after every write of the transaction, before its commit.
    pub(super) fn look(
        &self,
        records: &Records,
        connection: &mut HospitalConnection,
    ) -> Result<Done, RecordsError> {
        match self {
            Self::Read {
                address,
                version,
                known,
                dress,
            } => {
                let entry = records.read_on(connection, &WholeHouse, address, *version)?;
                Ok(match known.covers(entry.version, entry.last_updated) {
                    true => Done::Known(entry),
                    false => Done::Read(entry.dressed(dress)),
                })
            }
            Self::Search { kind, pairs, query } => {
                let query = query.read(connection, *kind, pairs)?;
                let page = records.search_on_within(connection, &WholeHouse, query)?;
                Ok(Done::Found(*kind, pairs.clone(), page))
            }
            Self::Write(_) => Err(RecordsError::NotFound),
        }
    }
}

impl Write {
    fn create(
        kind: ResourceType,
        unless: Option<Criteria>,
        content: Content,
        at: Timestamp,
    ) -> Self {
        let id = LogicalId::fresh(at);
        Self {
            verb: Verb::Create,
            kind,
            address: Some(Address { kind, id }),
            criteria: unless,
            names_id: false,
            content,
            expect: Expect::Anything,
        }
    }

    fn of(
        verb: Verb,
        target: Target,
        expect: Expect,
        content: Content,
        at: Timestamp,
    ) -> Result<Self, RecordsError> {
        let kind = target.kind();
        let named = match (&target, &content) {
            (Target::Matching(_), Content::Resource(text)) => id_in(text)?,
            _ => None,
        };
        let names_id = named.is_some();
        let (address, criteria) = match target {
            Target::At(address) => (Some(address), None),
            Target::Matching(criteria) if verb == Verb::Update => {
                let id = named.unwrap_or_else(|| LogicalId::fresh(at));
                (Some(Address { kind, id }), Some(criteria))
            }
            Target::Matching(criteria) => (None, Some(criteria)),
        };
        Ok(Self {
            verb,
            kind,
            address,
            criteria,
            names_id,
            content,
            expect,
        })
    }

    pub(super) fn change(
        &self,
        address: &Address,
        there: &There,
        names: &Names<'_>,
        validator: &Validator,
    ) -> Result<Change, RecordsError> {
        let draft = match &self.content {
            Content::Nothing => None,
            Content::Resource(text) => {
                let draft = self.draft(&names.resolved_in(text), validator)?;
                let must_name = self.verb == Verb::Update && self.criteria.is_none();
                if (must_name || self.names_id) && draft.id.as_ref() != Some(&address.id) {
                    return Err(DraftError::OtherId.into());
                }
                Some(draft)
            }
            Content::Patch(patch) => {
                let text = names.resolved_in(&patched(patch, there)?);
                Some(self.patched(&text, address, validator)?)
            }
        };
        Ok(Change {
            address: address.clone(),
            draft,
            expect: self.expect,
        })
    }

    pub(super) fn draft(&self, text: &str, validator: &Validator) -> Result<Draft, DraftError> {
        let draft = Draft::parse(text, validator)?;
        if draft.kind == self.kind {
            Ok(draft)
        } else {
            Err(DraftError::OtherType(self.kind))
        }
    }

    /// The patched resource, through the same checks as one that came whole.
    fn patched(
        &self,
        text: &str,
        address: &Address,
        validator: &Validator,
    ) -> Result<Draft, RecordsError> {
        let draft = self.draft(text, validator).map_err(RecordsError::Patched)?;
        if draft.id.as_ref() == Some(&address.id) {
            Ok(draft)
        } else {
            Err(RecordsError::Patched(DraftError::OtherId))
        }
    }
}

/// What a patch makes of what is there.
fn patched(patch: &Patch, there: &There) -> Result<String, RecordsError> {
    let base = there.base.as_ref().ok_or(RecordsError::NotFound)?;
    Ok(patch.apply(&base.raw)?)
}

/// The id that a resource comes with.
fn id_in(text: &str) -> Result<Option<LogicalId>, DraftError> {
    let document = Document::parse(text)?;
    let Some(id) = document.get("id") else {
        return Ok(None);
    };
    let id: Option<String> = serde_json::from_str(id).ok();
    let id = id.and_then(|id| LogicalId::parse(&id));
    id.map(Some).ok_or(DraftError::Id)
}
