//! Code systems: the table names of HL7 v2 and SS-MIX2 as the URLs of JP Core 1.2.0.
//!
//! A name that has no URL keeps itself, so that nothing is lost and nothing collides:
//! - `urn:musubi:ssmix2:<table>` for a table that is the same everywhere (`JANIS`),
//! - `urn:musubi:ssmix2:<institution>:<table>` for one of this hospital (`99…`, `L…`).
//!
//! No code is ever changed or looked up: what ships here are names, not lists.
//!
//! Source: facts section 3.2; JAMI's ConceptMaps.

use std::fmt::Write as _;

use crate::institution::Institution;

pub(crate) const DEPARTMENT: &str = "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment";
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
pub(crate) const MERIT9_UNIT: &str =
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code";
pub(crate) const ICD10_2013: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
pub(crate) const ICD10_2003: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2003-full";
pub(crate) const DISEASE_NUMBER: &str = "http://medis.or.jp/CodeSystem/master-disease-keyNumber";
pub(crate) const DISEASE_EXCHANGE: &str = "http://medis.or.jp/CodeSystem/master-disease-exCode";
pub(crate) const MODIFIER_NUMBER: &str =
    "http://medis.or.jp/CodeSystem/master-disease-modKeyNumber";
pub(crate) const MODIFIER_EXCHANGE: &str = "http://medis.or.jp/CodeSystem/master-disease-modExCode";
pub(crate) const OUTCOME: &str = "http://jpfhir.jp/fhir/core/CodeSystem/HL70241";
pub(crate) const RP_NUMBER: &str =
    "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber";
pub(crate) const ORDER_IN_RP: &str =
    "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex";
pub(crate) const RESOURCE_INSTANCE: &str =
    "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier";
const USAGE: &str = "http://jami.jp/CodeSystem/MedicationUsage";
pub(crate) const USAGE_ADDITIONAL: &str = "http://jami.jp/CodeSystem/MedicationUsageAdditional";
const METHOD: &str = "http://jami.jp/CodeSystem/MedicationMethodBasicUsage";
const METHOD_DETAIL: &str = "http://jami.jp/CodeSystem/MedicationMethodDetailUsage";
const SITE: &str = "http://jami.jp/CodeSystem/MedicationBodySiteExternal";
const STRENGTH_TYPE: &str =
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationIngredientStrengthStrengthType";

/// What a code stands for, where the table's name alone does not tell.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Anywhere that the name tells.
    Plain,
    /// `MR9P` names all of MERIT-9; here it is the category of a prescription.
    PrescriptionCategory,
    /// JAMI's usage tables by what they say.
    BodySite,
    /// As above.
    Method,
}

/// The system of a coding: `table` is its third component, `code` its first.
pub(crate) fn system(
    table: &str,
    code: &str,
    place: Place,
    institution: &Institution,
) -> Option<String> {
    let upper = table.to_ascii_uppercase();
    let known = match upper.as_str() {
        "" => return None,
        "JC10" | "JLAC10" => "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
        "MDCDX2" => DISEASE_NUMBER,
        "I10" | "ICD10" => ICD10_2003,
        "HOT7" => "http://medis.or.jp/CodeSystem/master-HOT7",
        "HOT9" => "http://medis.or.jp/CodeSystem/master-HOT9",
        "HOT13" => "http://medis.or.jp/CodeSystem/master-HOT13",
        "HOT" if code.len() == 7 => "http://medis.or.jp/CodeSystem/master-HOT7",
        "HOT" if code.len() == 13 => "http://medis.or.jp/CodeSystem/master-HOT13",
        "HOT" => "http://medis.or.jp/CodeSystem/master-HOT9",
        "YJ" => "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code",
        "MR9P" if place == Place::PrescriptionCategory => {
            "http://jpfhir.jp/fhir/core/CodeSystem/JP_MedicationCategoryMERIT9_CS"
        }
        "MR9P" => MERIT9_UNIT,
        "JAMISDP01" | "JAMI" => jami(code, place),
        "HL70162" => "http://jpfhir.jp/fhir/core/CodeSystem/route-codes",
        "HL70069" => DEPARTMENT,
        "HL70241" => OUTCOME,
        "J-FAGY" | "JFAGY" => allergen(code),
        "ISO+" | "UCUM" => UCUM,
        "LN" | "LOINC" => "http://loinc.org",
        other => return Some(constructed(other, table, institution)),
    };
    Some(known.to_owned())
}

fn jami(code: &str, place: Place) -> &'static str {
    match (place, code.len()) {
        (Place::BodySite, _) => SITE,
        (Place::Method, 1) => METHOD,
        (Place::Method, _) => METHOD_DETAIL,
        (_, 8) => USAGE_ADDITIONAL,
        _ => USAGE,
    }
}

/// The third sign of a J-FAGY code says what kind of allergen it is.
fn allergen(code: &str) -> &'static str {
    match code.get(2..3) {
        Some("F") => "http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyFoodAllergen_CS",
        Some("N") => {
            "http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyNonFoodNonMedicationAllergen_CS"
        }
        _ => "http://jpfhir.jp/fhir/core/CodeSystem/JP_JfagyMedicationAllergen_CS",
    }
}

fn constructed(upper: &str, table: &str, institution: &Institution) -> String {
    let number = upper
        .strip_prefix("HL7")
        .filter(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(number) = number {
        return format!("http://terminology.hl7.org/CodeSystem/v2-{number}");
    }
    if upper.starts_with("JHS") && upper.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return format!("http://jpfhir.jp/fhir/core/CodeSystem/{upper}");
    }
    let name = in_a_urn(table);
    if upper.starts_with("99") || upper.starts_with('L') {
        institution.local_system(&name)
    } else {
        format!("urn:musubi:ssmix2:{name}")
    }
}

fn in_a_urn(name: &str) -> String {
    let mut spelled = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+') {
            spelled.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(spelled, "%{byte:02X}");
        }
    }
    spelled
}

/// The coding 製剤量: the dose is stated as an amount of the product.
pub(crate) const STRENGTH_OF_PRODUCT: (&str, &str, &str) = (STRENGTH_TYPE, "1", "製剤量");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn of(table: &str, code: &str, place: Place) -> Option<String> {
        system(table, code, place, &"0110000001".parse().unwrap())
    }

    #[test]
    fn national_tables_have_the_urls_of_jp_core() {
        for (table, code, end) in [
            ("JC10", "3D046000001906202", "master-JLAC10-17digits"),
            ("HOT9", "100000001", "master-HOT9"),
            ("JAMISDP01", "1011040000000000", "MedicationUsage"),
            ("JAMISDP01", "I1100000", "MedicationUsageAdditional"),
            ("HL70162", "PO", "core/CodeSystem/route-codes"),
            ("HL70482", "I", "terminology.hl7.org/CodeSystem/v2-0482"),
            ("JHSD0001", "C0", "core/CodeSystem/JHSD0001"),
            ("J-FAGY", "J9FC12000000", "JP_JfagyFoodAllergen_CS"),
        ] {
            let found = of(table, code, Place::Plain).unwrap();
            assert!(found.ends_with(end), "{table}: {found}");
        }
        assert_eq!(of("MR9P", "TAB", Place::Plain).unwrap(), MERIT9_UNIT);
        assert!(
            of("MR9P", "OHP", Place::PrescriptionCategory)
                .unwrap()
                .ends_with("MERIT9_CS")
        );
        assert_eq!(of("JAMI", "10", Place::Method).unwrap(), METHOD_DETAIL);
    }

    #[test]
    fn local_tables_carry_the_hospitals_number() {
        assert_eq!(
            of("99XYZ", "1", Place::Plain).unwrap(),
            "urn:musubi:ssmix2:0110000001:99XYZ"
        );
        assert_eq!(
            of("JANIS", "1", Place::Plain).unwrap(),
            "urn:musubi:ssmix2:JANIS"
        );
        let local = of("99 独自", "1", Place::Plain).unwrap();
        assert_eq!(
            local,
            "urn:musubi:ssmix2:0110000001:99%20%E7%8B%AC%E8%87%AA"
        );
        assert_eq!(of("", "1", Place::Plain), None);
    }
}
