//! Directives as rows of the grid, and rows as directives: who sees which kinds of data, for what,
//! until when.

use federation_protocol::category::Scope;
use federation_protocol::consent::{
    Actor, ConsentKind, Criteria, Directive, FhirTime, LabelTerms, Period, Provision, ProvisionType,
};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use crate::consent::{ConsentError, StoredDirective};

/// What the grid shows of one directive.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A row: one hospital or practitioner, one purpose, kinds of data.
    Row(Row),
    /// More than a row can say: as it stands.
    AsItIs,
}

/// A row of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who.
    pub member: MemberId,
    /// The only practitioner there, of a visit.
    pub practitioner: Option<String>,
    /// What for; `None` is anything, of what is not shown.
    pub purpose: Option<Purpose>,
    /// Whether it is shown, or kept back.
    pub is_permit: bool,
    /// Which kinds.
    pub kinds: Scope,
    /// Whether what is marked as sensitive is meant, too.
    pub sensitive: bool,
    /// Until when, as the directive says it.
    pub until: Option<String>,
}

/// What a person wants of one hospital.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Which.
    pub member: MemberId,
    /// What for.
    pub purpose: Purpose,
    /// Which kinds; none is 見せない: nothing is shown to it, for whatever purpose.
    pub kinds: Scope,
    /// What is marked as sensitive, too.
    pub sensitive: bool,
    /// The last day, `2027-03-31`; `None` is until it is taken back.
    pub until: Option<String>,
}

impl Shown {
    /// How the grid shows a stored directive.
    ///
    /// # Errors
    /// The directive cannot be read.
    pub fn of(stored: &StoredDirective) -> Result<Self, ConsentError> {
        let directive = stored.directive()?;
        Ok(row(&directive).map_or(Self::AsItIs, Self::Row))
    }
}

fn row(directive: &Directive) -> Option<Row> {
    let [root] = directive.provisions() else {
        return None;
    };
    let [actor] = root.actors.as_slice() else {
        return None;
    };
    let is_permit = root.kind == ProvisionType::Permit;
    let purpose = match root.purposes.as_slice() {
        [purpose] => Some(*purpose),
        [] if !is_permit => None,
        _several => return None,
    };
    let criteria = &root.criteria;
    if criteria.data_period.is_some() || !criteria.data.is_empty() {
        return None;
    }
    let (member, practitioner) = match actor {
        Actor::Organization(member) => (member.clone(), None),
        Actor::Practitioner { member, id } => (member.clone(), Some(id.clone())),
    };
    Some(Row {
        member,
        practitioner,
        purpose,
        is_permit,
        kinds: criteria.classes.unwrap_or(Scope::ALL),
        sensitive: sensitivity(criteria.labels, is_permit)?,
        until: until(root.period.as_ref()),
    })
}

/// Whether sensitive data are meant; `None` where some labels are and others not.
fn sensitivity(labels: Option<LabelTerms>, is_permit: bool) -> Option<bool> {
    let Some(terms) = labels else {
        return Some(true);
    };
    match (terms.normal, terms.restricted, terms.labels.is_empty()) {
        (true, true, true) => Some(true),
        (true, false, true) if is_permit => Some(false),
        _some_labels => None,
    }
}

fn until(period: Option<&Period>) -> Option<String> {
    let end = period?.end.as_ref()?;
    Some(end.as_str().to_owned())
}

impl Order {
    /// The kind of Consent that it becomes.
    #[must_use]
    pub fn kind(&self) -> ConsentKind {
        match (self.kinds.is_empty(), self.purpose) {
            (true, _) => ConsentKind::Dissent,
            (false, Purpose::Hresch) => ConsentKind::Research,
            (false, Purpose::Patrqt) => ConsentKind::StorePhr,
            (false, _care) => ConsentKind::ShareCare,
        }
    }

    /// Its provision, in force from when it is given.
    ///
    /// # Errors
    /// The last day is none, or is over.
    pub fn provision(&self, now: Timestamp) -> Result<Provision, ConsentError> {
        let actors = vec![Actor::Organization(self.member.clone())];
        if self.kinds.is_empty() {
            return Ok(Provision {
                actors,
                ..Provision::any(ProvisionType::Deny)
            });
        }
        let end = match &self.until {
            Some(day) => Some(last_day(day, now)?),
            None => None,
        };
        // From when on is the Consent's own date: nobody reads a time to the millisecond.
        let period = end.map(|end| Period {
            start: None,
            end: Some(end),
        });
        Ok(Provision {
            kind: ProvisionType::Permit,
            period,
            actors,
            purposes: vec![self.purpose],
            criteria: Criteria {
                classes: Some(self.kinds),
                labels: Some(LabelTerms {
                    normal: true,
                    restricted: self.sensitive,
                    ..LabelTerms::default()
                }),
                ..Criteria::default()
            },
        })
    }

    /// Whether a row is about the same: then its directive is replaced.
    #[must_use]
    pub fn is_about(&self, row: &Row) -> bool {
        let same_purpose = row.purpose.is_none_or(|purpose| purpose == self.purpose);
        row.member == self.member && row.practitioner.is_none() && same_purpose
    }
}

/// A day that has not ended.
fn last_day(day: &str, now: Timestamp) -> Result<FhirTime, ConsentError> {
    let end = FhirTime::parse(day).ok().filter(|_| day.len() == 10);
    let end = end.ok_or(ConsentError::Ended)?;
    let whole = Period {
        start: None,
        end: Some(end.clone()),
    };
    let probe = Provision {
        period: Some(whole),
        ..Provision::any(ProvisionType::Permit)
    };
    let directive = Directive::new(
        federation_protocol::consent::DirectiveStatus::Active,
        probe,
        Vec::new(),
    );
    match directive.is_in_force(now) {
        true => Ok(end),
        false => Err(ConsentError::Ended),
    }
}
