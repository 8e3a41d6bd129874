//! Which category a resource is of: the rules and the codes that they look at.

use super::Category;

const LOINC: &[&str] = &["http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"];
const JLAC10: &[&str] = &[
    "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
    "http://medis.or.jp/CodeSystem/master-JLAC10",
    "urn:oid:1.2.392.200119.4.504",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_InfectionLabo_CS",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_CoreLabo_CS",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_InfectionLabo_CS",
];
const NURSING_OBSERVATION: &[&str] = &[
    "http://medis.or.jp/CodeSystem/master-nursingObservationKeyCode",
    "urn:oid:1.2.392.200119.4.804",
];
const BODY_MEASUREMENT: &[&str] = &[
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS",
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCategory_CS",
];
const VITAL_SIGNS: &[&str] = &[
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationVitalSignsCode_CS",
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationVitalSignsCategory_CS",
];
const MICROBIOLOGY: &[&str] = &["http://jpfhir.jp/fhir/core/CodeSystem/JP_MicrobiologyCategory_CS"];
const OBSERVATION_CATEGORY: &[&str] = &[
    "",
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS",
    "http://jpfhir.jp/fhir/observation-category",
    "http://terminology.hl7.org/CodeSystem/observation-category",
    "http://hl7.org/fhir/observation-category",
    "urn:oid:2.16.840.1.113883.4.642.1.1125",
];
const SERVICE_SECTION: &[&str] = &[
    "http://terminology.hl7.org/CodeSystem/v2-0074",
    "http://hl7.org/fhir/v2/0074",
    "urn:oid:2.16.840.1.113883.12.74",
    "urn:oid:2.16.840.1.113883.18.17",
];
const DICOM: &[&str] = &[
    "http://dicom.nema.org/resources/ontology/DCM",
    "urn:oid:1.2.840.10008.2.16.4",
];
const DOCUMENT_CODES: &[&str] = &[
    "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes",
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_DocumentCodes_CS",
];

/// LOINC answers and panels of the HL7 genomics reporting guide, and genetic reports.
const GENETIC_LOINC: &[&str] = &[
    "LP7824-8",
    "LP232697-6",
    "LP31747-6",
    "47999-8",
    "48002-0",
    "48004-6",
    "48005-3",
    "48006-1",
    "48018-6",
    "48019-4",
    "51958-7",
    "51967-8",
    "51968-6",
    "51969-4",
    "53034-5",
    "53037-8",
    "55232-3",
    "55233-1",
    "69547-8",
    "69548-6",
    "81247-9",
    "81250-3",
    "81251-1",
    "81252-9",
    "81253-7",
    "81289-1",
    "81290-9",
    "81291-7",
    "84413-4",
    "85069-3",
    "96891-7",
];
const LAB_REPORT_LOINC: &[&str] = &[
    "LP29693-6",
    "LP7819-8",
    "11502-2",
    "18725-2",
    "26436-6",
    "18717-9",
    "18719-5",
    "18723-7",
];
const IMAGING_REPORT_LOINC: &[&str] = &[
    "LP29684-5",
    "LP7796-8",
    "18748-4",
    "18751-8",
    "18782-3",
    "28014-9",
];
/// LOINC codes of vital signs and of what a telephone measures (facts, section 5).
const VITAL_LOINC: &[&str] = &[
    "85353-1", "85354-9", "8480-6", "8462-4", "8867-4", "40443-4", "80404-7", "59408-5", "2708-6",
    "8310-5", "9279-1", "55423-8", "41950-7", "29463-7", "8302-2", "39156-5", "41982-0", "41653-7",
    "105272-9", "93832-4", "3141-9", "9843-4", "8287-5", "8478-0",
];
/// HL7 table 0074 by category. Genetic sections are in [`genetic`].
const LAB_SECTIONS: &[&str] = &[
    "LAB", "HM", "CH", "MB", "MCB", "MYC", "SR", "PAT", "SP", "CP", "BG", "BLB", "IMM", "PAR",
    "TX", "VR", "OSL",
];
const IMAGING_SECTIONS: &[&str] = &[
    "RAD", "RX", "CT", "NMR", "NMS", "RUS", "OUS", "CUS", "VUS", "XRC",
];
const PROCEDURE_SECTIONS: &[&str] = &[
    "EC", "EN", "CTH", "PF", "RC", "RT", "PT", "OT", "AU", "ICU", "NRS", "PHY",
];

type Coding<'a> = (&'a str, &'a str);

pub(super) fn category(
    resource: &str,
    categories: &[Coding<'_>],
    codes: &[Coding<'_>],
) -> Category {
    let genes = categories
        .iter()
        .chain(codes)
        .any(|coding| genetic(*coding));
    match resource {
        "Observation" if genes => Category::Genomic,
        "Observation" => strongest(categories, observation_category)
            .or_else(|| strongest(codes, observation_code))
            .unwrap_or(Category::Other),
        "DiagnosticReport" if genes => Category::Genomic,
        "DiagnosticReport" => strongest(categories, report)
            .or_else(|| strongest(codes, report))
            .unwrap_or(Category::Other),
        "Specimen" => Category::Lab,
        "MedicationRequest"
        | "MedicationDispense"
        | "MedicationAdministration"
        | "MedicationStatement"
        | "Medication" => Category::Rx,
        "AllergyIntolerance" => Category::Allergy,
        "Condition" => Category::Condition,
        "Procedure" | "Immunization" => Category::Procedure,
        "ImagingStudy" | "Media" => Category::Imaging,
        "DocumentReference" | "Composition" if genes => Category::Genomic,
        "DocumentReference" | "Composition" => Category::Document,
        "MolecularSequence" => Category::Genomic,
        _ => Category::Other,
    }
}

/// Where codings disagree, the kind that fewer people share by habit decides, so that neither the
/// order of codings nor a second, milder coding opens anything.
fn strongest(codings: &[Coding<'_>], rule: fn(Coding<'_>) -> Option<Category>) -> Option<Category> {
    codings
        .iter()
        .filter_map(|coding| rule(*coding))
        .max_by_key(|category| match category {
            Category::Genomic => 9,
            Category::Other => 8,
            Category::Imaging => 7,
            Category::Lab => 6,
            Category::Procedure => 5,
            _ => 0,
        })
}

fn genetic((system, code): Coding<'_>) -> bool {
    (LOINC.contains(&system) && GENETIC_LOINC.contains(&code))
        || (SERVICE_SECTION.contains(&system) && matches!(code, "GE" | "CG"))
        // JLAC10, main group 8: chromosomes and genes.
        || (JLAC10.contains(&system) && code.starts_with('8'))
}

/// By the first category of JP Core or HL7. A known code that is none of the nine kinds is
/// `Other` at once: it must not be looked at again by its `code`.
fn observation_category((system, code): Coding<'_>) -> Option<Category> {
    if BODY_MEASUREMENT.contains(&system) || VITAL_SIGNS.contains(&system) {
        return Some(Category::Vital);
    }
    if MICROBIOLOGY.contains(&system) {
        return Some(Category::Lab);
    }
    if !OBSERVATION_CATEGORY.contains(&system) {
        return report((system, code));
    }
    match code {
        "laboratory" => Some(Category::Lab),
        "vital-signs" | "body-measurement" | "activity" => Some(Category::Vital),
        "imaging" => Some(Category::Imaging),
        "exam" | "procedure" | "therapy" => Some(Category::Procedure),
        "social-history" | "survey" | "sdoh" | "functional-status" | "disability-status"
        | "cognitive-status" => Some(Category::Other),
        _ => None,
    }
}

/// For an Observation whose category says nothing.
fn observation_code((system, code): Coding<'_>) -> Option<Category> {
    if JLAC10.contains(&system) {
        // Main group 9 is measured on the body (9A751 blood pressure, 9N001 height), 1–7 on specimens.
        let on_body = code.starts_with('9');
        return Some(if on_body {
            Category::Vital
        } else {
            Category::Lab
        });
    }
    let vital = NURSING_OBSERVATION.contains(&system)
        || BODY_MEASUREMENT.contains(&system)
        || VITAL_SIGNS.contains(&system)
        || (LOINC.contains(&system) && VITAL_LOINC.contains(&code));
    vital.then_some(Category::Vital)
}

fn report((system, code): Coding<'_>) -> Option<Category> {
    if LOINC.contains(&system) || DOCUMENT_CODES.contains(&system) {
        let lab = LAB_REPORT_LOINC.contains(&code).then_some(Category::Lab);
        return lab.or_else(|| {
            IMAGING_REPORT_LOINC
                .contains(&code)
                .then_some(Category::Imaging)
        });
    }
    if DICOM.contains(&system) {
        return Some(Category::Imaging);
    }
    if !SERVICE_SECTION.contains(&system) {
        return None;
    }
    match code {
        _ if LAB_SECTIONS.contains(&code) => Some(Category::Lab),
        _ if IMAGING_SECTIONS.contains(&code) => Some(Category::Imaging),
        _ if PROCEDURE_SECTIONS.contains(&code) => Some(Category::Procedure),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Category::*;

    const SIMPLE: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
    const JLAC10_OID: &str = "urn:oid:1.2.392.200119.4.504";

    fn observation(category: &str) -> Category {
        Category::of("Observation", &[(SIMPLE, category)], &[])
    }

    #[test]
    fn jp_core_observations_have_their_kind() {
        assert_eq!(observation("laboratory"), Lab);
        assert_eq!(observation("vital-signs"), Vital);
        assert_eq!(observation("body-measurement"), Vital);
        assert_eq!(observation("activity"), Vital);
        assert_eq!(observation("exam"), Procedure);
        assert_eq!(observation("imaging"), Imaging);
        assert_eq!(observation("social-history"), Other);
        assert_eq!(observation("survey"), Other);
        assert_eq!(observation("no-such"), Other);
    }

    #[test]
    fn a_social_history_is_not_let_out_by_its_code() {
        let codes = [("http://loinc.org", "8480-6")];
        assert_eq!(
            Category::of("Observation", &[(SIMPLE, "social-history")], &codes),
            Other
        );
    }

    #[test]
    fn an_uncategorised_observation_is_known_by_its_code_in_either_spelling() {
        let of = |system, code| Category::of("Observation", &[], &[(system, code)]);
        let url = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
        for system in [JLAC10_OID, url] {
            assert_eq!(of(system, "3D046000001906202"), Lab);
            assert_eq!(of(system, "9A751000000000001"), Vital);
            assert_eq!(of(system, "8C010000001906202"), Genomic);
        }
        assert_eq!(of("urn:oid:1.2.392.200119.4.804", "31001369"), Vital);
        assert_eq!(of("http://loinc.org", "85354-9"), Vital);
        assert_eq!(of("http://example.jp/local", "1"), Other);
    }

    #[test]
    fn reports_are_told_apart_by_their_section() {
        let of = |system, code| Category::of("DiagnosticReport", &[(system, code)], &[]);
        assert_eq!(of("http://loinc.org", "LP29693-6"), Lab);
        assert_eq!(of("http://loinc.org", "LP7819-8"), Lab);
        assert_eq!(of("http://loinc.org", "LP29684-5"), Imaging);
        assert_eq!(of("http://loinc.org", "LP7796-8"), Imaging);
        assert_eq!(
            of("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"),
            Lab
        );
        assert_eq!(
            of("http://terminology.hl7.org/CodeSystem/v2-0074", "GE"),
            Genomic
        );
        assert_eq!(of("http://loinc.org", "LP31759-1"), Other);
    }

    #[test]
    fn a_genetic_code_decides_over_a_laboratory_category_in_any_order() {
        let genes = ("http://loinc.org", "51969-4");
        assert_eq!(
            Category::of("Observation", &[(SIMPLE, "laboratory")], &[genes]),
            Genomic
        );
        assert_eq!(
            Category::of(
                "DiagnosticReport",
                &[genes, ("http://loinc.org", "LP29693-6")],
                &[]
            ),
            Genomic
        );
    }

    #[test]
    fn administrative_and_unknown_types_never_leave() {
        for resource in [
            "Patient",
            "Encounter",
            "Coverage",
            "Consent",
            "FamilyMemberHistory",
            "Bundle",
            "",
        ] {
            assert_eq!(
                Category::of(resource, &[("http://loinc.org", "LP29693-6")], &[]),
                Other
            );
        }
    }

    #[test]
    fn the_order_of_codings_changes_nothing() {
        let codings = [
            (SIMPLE, "vital-signs"),
            (SIMPLE, "laboratory"),
            (SIMPLE, "survey"),
        ];
        let reversed: Vec<_> = codings.into_iter().rev().collect();
        assert_eq!(
            Category::of("Observation", &codings, &[]),
            Category::of("Observation", &reversed, &[])
        );
    }
}
