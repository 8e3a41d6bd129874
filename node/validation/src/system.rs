//! Two spellings of one system: JP Core 1.1.2 names many code and identifier systems by OID, 1.2.0
//! by URL.
//!
//! Owns the table of both. It never rewrites what a resource says: it tells whether two names mean
//! the same.

/// Each OID (without `urn:oid:`) with the URL that means the same system.
///
/// Several OIDs may stand for one URL; an OID stands in one row only.
///
/// Source: NamingSystems of JP Core 1.2.0; facts on JP Core, section 3.2 (code systems) and 3.1
/// (identifiers). The URLs that NamingSystems of 1.1.2 had for these OIDs are left out: neither its
/// profiles nor its examples use them.
pub const SAME: &[(&str, &str)] = &[
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
    // As 1.1.2 has it.
    (
        "1.2.392.200250.2.2.20",
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
        "2.16.840.1.113883.3.1937.777.10.5.162",
        "http://jpfhir.jp/fhir/core/CodeSystem/route-codes",
    ),
    (
        "1.2.392.200270.4.1000.1",
        "http://jpfhir.jp/fhir/core/CodeSystem/JP_EndoscopyTerminologyCodesJED_CS",
    ),
    (
        "1.2.392.100495.10.3.100.5.11.5.2",
        "http://jpfhir.jp/fhir/core/CodeSystem/JP_Microbiology_AntiMicrobialDrug_CS",
    ),
    (
        "1.2.392.100495.10.3.100.5.27.6.1",
        "http://jpfhir.jp/fhir/core/CodeSystem/JP_Microbiology_InfectiousAgent_CS",
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
        "1.2.392.100495.20.3.31",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber",
    ),
    // JP Core names these two by their extensions. The branch number has a URL and no OID: were it
    // one system with the number, a family's number would pass for a person's.
    (
        "1.2.392.100495.20.3.62",
        "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_InsuredPersonSymbol",
    ),
    (
        "1.2.392.100495.20.3.63",
        "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_InsuredPersonNumber",
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

/// The URL that means the same as this system, or the system itself if no other name is known.
pub fn canonical(system: &str) -> &str {
    let Some(oid) = system.strip_prefix("urn:oid:") else {
        return system;
    };
    SAME.iter()
        .find(|(known, _)| *known == oid)
        .map_or(system, |(_, url)| url)
}

/// Whether both names mean one system.
pub fn same(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_system() {
        let url = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
        assert!(same("urn:oid:1.2.392.200119.4.504", url));
        assert!(same(url, "urn:oid:1.2.392.200119.4.504"));
        assert!(!same("urn:oid:1.2.392.200119.4.804", url));
        assert_eq!(canonical("urn:oid:1.2.3"), "urn:oid:1.2.3");
    }

    #[test]
    fn an_insured_persons_number_is_no_branch_number() {
        let number = "urn:oid:1.2.392.100495.20.3.63";
        let branch = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsuredPersonSubnumber";
        assert!(!same(number, branch));
        assert!(!same(number, "urn:oid:1.2.392.100495.20.3.62"));
    }

    #[test]
    fn no_oid_stands_for_two_systems() {
        for (row, (oid, url)) in SAME.iter().enumerate() {
            assert!(!url.starts_with("urn:oid:"), "{url}");
            let rest = SAME.iter().skip(row + 1);
            assert_eq!(rest.filter(|(other, _)| other == oid).count(), 0, "{oid}");
        }
    }
}
