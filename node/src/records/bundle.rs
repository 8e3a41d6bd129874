//! A transaction Bundle: all of it, or nothing.
//!
//! Ids are given out and references between the entries resolved before anything is locked;
//! conditions are looked up once more inside the transaction, and what they gave before is kept
//! only if they still give it.

use std::collections::HashMap;
use std::sync::Arc;

use federation_protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::access::Permit;
use crate::database::HospitalConnection;

use super::draft::Draft;
use super::form::{form_pairs, version_of_etag};
use super::json::{places_of, quoted, replaced};
use super::query::SearchQuery;
use super::store::{self, Change, Expect};
use super::strict::{self, JsonError};
use super::writing::{may_write, unchanged, written};
use super::{Address, DraftError, LogicalId, Records, RecordsError, ResourceType, Written};

/// The most entries of one Bundle.
const MOST_ENTRIES: usize = 5_000;

/// What a transaction did, in the order of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transacted {
    /// One for each entry.
    pub entries: Vec<Written>,
}

#[derive(Deserialize)]
struct BundleBody<'a> {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow, default)]
    entry: Vec<BundleEntry<'a>>,
}

#[derive(Deserialize)]
struct BundleEntry<'a> {
    #[serde(rename = "fullUrl")]
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: Option<String>,
    url: Option<String>,
    if_match: Option<String>,
    if_none_exist: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
}

/// A parsed Bundle, with an address for every entry.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    entries: Vec<Entry>,
    /// Conditional references in the entries' resources.
    conditions: Vec<Looked>,
}

#[derive(Debug, Clone)]
struct Entry {
    full_url: Option<String>,
    /// Where it is written, unless its condition finds one that is there.
    address: Address,
    resource: Option<Arc<str>>,
    condition: Option<Sought>,
    expect: Expect,
}

/// A resource sought by one identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sought {
    kind: ResourceType,
    slot: i16,
    value: i64,
}

#[derive(Debug, Clone)]
struct Looked {
    reference: String,
    sought: Sought,
}

/// What the conditions gave: of each entry that has one, and of each conditional reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    entries: Vec<Option<Address>>,
    references: Vec<Address>,
}

impl Records {
    /// Does a transaction Bundle: POST (with `ifNoneExist` by identifier), PUT and DELETE; every
    /// `urn:uuid:` reference between its entries, and every reference `Type?identifier=…`,
    /// resolved. A `batch` is refused: it would be a transaction that promises less.
    ///
    /// # Errors
    /// `ReadOnly`, `Bundle`, `Entry`, `Ambiguous`, `Unresolved`, `VersionConflict`, `Unsupported`,
    /// `Database`. Nothing is written then.
    ///
    /// Source: FHIR R4 http, section "transaction".
    pub async fn transaction(
        &self,
        permit: &Permit,
        body: &[u8],
    ) -> Result<Transacted, RecordsError> {
        may_write(permit)?;
        let at = self.now_in_milliseconds();
        let text = strict::text(body).map_err(DraftError::from)?;
        let transaction = Arc::new(Transaction::parse(text, at)?);
        self.do_transaction(transaction, at).await
    }

    pub(super) async fn do_transaction(
        &self,
        transaction: Arc<Transaction>,
        at: Timestamp,
    ) -> Result<Transacted, RecordsError> {
        let first = Arc::clone(&transaction);
        let guessed = self
            .database
            .read(move |connection| first.look(connection))
            .await?;
        let changes = transaction.changes(&guessed)?;
        self.database
            .transact(move |connection| {
                let found = transaction.look_in_turn(connection)?;
                if found == guessed {
                    transaction.write(connection, &found, &changes, at)
                } else {
                    let changes = transaction.changes(&found)?;
                    transaction.write(connection, &found, &changes, at)
                }
            })
            .await
    }
}

impl Transaction {
    /// Reads a Bundle; new ids are of `at`.
    pub(super) fn parse(text: &str, at: Timestamp) -> Result<Self, RecordsError> {
        let body: BundleBody<'_> =
            serde_json::from_str(text).map_err(|error| DraftError::from(JsonError::from(error)))?;
        let wrong = |entry, reason| RecordsError::Bundle { entry, reason };
        if body.resource_type.as_deref() != Some("Bundle") {
            return Err(DraftError::Type.into());
        }
        if body.kind.as_deref() != Some("transaction") {
            return Err(RecordsError::Unsupported("a Bundle that is no transaction"));
        }
        if body.entry.len() > MOST_ENTRIES {
            return Err(wrong(MOST_ENTRIES, "a Bundle may have 5000 entries"));
        }
        let mut entries = Vec::with_capacity(body.entry.len());
        for (place, entry) in body.entry.iter().enumerate() {
            entries.push(Entry::read(place, entry, at)?);
        }
        refuse_twice(&entries)?;
        let conditions = conditional_references(&entries)?;
        Ok(Self {
            entries,
            conditions,
        })
    }

    /// Writes what is there already only where it says something new.
    pub(super) fn only_differences(&mut self) {
        for entry in &mut self.entries {
            if entry.expect == Expect::Anything && entry.resource.is_some() {
                entry.expect = Expect::Difference;
            }
        }
    }

    /// Looks the conditions up, for a guess.
    fn look(&self, connection: &mut HospitalConnection) -> Result<Found, RecordsError> {
        let entries = self
            .entries
            .iter()
            .map(|entry| match entry.condition {
                Some(sought) => sought.one(connection),
                None => Ok(None),
            })
            .collect::<Result<_, _>>()?;
        let references = self
            .conditions
            .iter()
            .map(|looked| {
                let found = looked.sought.one(connection)?;
                found.ok_or(RecordsError::Unresolved(looked.sought.kind))
            })
            .collect::<Result<_, _>>()?;
        Ok(Found {
            entries,
            references,
        })
    }

    /// Looks the conditions up when it is this writer's turn: nobody else writes until the commit.
    fn look_in_turn(&self, connection: &mut HospitalConnection) -> Result<Found, RecordsError> {
        store::lock(connection)?;
        self.look(connection)
    }

    /// What is to be written, if the conditions give this.
    fn changes(&self, found: &Found) -> Result<Vec<Change>, RecordsError> {
        let mut targets: HashMap<&str, Address> = HashMap::new();
        // Entries with one condition are one resource: the first of them is written.
        let mut first: HashMap<(i16, i64), Address> = HashMap::new();
        for (entry, there) in self.entries.iter().zip(&found.entries) {
            let address = match (entry.condition, there) {
                (_, Some(there)) => there.clone(),
                (Some(Sought { slot, value, .. }), None) => first
                    .entry((slot, value))
                    .or_insert_with(|| entry.address.clone())
                    .clone(),
                (None, None) => entry.address.clone(),
            };
            if let Some(url) = &entry.full_url {
                targets.insert(url, address);
            }
        }
        for (looked, address) in self.conditions.iter().zip(&found.references) {
            targets.insert(&looked.reference, address.clone());
        }
        let mut changes = Vec::new();
        for (place, (entry, there)) in self.entries.iter().zip(&found.entries).enumerate() {
            let double = entry.condition.is_some_and(|Sought { slot, value, .. }| {
                first
                    .get(&(slot, value))
                    .is_some_and(|address| *address != entry.address)
            });
            if there.is_some() || double {
                continue;
            }
            let draft = match &entry.resource {
                Some(text) => Some(entry.draft(&resolved(text, &targets)).map_err(|error| {
                    RecordsError::Entry {
                        entry: place,
                        error,
                    }
                })?),
                None => None,
            };
            changes.push(Change {
                address: entry.address.clone(),
                draft,
                expect: entry.expect,
            });
        }
        Ok(changes)
    }

    fn write(
        &self,
        connection: &mut HospitalConnection,
        found: &Found,
        changes: &[Change],
        at: Timestamp,
    ) -> Result<Transacted, RecordsError> {
        let changed = store::apply(connection, changes, at)?;
        let mut done: HashMap<Address, Written> = HashMap::new();
        for (change, changed) in changes.iter().zip(changed) {
            let address = change.address.clone();
            done.insert(address.clone(), written(address, changed, at)?);
        }
        let mut entries = Vec::with_capacity(self.entries.len());
        for (entry, there) in self.entries.iter().zip(&found.entries) {
            let told = match (there, done.get(&entry.address)) {
                (Some(there), _) => unchanged(connection, there.clone())?,
                (None, Some(written)) => written.clone(),
                (None, None) => {
                    let same = self.entries.iter().find(|other| {
                        other.condition.is_some()
                            && other.condition == entry.condition
                            && done.contains_key(&other.address)
                    });
                    let there = same.map(|same| same.address.clone());
                    unchanged(connection, there.ok_or(RecordsError::NotFound)?)?
                }
            };
            entries.push(told);
        }
        Ok(Transacted { entries })
    }
}

impl Entry {
    fn read(place: usize, entry: &BundleEntry<'_>, at: Timestamp) -> Result<Self, RecordsError> {
        let wrong = |reason| RecordsError::Bundle {
            entry: place,
            reason,
        };
        let request = entry
            .request
            .as_ref()
            .ok_or_else(|| wrong("request is missing"))?;
        if request.if_none_match.is_some() || request.if_modified_since.is_some() {
            return Err(wrong("ifNoneMatch and ifModifiedSince are not supported"));
        }
        let url = request
            .url
            .as_deref()
            .ok_or_else(|| wrong("request.url is missing"))?;
        let method = request.method.as_deref().unwrap_or_default();
        let address = match method {
            "POST" => ResourceType::named(url)
                .map(|kind| Address {
                    kind,
                    id: LogicalId::fresh(at),
                })
                .ok_or_else(|| wrong("request.url is no type of ours"))?,
            "PUT" | "DELETE" => Address::parse(url)
                .ok_or_else(|| wrong("request.url is not Type/id of a type of ours"))?,
            _ => return Err(wrong("request.method is not POST, PUT or DELETE")),
        };
        if entry.resource.is_some() == (method == "DELETE") {
            return Err(wrong("POST and PUT have a resource, DELETE has none"));
        }
        let condition = match &request.if_none_exist {
            Some(condition) if method == "POST" => Some(sought(address.kind, condition)?),
            Some(_) => return Err(wrong("ifNoneExist is for POST")),
            None => None,
        };
        let expect = match &request.if_match {
            Some(etag) => Expect::Version(
                version_of_etag(etag).ok_or_else(|| wrong("ifMatch is not W/\"version\""))?,
            ),
            None => Expect::Anything,
        };
        let resource = entry.resource.map(|raw| raw.get().into());
        Ok(Self {
            full_url: entry.full_url.clone(),
            address,
            resource,
            condition,
            expect,
        })
    }

    fn draft(&self, text: &str) -> Result<Draft, DraftError> {
        let draft = Draft::parse(text)?;
        if draft.kind != self.address.kind {
            return Err(DraftError::OtherType(self.address.kind));
        }
        Ok(draft)
    }
}

impl Sought {
    /// The one that is there.
    fn one(self, connection: &mut HospitalConnection) -> Result<Option<Address>, RecordsError> {
        let Self { kind, slot, value } = self;
        let there = store::matching(connection, kind, slot, value)?;
        if there.len() > 1 {
            return Err(RecordsError::Ambiguous(kind));
        }
        Ok(there.into_iter().next())
    }
}

/// The one identifier that a condition names.
pub(super) fn identifier_of(query: &SearchQuery) -> Result<(i16, i64), RecordsError> {
    query.one_identifier().ok_or(ONE_IDENTIFIER)
}

const ONE_IDENTIFIER: RecordsError =
    RecordsError::Unsupported("a condition that is not identifier=system|value");

fn sought(kind: ResourceType, condition: &str) -> Result<Sought, RecordsError> {
    let condition = condition.strip_prefix('?').unwrap_or(condition);
    let pairs: Vec<(String, String)> = form_pairs(condition);
    let query = SearchQuery::parse(kind, &pairs)?;
    let (slot, value) = identifier_of(&query)?;
    Ok(Sought { kind, slot, value })
}

fn refuse_twice(entries: &[Entry]) -> Result<(), RecordsError> {
    let mut addresses = std::collections::HashSet::new();
    let mut urls = std::collections::HashSet::new();
    for (place, entry) in entries.iter().enumerate() {
        let twice = !addresses.insert(&entry.address)
            || entry.full_url.as_ref().is_some_and(|url| !urls.insert(url));
        if twice {
            let reason = "another entry has the same address or fullUrl";
            return Err(RecordsError::Bundle {
                entry: place,
                reason,
            });
        }
    }
    Ok(())
}

/// Every distinct reference `Type?identifier=…` in the entries.
fn conditional_references(entries: &[Entry]) -> Result<Vec<Looked>, RecordsError> {
    let mut found: Vec<Looked> = Vec::new();
    for text in entries.iter().filter_map(|entry| entry.resource.as_deref()) {
        for (_, reference) in places_of(text, "reference") {
            let Some((kind, condition)) = reference.split_once('?') else {
                continue;
            };
            let Some(kind) = ResourceType::named(kind) else {
                continue;
            };
            if found.iter().any(|looked| looked.reference == reference) {
                continue;
            }
            let sought = sought(kind, condition)?;
            found.push(Looked {
                reference: reference.into_owned(),
                sought,
            });
        }
    }
    Ok(found)
}

/// A resource's text with these references replaced, and every other byte as it was.
fn resolved(text: &str, targets: &HashMap<&str, Address>) -> String {
    let edits = places_of(text, "reference")
        .into_iter()
        .filter_map(|(place, reference)| {
            let target = targets.get(reference.as_ref())?;
            Some((place, quoted(&target.to_string())))
        });
    replaced(text, edits.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_references_change() {
        let text = "{ \"a\":[{\"reference\" : \"urn:uuid:1\"},{\"reference\":\"Patient/9\"}],\
                    \"b\":\"urn:uuid:1\", \"n\":1.50}";
        let to = Address::parse("Patient/7").unwrap();
        let targets = HashMap::from([("urn:uuid:1", to)]);
        let expected = text.replacen("\"urn:uuid:1\"", "\"Patient/7\"", 1);
        assert_eq!(resolved(text, &targets), expected);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = Transaction::parse(&text, Timestamp::from_unix_seconds(0));
            resolved(&text, &HashMap::new());
        }
    }
}
