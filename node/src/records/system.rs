//! One name for each code system: JP Core 1.1.2 spells many as OIDs, 1.2.0 as URLs.
//!
//! Used for the index and for the query, never for what is stored.

use sha2::{Digest, Sha256};

/// OID (without `urn:oid:`) and the URL that means the same.
///
/// Source: facts on JP Core, section 3.2 (code systems) and 3.1 (identifiers).
const SAME: &[(&str, &str)] = &[
    (
        "1.2.392.200119.4.504",
        "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
    ),
    (
        "1.2.392.200119.4.804",
        "http://medis.or.jp/CodeSystem/master-nursingObservationKeyCode",
    ),
    (
        "1.2.392.200119.4.101.2",
        "http://medis.or.jp/CodeSystem/master-disease-keyNumber",
    ),
    (
        "1.2.392.200119.4.101.6",
        "http://medis.or.jp/CodeSystem/master-disease-exCode",
    ),
    (
        "1.2.392.200119.4.201.2",
        "http://medis.or.jp/CodeSystem/master-disease-modKeyNumber",
    ),
    (
        "1.2.392.200119.4.201.5",
        "http://medis.or.jp/CodeSystem/master-disease-modExCode",
    ),
    (
        "1.2.392.200119.4.403.2",
        "http://medis.or.jp/CodeSystem/master-HOT7",
    ),
    (
        "1.2.392.200119.4.403.1",
        "http://medis.or.jp/CodeSystem/master-HOT9",
    ),
    (
        "1.2.392.100495.20.2.74",
        "http://medis.or.jp/CodeSystem/master-HOT9",
    ),
    (
        "1.2.392.200119.4.402.1",
        "http://medis.or.jp/CodeSystem/master-HOT13",
    ),
    (
        "1.2.392.100495.20.2.73",
        "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code",
    ),
    (
        "1.2.392.100495.20.1.73",
        "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code",
    ),
    (
        "1.2.392.100495.20.2.81",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode",
    ),
    (
        "1.2.392.100495.20.1.81",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode",
    ),
    (
        "1.2.392.200250.2.2.20.20",
        "http://jami.jp/CodeSystem/MedicationUsage",
    ),
    (
        "1.2.392.200250.2.2.20.22",
        "http://jami.jp/CodeSystem/MedicationUsageAdditional",
    ),
    (
        "1.2.392.200250.2.2.20.30",
        "http://jami.jp/CodeSystem/MedicationMethodBasicUsage",
    ),
    (
        "1.2.392.200250.2.2.20.40",
        "http://jami.jp/CodeSystem/MedicationMethodDetailUsage",
    ),
    (
        "1.2.392.200250.2.2.20.32",
        "http://jami.jp/CodeSystem/MedicationBodySiteExternal",
    ),
    (
        "1.2.392.100495.20.2.34",
        "http://jpfhir.jp/fhir/core/CodeSystem/route-codes",
    ),
    (
        "1.2.392.100495.20.2.101",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code",
    ),
    (
        "1.2.392.100495.20.2.22",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationIngredientStrengthStrengthType",
    ),
    (
        "1.2.392.100495.20.2.41",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationSubstitutionProhibittedCategory",
    ),
    (
        "1.2.392.200250.2.2.2",
        "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment",
    ),
    (
        "1.2.392.100495.20.3.21",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/PrefectureNo-2digits",
    ),
    (
        "1.2.392.100495.20.3.22",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationFeeScoreType",
    ),
    (
        "1.2.392.100495.20.2.62",
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/InsuredPersonCategory",
    ),
    (
        "1.2.392.100495.20.3.23",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicalOrganizationID",
    ),
    (
        "1.2.392.100495.20.3.61",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsurerNumber",
    ),
    (
        "1.2.392.100495.20.3.63",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsuredPersonSubnumber",
    ),
    (
        "1.2.392.100495.20.3.81",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber",
    ),
    (
        "1.2.392.100495.20.3.82",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex",
    ),
    ("2.16.840.1.113883.6.1", "http://loinc.org"),
    ("2.16.840.1.113883.6.96", "http://snomed.info/sct"),
];

/// The spelling of this system that the index uses.
pub(super) fn canonical(system: &str) -> &str {
    let Some(oid) = system.strip_prefix("urn:oid:") else {
        return system;
    };
    SAME.iter()
        .find(|(known, _)| *known == oid)
        .map_or(system, |(_, url)| url)
}

/// 64 bits that stand for `system|code` in the index.
pub(super) fn hash_coded(system: &str, code: &str) -> i64 {
    hash(&[b"s", canonical(system).as_bytes(), code.as_bytes()])
}

/// 64 bits that stand for `code` in whatever system.
pub(super) fn hash_code(code: &str) -> i64 {
    hash(&[b"c", code.as_bytes()])
}

/// 64 bits of SHA-256 over the parts and their lengths.
pub(super) fn hash(parts: &[&[u8]]) -> i64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    digest
        .first_chunk::<8>()
        .map_or(0, |first| i64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_system() {
        assert_eq!(
            hash_coded("urn:oid:1.2.392.200119.4.504", "3D0460000"),
            hash_coded(
                "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
                "3D0460000"
            ),
        );
        assert_eq!(canonical("urn:oid:1.2.3"), "urn:oid:1.2.3");
        assert_ne!(hash_coded("a", "b"), hash_coded("a", "c"));
        assert_ne!(hash_coded("", "b"), hash_code("b"));
        assert_ne!(hash(&[b"a", b"bc"]), hash(&[b"ab", b"c"]));
    }
}
