//! Everything that a person has, to take home: one FHIR Bundle with every resource as its hospital sent
//! it, and tables for a spreadsheet. Who did not answer is named in the files too.

use jiff::civil::Date;
use serde_json::json;

use super::gather::Gathered;
use super::medicines::{Prescription, prescriptions};
use super::results::{Found, LabResult, results};

/// A Bundle of type `collection`: each resource byte for byte as it came, then one OperationOutcome
/// for each hospital of which something is missing.
///
/// `at` is RFC 3339.
///
/// Source: FHIR R4, Bundle.
pub(super) fn bundle(gathered: &Gathered, at: &str) -> String {
    let mut text =
        format!(r#"{{"resourceType":"Bundle","type":"collection","timestamp":"{at}","entry":["#);
    let mut first = true;
    let mut entry = |base: Option<&str>, raw: &str, text: &mut String| {
        if !first {
            text.push(',');
        }
        first = false;
        text.push('{');
        if let Some(url) = base.and_then(|base| full_url(base, raw)) {
            text.push_str(&format!(r#""fullUrl":{},"#, json!(url)));
        }
        text.push_str(r#""resource":"#);
        text.push_str(raw);
        text.push('}');
    };
    for (hospital, raw) in &gathered.raw {
        let base = gathered.hospitals.get(*hospital);
        entry(base.map(|hospital| hospital.base.as_str()), raw, &mut text);
    }
    for missing in &gathered.missing {
        let said = format!("{}: {}", missing.name, missing.why.as_str());
        let outcome = json!({
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "warning", "code": "incomplete", "details": {"text": said}}],
        });
        entry(None, &outcome.to_string(), &mut text);
    }
    text.push_str("]}");
    text
}

fn full_url(base: &str, raw: &str) -> Option<String> {
    let resource: serde_json::Value = serde_json::from_str(raw).ok()?;
    let kind = super::fhir::text(&resource, "resourceType")?;
    let id = super::fhir::text(&resource, "id")?;
    Some(format!("{base}/{kind}/{id}"))
}

/// A table for a spreadsheet: UTF-8 with its mark, so that Excel reads it as what it is; ends of lines
/// as RFC 4180 has them.
pub(super) struct Table {
    text: String,
}

impl Table {
    /// A table with these heads.
    pub(super) fn new<S: AsRef<str>>(heads: impl IntoIterator<Item = S>) -> Self {
        let mut table = Self {
            text: "\u{feff}".to_owned(),
        };
        table.line(heads);
        table
    }

    /// One more line.
    pub(super) fn line<S: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = S>) {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|field| cell(field.as_ref()))
            .collect();
        self.text.push_str(&fields.join(","));
        self.text.push_str("\r\n");
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A field in quotes. One that a spreadsheet would take for a formula gets an apostrophe before it,
/// but for a number below zero.
fn cell(field: &str) -> String {
    let field = super::fhir::clean(field);
    let begins = field.starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']);
    let formula = begins && field.parse::<f64>().is_err();
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", field.replace('"', "\"\""))
}

/// The laboratory results as lines under `heads`, then a line for each hospital that is missing.
pub(super) fn results_table(
    gathered: &Gathered,
    today: Date,
    heads: &[String],
    missing: &[String],
) -> String {
    let mut table = Table::new(heads);
    for result in results(&gathered.held(), today) {
        table.line(result_line(gathered, &result));
    }
    missing.iter().for_each(|said| table.line([said]));
    table.into_text()
}

fn result_line(gathered: &Gathered, result: &LabResult) -> [String; 9] {
    let end = |end: &Option<super::fhir::Number>| {
        end.as_ref()
            .map(|end| end.written.clone())
            .unwrap_or_default()
    };
    let value = match &result.found {
        Found::Nothing => String::new(),
        found => found.value(),
    };
    [
        result.taken.day.to_string(),
        gathered.name(result.hospital).to_owned(),
        result.name.clone(),
        value,
        result.found.unit().to_owned(),
        end(&result.range.low),
        end(&result.range.high),
        result.range.words.clone(),
        result.standing.as_str().to_owned(),
    ]
}

/// The prescriptions likewise.
pub(super) fn medicines_table(gathered: &Gathered, heads: &[String], missing: &[String]) -> String {
    let mut table = Table::new(heads);
    let mut all = prescriptions(&gathered.held());
    all.sort_by_key(|one| std::cmp::Reverse(one.written));
    for one in &all {
        table.line(medicine_line(gathered, one));
    }
    missing.iter().for_each(|said| table.line([said]));
    table.into_text()
}

fn medicine_line(gathered: &Gathered, one: &Prescription) -> [String; 8] {
    let amount = |quantity: &Option<super::fhir::Quantity>| {
        let amount = quantity.as_ref();
        amount.map_or_else(String::new, |one| {
            format!("{}{}", one.number.written, one.unit)
        })
    };
    [
        one.written.day.to_string(),
        gathered.name(one.hospital).to_owned(),
        one.name.clone(),
        one.how.clone(),
        amount(&one.dose),
        one.days.map(|days| days.to_string()).unwrap_or_default(),
        amount(&one.supplied),
        one.prescriber.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::patient::gather::{Hospital, Missing, Why};
    use crate::patient::testing::lab;

    fn gathered(raw: Vec<String>) -> Gathered {
        Gathered {
            hospitals: vec![Hospital {
                member: "urn:musubi:member:0110000001".parse().unwrap(),
                name: "みなと病院".into(),
                base: "https://minato.example/fhir".into(),
            }],
            raw: raw.into_iter().map(|raw| (0, raw)).collect(),
            missing: vec![Missing {
                name: "雪見病院".into(),
                why: Why::Silent,
            }],
            is_own_only: false,
        }
    }

    #[test]
    fn the_bundle_holds_each_resource_byte_for_byte_and_names_who_is_missing() {
        let raw = r#"{"resourceType":"Observation","id":"1",  "valueQuantity":{"value":7.10}}"#;
        let text = bundle(&gathered(vec![raw.to_owned()]), "2026-11-30T12:00:00.000Z");
        assert!(text.contains(raw));
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read["entry"][0]["fullUrl"],
            "https://minato.example/fhir/Observation/1"
        );
        assert_eq!(
            read["entry"][1]["resource"]["issue"][0]["code"],
            "incomplete"
        );
        assert!(read["entry"][1].get("fullUrl").is_none());
    }

    #[test]
    fn a_name_is_no_formula_in_a_table() {
        for (field, written) in [
            ("=1+1", r#""'=1+1""#),
            ("@SUM(A1)", r#""'@SUM(A1)""#),
            ("-0.5", r#""-0.5""#),
            ("a\"b", r#""a""b""#),
            ("+cmd|' /C calc'!A0", r#""'+cmd|' /C calc'!A0""#),
        ] {
            assert_eq!(cell(field), written);
        }
    }

    #[test]
    fn a_table_names_who_is_missing() {
        let raw = lab("HbA1c", "2026-11-20", 7.1).to_string();
        let heads = vec!["採取日".to_owned()];
        let missing = vec!["雪見病院: 応答なし".to_owned()];
        let today = jiff::civil::date(2026, 11, 30);
        let text = results_table(&gathered(vec![raw]), today, &heads, &missing);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "\u{feff}\"採取日\"");
        assert!(lines[1].starts_with("\"2026-11-20\",\"みなと病院\",\"HbA1c\",\"7.1\""));
        assert_eq!(lines[2], "\"雪見病院: 応答なし\"");
    }

    proptest! {
        #[test]
        fn a_field_never_leaves_its_cell(field in "\\PC{0,40}") {
            let written = cell(&field);
            let inner = &written[1..written.len() - 1];
            prop_assert!(written.starts_with('"') && written.ends_with('"'));
            prop_assert!(!inner.replace("\"\"", "").contains('"'));
        }
    }
}
