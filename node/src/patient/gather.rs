//! What a person has here and at the hospitals they are linked with, as it is asked for by a page.
//!
//! The own chart is read at once; the others are asked by the person's own view, and who did not
//! answer is named: what is incomplete is never shown as complete.

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use jiff::civil::Date;
use serde_json::Value;

use super::fhir::{Held, When};
use crate::access::{Access, AccessRefusal, Act, Permit};
use crate::database::DatabaseError;
use crate::federation::Federation;
use crate::federation::own_view::OwnViewError;
use crate::federation::query::QueryError;
use crate::identity::{Caller, PersonId};
use crate::linkage::{Linkage, LinkageError};
use crate::records::{Address, Records, RecordsError, ResourceType, SearchQuery};

/// How many resources one page of the own chart holds.
const PAGE: &str = "500";
/// The most pages of one kind that are read.
const MOST_PAGES: usize = 6;

/// What is asked for: a type, and what narrows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) kind: &'static str,
    pub(super) filters: &'static [(&'static str, &'static str)],
}

/// Everything of a type.
pub(super) const fn all(kind: &'static str) -> Wanted {
    Wanted { kind, filters: &[] }
}

/// Laboratory results.
pub(super) const LAB: Wanted = Wanted {
    kind: "Observation",
    filters: &[("category", "laboratory")],
};

/// Whose records they are.
#[derive(Clone, Debug)]
pub(super) struct Whose {
    /// The person.
    pub(super) id: PersonId,
    /// The logical id of their chart here.
    pub(super) chart: String,
}

/// A hospital whose records are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hospital {
    /// Its member id.
    pub(super) member: MemberId,
    /// Its name.
    pub(super) name: String,
    /// Where its records stand, `https://…/fhir`.
    pub(super) base: String,
}

/// A hospital whose records are not shown, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// Its name.
    pub(super) name: String,
    /// Why.
    pub(super) why: Why,
}

/// Why a hospital's records are not shown.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It has not answered yet.
    Waiting,
    /// It gave no answer that can be used.
    Silent,
    /// The person's phone has not signed for it yet.
    Unsigned,
    /// It has more than it gives at once.
    More,
}

impl Why {
    /// The word in keys of texts.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Silent => "silent",
            Self::Unsigned => "unsigned",
            Self::More => "more",
        }
    }
}

/// What was gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// Whose records there are: this hospital first.
    pub(super) hospitals: Vec<Hospital>,
    /// The resources as they were sent, each with the place of its hospital.
    pub(super) raw: Vec<(usize, String)>,
    /// Who is missing, and why.
    pub(super) missing: Vec<Missing>,
    /// Whether the other hospitals are still to be asked.
    pub(super) is_own_only: bool,
}

impl Gathered {
    /// The resources, understood.
    pub(super) fn held(&self) -> Vec<Held> {
        let understood = self.raw.iter().filter_map(|(hospital, raw)| {
            let resource: Value = serde_json::from_str(raw).ok()?;
            Some(Held {
                hospital: *hospital,
                resource,
            })
        });
        understood.collect()
    }

    /// The name of the hospital at a place.
    pub(super) fn name(&self, hospital: usize) -> &str {
        let found = self.hospitals.get(hospital);
        found.map_or("", |hospital| hospital.name.as_str())
    }

    /// Whether hospitals are still waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.missing.iter().any(|one| one.why == Why::Waiting)
    }
}

/// How long to wait for the other hospitals.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all: the own chart alone.
    None,
    /// A few seconds.
    Short,
    /// As long as the settings give them.
    Whole,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    /// Who asks is no person, or not enrolled any longer.
    #[error("no enrolled person")]
    NotAPerson,
    /// It cannot be recorded, or the role does not do it.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The own chart cannot be read.
    #[error("the own chart: {0}")]
    Records(#[from] RecordsError),
    /// The links cannot be read.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The own view cannot be asked.
    #[error(transparent)]
    OwnView(#[from] OwnViewError),
    /// An answer cannot be written down, so it is not shown.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What is asked is no question: a mistake of this program.
    #[error("the question: {0}")]
    Question(#[from] QueryError),
}

/// What the pages of people stand on.
pub struct PeopleParts {
    /// This member.
    pub me: MemberId,
    /// Its name, for people.
    pub name: String,
    /// What time it is.
    pub clock: SharedClock,
    /// Who may see what.
    pub access: Access,
    /// This node's charts.
    pub records: Records,
    /// Who is enrolled, and linked with whom.
    pub linkage: Linkage,
    /// Asks the other hospitals.
    pub federation: Arc<Federation>,
}

/// Where a person's records are gathered for their pages. Cheap to clone.
#[derive(Clone)]
pub struct People {
    pub(super) parts: Arc<PeopleParts>,
}

impl People {
    /// The pages of people over `parts`.
    #[must_use]
    pub fn new(parts: PeopleParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Today, in Japan.
    pub(super) fn today(&self) -> Date {
        let now = self.now().unix_seconds();
        When::of_unix(now).map_or(Date::ZERO, |when| when.day)
    }

    /// Whose records the caller may see: their own.
    pub(super) async fn whose(&self, caller: &Caller) -> Result<Whose, GatherError> {
        let Caller::Person { id, .. } = caller else {
            return Err(GatherError::NotAPerson);
        };
        let person = self.parts.linkage.person(id).await?;
        Ok(Whose {
            id: person.id,
            chart: person.patient_id,
        })
    }

    /// What is `wanted`, of the own chart and, as `patience` says, of the others.
    pub(super) async fn gather(
        &self,
        caller: &Caller,
        wanted: &[Wanted],
        patience: Patience,
    ) -> Result<Gathered, GatherError> {
        let whose = self.whose(caller).await?;
        let mut gathered = self.own(caller, &whose, wanted).await?;
        let has_others = !self.parts.linkage.home_links(&whose.id).await?.is_empty();
        match patience {
            Patience::None => gathered.is_own_only = has_others,
            Patience::Short | Patience::Whole if has_others => {
                self.others(caller, wanted, patience, &mut gathered).await?;
            }
            Patience::Short | Patience::Whole => {}
        }
        Ok(gathered)
    }

    /// The permit to read several kinds of one's own chart: one line of the audit for the page.
    async fn permit(&self, caller: &Caller, whose: &Whose) -> Result<Permit, GatherError> {
        let patient = match caller {
            Caller::Person { patient, .. } => Some(*patient),
            _staff => return Err(GatherError::NotAPerson),
        };
        let of = format!("Patient/{}", whose.chart);
        let act = Act::Everything { of: &of, patient };
        Ok(self.parts.access.permit(caller, act).await?)
    }

    async fn own(
        &self,
        caller: &Caller,
        whose: &Whose,
        wanted: &[Wanted],
    ) -> Result<Gathered, GatherError> {
        let permit = self.permit(caller, whose).await?;
        let (me, name) = (self.parts.me.clone(), self.parts.name.clone());
        let mut gathered = Gathered {
            hospitals: vec![hospital_of(me, name, self.parts.federation.endpoint())],
            ..Gathered::default()
        };
        for one in wanted {
            let is_whole = self.read(&permit, one, &mut gathered).await?;
            if !is_whole {
                gathered.missing.push(Missing {
                    name: gathered.name(0).to_owned(),
                    why: Why::More,
                });
            }
        }
        gathered.missing.dedup();
        Ok(gathered)
    }

    /// Reads one kind of the own chart; whether that was all of it.
    async fn read(
        &self,
        permit: &Permit,
        wanted: &Wanted,
        into: &mut Gathered,
    ) -> Result<bool, GatherError> {
        let Some(kind) = ResourceType::named(wanted.kind) else {
            return Ok(true);
        };
        let mut cursor: Option<String> = None;
        for _page in 0..MOST_PAGES {
            let mut pairs = vec![("_count", PAGE)];
            pairs.extend_from_slice(wanted.filters);
            pairs.extend(cursor.as_deref().map(|cursor| ("_cursor", cursor)));
            let query = SearchQuery::parse(kind, &pairs).map_err(RecordsError::from)?;
            let page = self.parts.records.search(permit, query).await?;
            into.raw
                .extend(page.entries.into_iter().map(|entry| (0, entry.raw)));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The person's own Patient here.
    pub(super) async fn patient(&self, caller: &Caller) -> Result<Option<Value>, GatherError> {
        let whose = self.whose(caller).await?;
        let permit = self.permit(caller, &whose).await?;
        let Some(address) = Address::parse(&format!("Patient/{}", whose.chart)) else {
            return Ok(None);
        };
        let entry = self.parts.records.read(&permit, &address).await?;
        Ok(serde_json::from_str(&entry.raw).ok())
    }
}

pub(super) fn hospital_of(member: MemberId, name: String, endpoint: &str) -> Hospital {
    Hospital {
        member,
        name,
        base: format!("{endpoint}/fhir"),
    }
}
