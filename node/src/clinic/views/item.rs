//! Which readings are of one item: by code where there is one, by name where there is none.

use federation_protocol::base64url;
use federation_protocol::digest::sha256;
use serde_json::Value;

use super::fhir::{codings, folded, said, text};

/// JLAC10: five places of analyte, four of identification, three of material; then method and kind
/// of result, which differ from laboratory to laboratory.
const SAME_ANALYTE: usize = 12;
const METHOD: std::ops::Range<usize> = 12..15;

/// What was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The same for readings that stand in one row.
    pub key: String,
    /// The method of a JLAC10 code.
    pub method: Option<String>,
    /// The group of a JLAC10 code: its first digit.
    pub group: Option<char>,
    /// Its name.
    pub name: String,
}

impl Item {
    /// The item of an Observation, or of a component of one. `None` where it says neither code nor
    /// name.
    #[must_use]
    pub fn of(observation: &Value) -> Option<Self> {
        let code = observation.get("code")?;
        let name = said(code)?;
        let jlac10 = codings(code).find(|(system, code)| is_jlac10(system, code));
        if let Some((_, code)) = jlac10 {
            return Some(Self {
                key: format!("jlac10:{}", code.get(..SAME_ANALYTE)?),
                method: code.get(METHOD).map(str::to_owned),
                group: code.chars().next(),
                name,
            });
        }
        let mut each = codings(code);
        let key = match each.find(|(system, _)| !system.is_empty()) {
            Some((system, code)) => format!("{system}|{code}"),
            None => format!("text:{}", folded(&name)),
        };
        Some(Self {
            key,
            method: None,
            group: None,
            name,
        })
    }
}

fn is_jlac10(system: &str, code: &str) -> bool {
    let known = system.contains("JLAC10")
        || system.contains("CoreLabo")
        || system == "urn:oid:1.2.392.200119.4.504";
    known && code.len() >= 15 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The unit of a Quantity, as units are compared and as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Compared.
    pub key: String,
    /// Shown.
    pub text: String,
}

impl Unit {
    /// The unit of a Quantity: by its UCUM code where it has one, by its text where not.
    #[must_use]
    pub fn of(quantity: &Value) -> Self {
        let shown = text(quantity, &["unit"]).or_else(|| text(quantity, &["code"]));
        let shown = super::fhir::clean(shown.unwrap_or_default(), 24);
        let is_ucum = text(quantity, &["system"]) == Some("http://unitsofmeasure.org");
        let code = text(quantity, &["code"]).filter(|_| is_ucum);
        let key = folded(code.unwrap_or(&shown));
        Self { key, text: shown }
    }
}

/// A short name for a key that tells nothing, for addresses.
#[must_use]
pub(super) fn opaque(key: &str) -> String {
    let digest = sha256(key.as_bytes());
    base64url::encode(digest.get(..9).unwrap_or_default())
}
