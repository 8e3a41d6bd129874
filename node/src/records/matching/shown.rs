//! What a person shows at the desk, held against a chart.
//!
//! A closed list. Each kind either names one person, or a family or household, or is what the desk
//! saw and this node cannot. The My Number itself is never asked for or kept (Number Act, article
//! 19): of that card the desk says only that it checked it.
//!
//! Source: facts on JP Core, sections 0 and 3.3; PEOPLE C1, the two identifiers.

use federation_protocol::linking::comparison::{BirthFacts, Sex};
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::evidence::{Agreement, evidence};
use super::person::Person;
use crate::access::Permit;
use crate::database::HospitalConnection;
use crate::records::strict::strict;
use crate::records::{Address, DraftError, Records, RecordsError};

const INSURED_SYSTEM: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
const CHART_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.1";
/// A number with fewer digits reaches nobody in particular.
const SHORTEST_TELEPHONE: usize = 9;

/// One thing that a person showed or said at the desk.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Shown {
    /// Insured-person identifier, `insurer:symbol:number:branch`.
    InsuredId {
        /// As the card or the eligibility check says it.
        value: String,
    },
    /// The number on this hospital's patient card.
    ChartNumber {
        /// The number.
        value: String,
    },
    /// Birth date and name, said by the person.
    BirthAndName {
        /// `YYYY-MM-DD`.
        birth_date: String,
        /// In kana, or as the chart writes it.
        name: String,
    },
    /// A telephone number.
    Telephone {
        /// In any spelling.
        value: String,
    },
    /// The My Number card, checked at the counter (face or PIN); its number is not read.
    MyNumberCard {},
}

impl Shown {
    /// The word in audit lines; no content.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::InsuredId { .. } => "insured_id",
            Self::ChartNumber { .. } => "chart_number",
            Self::BirthAndName { .. } => "birth_and_name",
            Self::Telephone { .. } => "telephone",
            Self::MyNumberCard {} => "my_number_card",
        }
    }
}

/// How something that was shown stands to the chart.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is the chart's, and one person's.
    Person,
    /// It is the chart's, and a family's or household's.
    Family,
    /// The desk saw it; the chart has nothing to compare it with.
    Seen,
    /// It is not the chart's, or the chart says nothing of it.
    Differs,
}

/// A chart, as the desk needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// What it is compared with the home's chart by; none where it says less.
    pub facts: Option<BirthFacts>,
    /// How each thing that was shown stands to it, in that order.
    pub fits: Vec<Fit>,
    /// Another chart has taken its place.
    pub is_replaced: bool,
}

impl Records {
    /// Holds what was shown against a Patient and its Coverages.
    ///
    /// # Errors
    /// `NotFound`, `Deleted`; `Database`.
    pub async fn identify(
        &self,
        permit: &Permit,
        address: &Address,
        shown: &[Shown],
    ) -> Result<Identified, RecordsError> {
        let entry = self.read(permit, address).await?;
        let patient = strict(&entry.raw).map_err(DraftError::from)?;
        let (mut known, _) = self.persons(permit, std::slice::from_ref(&entry)).await?;
        let person = known.remove(&entry.address.id).unwrap_or_default();
        let institution = self.own.rsplit(':').next().unwrap_or_default();
        let fits = shown
            .iter()
            .map(|one| fit(one, &person, &patient, institution));
        Ok(Identified {
            facts: birth_facts(&patient),
            fits: fits.collect(),
            is_replaced: person.is_replaced,
        })
    }

    /// What a chart is compared by, on a connection that the caller already has; `None` where there
    /// is no such chart any longer, another has taken its place, or it says less.
    ///
    /// # Errors
    /// `Database`.
    pub fn birth_facts_on(
        &self,
        connection: &mut HospitalConnection,
        permit: &Permit,
        address: &Address,
    ) -> Result<Option<BirthFacts>, RecordsError> {
        let entry = match self.read_on(connection, permit, address, None) {
            Ok(entry) => entry,
            Err(RecordsError::NotFound | RecordsError::Deleted) => return Ok(None),
            Err(error) => return Err(error),
        };
        let patient = strict(&entry.raw).map_err(DraftError::from)?;
        let stands = !Person::of_patient(&patient).is_replaced;
        Ok(birth_facts(&patient).filter(|_| stands))
    }
}

fn birth_facts(patient: &Value) -> Option<BirthFacts> {
    let text = |member: &str| patient.get(member).and_then(Value::as_str);
    let year = text("birthDate")?.get(..4)?;
    let digits = year.bytes().all(|byte| byte.is_ascii_digit());
    Some(BirthFacts {
        year: year.parse().ok().filter(|_| digits)?,
        sex: Sex::of(text("gender")?)?,
    })
}

fn fit(shown: &Shown, known: &Person, patient: &Value, institution: &str) -> Fit {
    let asked = match shown {
        Shown::InsuredId { value } => {
            json!({"identifier": [{"system": INSURED_SYSTEM, "value": value}]})
        }
        Shown::ChartNumber { value } => {
            let system = format!("{CHART_SYSTEM}{institution}");
            json!({"identifier": [{"system": system, "value": value}]})
        }
        Shown::BirthAndName { birth_date, name } => {
            json!({"birthDate": birth_date, "name": [{"text": name}]})
        }
        Shown::Telephone { value } => return telephone(value, patient),
        Shown::MyNumberCard {} => return Fit::Seen,
    };
    let found = evidence(&Person::of_patient(&asked), known, institution);
    let agree = |all: &[Agreement]| all.iter().all(|one| *one == Agreement::Agrees);
    match shown {
        Shown::InsuredId { .. } if found.insured == Agreement::Partly => Fit::Family,
        Shown::InsuredId { .. } if agree(&[found.insured]) => Fit::Person,
        Shown::ChartNumber { .. } if agree(&[found.chart]) => Fit::Person,
        Shown::BirthAndName { .. } if agree(&[found.born, found.family, found.given]) => {
            Fit::Person
        }
        _ => Fit::Differs,
    }
}

fn telephone(shown: &str, patient: &Value) -> Fit {
    let digits = |text: &str| text.nfkc().filter(char::is_ascii_digit).collect::<String>();
    let shown = digits(shown);
    let contacts = patient.get("telecom").and_then(Value::as_array);
    let mut numbers = contacts.into_iter().flatten().filter_map(|contact| {
        let text = |member: &str| contact.get(member).and_then(Value::as_str);
        text("value").filter(|_| text("system") == Some("phone"))
    });
    let long = shown.len() >= SHORTEST_TELEPHONE;
    match long && numbers.any(|number| digits(number) == shown) {
        true => Fit::Family,
        false => Fit::Differs,
    }
}

#[cfg(test)]
mod tests;
