//! Who a chart is of: the banner that never scrolls away.

use federation_protocol::time::Timestamp;
use serde_json::Value;

use super::fhir::{clean, list, text};
use crate::pages::when::Day;

const REPRESENTATION: &str = "iso21090-EN-representation";
/// Local patient numbers of JP Core: this, then the institution.
const CHART_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.";

/// A patient as the banner names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name as it is written.
    pub name: String,
    /// In kana.
    pub kana: String,
    /// `male`, `female`, `other`, `unknown`.
    pub sex: &'static str,
    /// The birth date.
    pub born: Option<Day>,
    /// Whole years.
    pub age: Option<i64>,
    /// The number of the chart here.
    pub chart_number: String,
    /// Whether they have died.
    pub has_died: bool,
    /// Whether another chart has taken this one's place.
    pub is_replaced: bool,
}

impl Person {
    /// The person of a Patient, today.
    #[must_use]
    pub fn of(patient: &Value, today: Timestamp) -> Self {
        let born = text(patient, &["birthDate"]).and_then(Day::parse);
        let kana = name(patient, Some("SYL")).unwrap_or_default();
        Self {
            name: name(patient, Some("IDE"))
                .or_else(|| name(patient, None))
                .unwrap_or_else(|| kana.clone()),
            kana,
            sex: sex(patient),
            age: born.and_then(|born| born.age(Day::of(today))),
            born,
            chart_number: chart_number(patient),
            has_died: patient.get("deceasedDateTime").is_some()
                || patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true),
            is_replaced: list(patient, "link")
                .any(|one| text(one, &["type"]) == Some("replaced-by")),
        }
    }
}

fn sex(patient: &Value) -> &'static str {
    match text(patient, &["gender"]) {
        Some("male") => "male",
        Some("female") => "female",
        Some("other") => "other",
        _ => "unknown",
    }
}

fn name(patient: &Value, wanted: Option<&str>) -> Option<String> {
    let is_so = |name: &&Value| {
        let said = list(name, "extension").find_map(|one| {
            let url = text(one, &["url"])?;
            url.ends_with(REPRESENTATION)
                .then(|| text(one, &["valueCode"]))?
        });
        wanted.is_none() || said == wanted
    };
    let current = |name: &&Value| !matches!(text(name, &["use"]), Some("old" | "maiden"));
    let found = list(patient, "name").filter(current).find(is_so)?;
    let given = found.get("given").and_then(Value::as_array);
    let given = given
        .and_then(|given| given.first())
        .and_then(Value::as_str);
    let parts = [text(found, &["family"]), given];
    let joined = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let whole = text(found, &["text"]).map(str::to_owned);
    whole
        .or(Some(joined))
        .filter(|name| !name.is_empty())
        .map(|name| clean(&name, 60))
}

/// The local number; else the first that is said to be one of a chart.
fn chart_number(patient: &Value) -> String {
    let is_local = |one: &&Value| {
        text(one, &["system"]).is_some_and(|system| system.starts_with(CHART_SYSTEM))
    };
    let is_chart = |one: &&Value| super::fhir::has_code(one, "type", "MR");
    let found = list(patient, "identifier").find(is_local);
    let found = found.or_else(|| list(patient, "identifier").find(is_chart));
    let number = found
        .and_then(|one| text(one, &["value"]))
        .unwrap_or_default();
    clean(number, 32)
}
