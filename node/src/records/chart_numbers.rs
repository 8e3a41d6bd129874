//! Which chart a number on a patient card means, for the way in from the hospital's record system.

use futures_util::future::BoxFuture;

use super::{Records, RecordsError, ResourceType, SearchQuery};
use crate::access::{Access, AccessRefusal, Act};
use crate::identity::deep_link::FindChart;
use crate::identity::{Caller, EntryError};

/// JP Core's system of this hospital's numbers, before its institution number.
const CHART_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.1";

/// Looks numbers up as the member of staff who comes: with their leave, and in the audit.
pub struct ChartNumbers {
    records: Records,
    access: Access,
}

impl ChartNumbers {
    /// Looks in `records`, as `access` allows.
    #[must_use]
    pub fn new(records: Records, access: Access) -> Self {
        Self { records, access }
    }

    async fn find(&self, number: &str, caller: &Caller) -> Result<Option<String>, EntryError> {
        let act = Act::Search {
            kind: "Patient",
            patient: None,
        };
        let permit = match self.access.permit(caller, act).await {
            Ok(permit) => permit,
            Err(AccessRefusal::Role { .. }) => return Ok(None),
            Err(AccessRefusal::Audit(error)) => return Err(EntryError::Database(error)),
        };
        let institution = self.records.own.rsplit(':').next().unwrap_or_default();
        let Some(identifier) = token(institution, number) else {
            return Ok(None);
        };
        let kind = ResourceType::named("Patient");
        let query = kind.map(|kind| SearchQuery::parse(kind, &[("identifier", identifier)]));
        let Some(Ok(query)) = query else {
            return Ok(None);
        };
        let page = match self.records.search(&permit, query).await {
            Ok(page) => page,
            Err(RecordsError::Database(error)) => return Err(EntryError::Database(error)),
            Err(_) => return Ok(None),
        };
        // Of several nobody can tell here which one is meant.
        Ok(match page.entries.as_slice() {
            [only] if page.next.is_none() => Some(only.address.id.to_string()),
            _ => None,
        })
    }
}

/// The search token of a number; nothing for what a token gives a meaning to.
fn token(institution: &str, number: &str) -> Option<String> {
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'|' | b',' | b'\\' | b'$'));
    plain.then(|| format!("{CHART_SYSTEM}{institution}|{number}"))
}

impl FindChart for ChartNumbers {
    fn chart<'a>(
        &'a self,
        number: &'a str,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Option<String>, EntryError>> {
        Box::pin(self.find(number, caller))
    }
}
