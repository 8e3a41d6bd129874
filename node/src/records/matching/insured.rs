//! Insured-person identifiers, `insurer:symbol:number:branch`: compared by what they mean, whatever
//! the width of their digits; never changed where they are stored.
//!
//! Without its branch number, one names a family, not a person.
//!
//! Source: facts on JP Core, sections 3.1 and 3.3.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::records::ResourceType;
use crate::records::extract::walk;
use crate::records::system::hash;
use fhir_validation::system::canonical;

pub(super) const SYSTEM: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
const INSURER: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsurerNumber";
const EXTENSION: &str =
    "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_InsuredPerson";
const INSURER_DIGITS: usize = 8;
const BRANCH_DIGITS: usize = 2;

/// One insured-person identifier, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InsuredId {
    /// Insurer, symbol and number, which a family shares.
    family: String,
    /// Who of the family.
    branch: Option<String>,
}

/// How two identifiers stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinship {
    /// The same person.
    Same,
    /// The same family; one of the two does not say who.
    Family,
    /// The same family, another person.
    Other,
    /// Nothing in common.
    None,
}

impl InsuredId {
    /// Reads an identifier's value.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let text: String = value.nfkc().collect();
        let mut parts = text.split(':');
        let (insurer, symbol, number) = (parts.next()?, parts.next()?, parts.next()?);
        let branch = parts.next().unwrap_or_default();
        if parts.next().is_some() {
            return None;
        }
        Self::of(insurer, symbol, number, branch)
    }

    fn of(insurer: &str, symbol: &str, number: &str, branch: &str) -> Option<Self> {
        let [insurer, symbol, number, branch] = [insurer, symbol, number, branch].map(compared);
        let insurer = padded(&insurer, INSURER_DIGITS)?;
        let branch = match branch.as_str() {
            "" => None,
            digits => Some(padded(digits, BRANCH_DIGITS)?),
        };
        (!number.is_empty()).then(|| Self {
            family: format!("{insurer}:{symbol}:{number}"),
            branch,
        })
    }

    pub(super) fn kinship(&self, other: &Self) -> Kinship {
        if self.family != other.family {
            return Kinship::None;
        }
        match (&self.branch, &other.branch) {
            (Some(one), Some(other)) if one == other => Kinship::Same,
            (Some(_), Some(_)) => Kinship::Other,
            _ => Kinship::Family,
        }
    }

    /// 64 bits that stand for the family in the index.
    pub(super) fn family_hash(&self) -> i64 {
        hash(&[b"insured", self.family.as_bytes()])
    }
}

/// Every insured-person identifier of a Patient or a Coverage.
pub(super) fn insured_ids(kind: ResourceType, resource: &Value) -> Vec<InsuredId> {
    if !matches!(kind.name(), "Patient" | "Coverage") {
        return Vec::new();
    }
    let mut found: Vec<InsuredId> = identifiers(resource).map(|(id, _)| id).collect();
    found.extend(in_parts(resource));
    found
}

/// Those that stand as identifiers, each with its identifier.
pub(super) fn identifiers(resource: &Value) -> impl Iterator<Item = (InsuredId, &Value)> {
    let listed = resource.get("identifier").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|identifier| {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str);
        let ours = text("system") == Some(SYSTEM);
        let id = InsuredId::parse(text("value").filter(|_| ours)?)?;
        Some((id, identifier))
    })
}

/// The one that a Coverage says in parts: in its extensions, and as the identifier of who pays.
pub(super) fn in_parts(coverage: &Value) -> Option<InsuredId> {
    let mut insurer = None;
    walk(coverage, "payor.identifier", &mut |identifier| {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str);
        if text("system").map(canonical) == Some(INSURER) {
            insurer = insurer.or(text("value"));
        }
    });
    let part = |name: &str| {
        let url = format!("{EXTENSION}{name}");
        let mut found = None;
        walk(coverage, "extension", &mut |extension| {
            if extension.get("url").and_then(Value::as_str) == Some(url.as_str()) {
                found = found.or(extension.get("valueString").and_then(Value::as_str));
            }
        });
        found
    };
    let symbol = part("Symbol").unwrap_or_default();
    let branch = part("SubNumber").unwrap_or_default();
    InsuredId::of(insurer?, symbol, part("Number")?, branch)
}

/// One part without the differences that only its spelling makes.
fn compared(part: &str) -> String {
    let dashes = |c: char| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    };
    let folded = part.nfkc().map(dashes).flat_map(char::to_lowercase);
    folded.filter(|c| !c.is_whitespace()).collect()
}

/// Digits, filled up with zeros on the left.
fn padded(digits: &str, length: usize) -> Option<String> {
    let good =
        (1..=length).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| format!("{digits:0>length$}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::*;

    fn id(value: &str) -> InsuredId {
        InsuredId::parse(value).unwrap()
    }

    #[test]
    fn width_padding_and_spaces_make_no_difference() {
        let plain = id("01234567:あい-9:187:05");
        for same in [
            "０１２３４５６７:あい－９:１８７:０５",
            "1234567:あい‐9:187:5",
            "01234567：あい−9：１８７：05",
            "01234567: あい-9 :187:05",
        ] {
            assert_eq!(id(same), plain, "{same}");
        }
        assert_ne!(id("01234567:ｱｲ-9:187:05"), plain);
    }

    #[test]
    fn without_a_branch_it_names_the_family() {
        let (first, second) = (id("00012345::187:01"), id("00012345::187:02"));
        for family in ["00012345::１８７:", "00012345::187"] {
            assert_eq!(id(family).kinship(&first), Kinship::Family);
            assert_eq!(id(family).family_hash(), second.family_hash());
        }
        assert_eq!(first.kinship(&first), Kinship::Same);
        assert_eq!(first.kinship(&second), Kinship::Other);
        assert_eq!(first.kinship(&id("00012345:あ:187:01")), Kinship::None);
    }

    #[test]
    fn what_has_another_shape_is_none() {
        for bad in [
            "",
            "187",
            "00012345:あ",
            "00012345:あ::01",
            "123456789:あ:187:01",
            "12a:あ:187:01",
            "00012345:あ:187:0x",
            "00012345:あ:187:001",
            "00012345:あ:187:01:9",
        ] {
            assert_eq!(InsuredId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_coverage_may_say_it_in_parts() {
        let part = |name: &str, value: &str| json!({"url": format!("{EXTENSION}{name}"), "valueString": value});
        let coverage = json!({
            "resourceType": "Coverage",
            "extension": [part("Symbol", "あい"), part("Number", "１８７"), part("SubNumber", "5")],
            "payor": [{"identifier": {
                "system": "urn:oid:1.2.392.100495.20.3.61", "value": "00012345"
            }}]
        });
        let kind = ResourceType::named("Coverage").unwrap();
        assert_eq!(insured_ids(kind, &coverage), [id("00012345:あい:187:05")]);
        assert_eq!(in_parts(&json!({"resourceType": "Coverage"})), None);
    }
}
