//! Finding a chart by two things that were shown or said, of different kinds.
//!
//! One alone finds nobody: a chart number is mistyped, a birth date is shared. What was typed is in no
//! address and in no log.

use serde::Deserialize;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::{Reception, ReceptionError};
use crate::access::{Act, Permit};
use crate::database::Rid;
use crate::identity::{BirthDate, Caller};
use crate::records::{Address, Entry, Fit, RecordsError, ResourceType, SearchQuery, Shown};

/// The most charts that are looked at for one question.
const MOST_LOOKED_AT: &str = "200";
/// The most charts that are listed.
const MOST_FOUND: usize = 10;
/// The longest thing that is typed, characters.
const LONGEST: usize = 100;

/// What was typed. Each may be empty.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Typed {
    /// The number on this hospital's card.
    pub(super) chart_number: String,
    /// Birth date, western or Japanese.
    pub(super) birth_date: String,
    /// Name in kana, or as the chart writes it.
    pub(super) name: String,
    /// `insurer:symbol:number:branch`.
    pub(super) insured: String,
    /// A telephone number.
    pub(super) telephone: String,
}

impl Typed {
    /// What there is, cut and in one width.
    pub(super) fn plain(&self) -> Self {
        let plain = |text: &str| {
            let cut = text.trim().chars().take(LONGEST);
            cut.nfkc().collect::<String>()
        };
        Self {
            chart_number: plain(&self.chart_number),
            birth_date: plain(&self.birth_date),
            name: plain(&self.name),
            // Symbols are full-width on the cards and in the charts.
            insured: self.insured.trim().chars().take(LONGEST).collect(),
            telephone: plain(&self.telephone),
        }
    }

    /// How many kinds were typed.
    fn kinds(&self) -> usize {
        [
            &self.chart_number,
            &self.birth_date,
            &self.name,
            &self.insured,
            &self.telephone,
        ]
        .into_iter()
        .filter(|typed| !typed.is_empty())
        .count()
    }

    /// What of it the records can hold against a chart: birth date and name together are one.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let mut shown = Vec::new();
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        shown.extend(filled(&self.chart_number).map(|value| Shown::ChartNumber { value }));
        shown.extend(filled(&self.insured).map(|value| Shown::InsuredId { value }));
        shown.extend(filled(&self.telephone).map(|value| Shown::Telephone { value }));
        let born = BirthDate::read(&self.birth_date);
        if let (Some(born), Some(name)) = (born, filled(&self.name)) {
            shown.push(Shown::BirthAndName {
                birth_date: born.to_string(),
                name,
            });
        }
        shown
    }
}

/// A chart as the desk sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chart {
    /// The logical id of its Patient.
    pub(super) id: String,
    /// Name as written.
    pub(super) name: String,
    /// Name in kana.
    pub(super) kana: String,
    /// `male`, `female`, `other`, `unknown`; empty where it is not said.
    pub(super) gender: String,
    /// Birth date as FHIR writes it.
    pub(super) born: String,
    /// This hospital's chart numbers.
    pub(super) number: String,
    /// Another chart has taken its place.
    pub(super) is_replaced: bool,
}

impl Reception {
    /// The charts that everything typed fits.
    ///
    /// # Errors
    /// `TooFew`, `TooMany`; `Access`, `Records`.
    pub(super) async fn find(
        &self,
        caller: &Caller,
        typed: &Typed,
    ) -> Result<Vec<Chart>, ReceptionError> {
        let permit = self.parts.access.permit(caller, Act::FindPatient).await?;
        let typed = typed.plain();
        if typed.kinds() < 2 {
            return Err(ReceptionError::TooFew);
        }
        let mut found = Vec::new();
        for entry in self.candidates(&permit, &typed).await? {
            let chart = chart_of(&entry, self.institution());
            if self.fits(&permit, &entry, &chart, &typed).await? {
                found.push(chart);
            }
        }
        match found.len() <= MOST_FOUND {
            true => Ok(found),
            false => Err(ReceptionError::TooMany),
        }
    }

    /// The charts with the number, or born on the day.
    async fn candidates(
        &self,
        permit: &Permit,
        typed: &Typed,
    ) -> Result<Vec<Entry>, ReceptionError> {
        let pair = match BirthDate::read(&typed.birth_date) {
            _ if !typed.chart_number.is_empty() => {
                let system = format!("{CHART_SYSTEM}{}", self.institution());
                (
                    "identifier",
                    format!("{system}|{}", escaped(&typed.chart_number)),
                )
            }
            Some(born) => ("birthdate", born.to_string()),
            None => return Err(ReceptionError::TooFew),
        };
        let Some(kind) = ResourceType::named("Patient") else {
            return Ok(Vec::new());
        };
        let pairs = [("_count", MOST_LOOKED_AT.to_owned()), pair];
        let query = SearchQuery::parse(kind, &pairs).map_err(RecordsError::from)?;
        let page = self.parts.records.search(permit, query).await?;
        match page.next {
            None => Ok(page.entries),
            Some(_more) => Err(ReceptionError::TooMany),
        }
    }

    /// Whether everything that was typed is this chart's.
    async fn fits(
        &self,
        permit: &Permit,
        entry: &Entry,
        chart: &Chart,
        typed: &Typed,
    ) -> Result<bool, ReceptionError> {
        let born = BirthDate::read(&typed.birth_date);
        let born_fits = match born {
            _ if typed.birth_date.is_empty() => true,
            None => false,
            Some(born) => BirthDate::of_chart(&chart.born) == Some(born),
        };
        let shown = typed.shown();
        let name_was_held = shown
            .iter()
            .any(|one| matches!(one, Shown::BirthAndName { .. }));
        let name_fits = typed.name.is_empty() || name_was_held || is_called(chart, &typed.name);
        if chart.is_replaced || !born_fits || !name_fits {
            return Ok(false);
        }
        let held = self
            .parts
            .records
            .identify(permit, &entry.address, &shown)
            .await?;
        let own = |fit: &Fit| matches!(fit, Fit::Person | Fit::Family);
        Ok(!held.is_replaced && held.fits.iter().all(own))
    }

    /// One chart, to be looked at by the desk.
    ///
    /// # Errors
    /// `NoChart`, `Access`, `Records`.
    pub(super) async fn chart(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Rid, Chart), ReceptionError> {
        let address = Address::parse(&format!("Patient/{id}"));
        let found = match &address {
            Some(address) => self.parts.records.chart_of(address).await?,
            None => None,
        };
        let (Some(address), Some(patient)) = (address, found) else {
            // Who may not sit here learns nothing of which charts there are.
            self.parts.access.permit(caller, Act::Link).await?;
            return Err(ReceptionError::NoChart);
        };
        self.parts.access.permit(caller, Act::Link).await?;
        let permit = self
            .parts
            .access
            .permit(caller, Act::Identify { patient })
            .await?;
        match self.parts.records.read(&permit, &address).await {
            Ok(entry) => Ok((patient, chart_of(&entry, self.institution()))),
            Err(RecordsError::NotFound | RecordsError::Deleted) => Err(ReceptionError::NoChart),
            Err(error) => Err(error.into()),
        }
    }

    fn institution(&self) -> &str {
        self.parts
            .me
            .as_str()
            .rsplit(':')
            .next()
            .unwrap_or_default()
    }
}

const CHART_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.1";

/// A value as it stands in a search: what parts values there is marked.
///
/// Source: FHIR R4 search, "Escaping Search Parameters".
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn chart_of(entry: &Entry, institution: &str) -> Chart {
    let patient: Value = serde_json::from_str(&entry.raw).unwrap_or(Value::Null);
    let text = |value: &Value, member: &str| {
        let found = value.get(member).and_then(Value::as_str);
        found
            .unwrap_or_default()
            .chars()
            .take(LONGEST)
            .collect::<String>()
    };
    let list = |member: &str| patient.get(member).and_then(Value::as_array).cloned();
    let names = list("name").unwrap_or_default();
    let called = |form: &str| {
        let mut found = names.iter().filter(|name| form_of(name) == Some(form));
        found.next().map(full_name)
    };
    let own = format!("{CHART_SYSTEM}{institution}");
    let numbers = list("identifier").unwrap_or_default();
    let number = numbers.iter().find(|one| text(one, "system") == own);
    let links = list("link").unwrap_or_default();
    Chart {
        id: entry.address.id.to_string(),
        name: called("IDE")
            .or_else(|| names.first().map(full_name))
            .unwrap_or_default(),
        kana: called("SYL").unwrap_or_default(),
        gender: text(&patient, "gender"),
        born: text(&patient, "birthDate"),
        number: number.map(|one| text(one, "value")).unwrap_or_default(),
        is_replaced: links.iter().any(|link| text(link, "type") == "replaced-by"),
    }
}

fn form_of(name: &Value) -> Option<&str> {
    let mut extensions = name.get("extension")?.as_array()?.iter();
    extensions.find_map(|one| one.get("valueCode")?.as_str())
}

fn full_name(name: &Value) -> String {
    let text = |member: &str| name.get(member).and_then(Value::as_str);
    let given = name.get("given").and_then(Value::as_array);
    let given: Vec<&str> = given
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let parts = || format!("{} {}", text("family").unwrap_or_default(), given.join(" "));
    let whole = text("text").map_or_else(parts, ToOwned::to_owned);
    whole.trim().chars().take(LONGEST).collect()
}

/// Whether a name is the chart's: kana or kanji, hiragana or katakana, spaces or not.
fn is_called(chart: &Chart, name: &str) -> bool {
    let wanted = folded(name);
    !wanted.is_empty()
        && [&chart.name, &chart.kana]
            .iter()
            .any(|one| folded(one) == wanted)
}

fn folded(name: &str) -> String {
    let katakana = |c: char| match c {
        '\u{3041}'..='\u{3096}' => char::from_u32(u32::from(c).saturating_add(0x60)).unwrap_or(c),
        other => other,
    };
    name.nfkc()
        .filter(|c| !c.is_whitespace())
        .map(katakana)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_any_kana_and_width() {
        let chart = Chart {
            name: "佐藤 花".into(),
            kana: "サトウ ハナ".into(),
            ..Chart::default()
        };
        for name in ["さとう　はな", "サトウハナ", "ｻﾄｳ ﾊﾅ", "佐藤花"] {
            assert!(is_called(&chart, name), "{name}");
        }
        for name in ["", " ", "サトウ", "佐藤"] {
            assert!(!is_called(&chart, name), "{name}");
        }
    }

    #[test]
    fn a_value_cannot_become_two_in_a_search() {
        assert_eq!(escaped("1,2|3$4\\5"), "1\\,2\\|3\\$4\\\\5");
    }

    #[test]
    fn two_kinds_are_counted_and_blanks_are_none() {
        let typed = Typed {
            chart_number: " ００１２ ".into(),
            birth_date: "　".into(),
            ..Typed::default()
        };
        let plain = typed.plain();
        assert_eq!((plain.chart_number.as_str(), plain.kinds()), ("0012", 1));
    }
}
