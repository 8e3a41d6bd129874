//! Where a parameter's values stand in a resource: FHIR R4's pages, written down by hand.

use serde_json::Value;

const JP: &str = "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/";
const SPELLING: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

/// Type, parameter, paths with bars between. `*` is every type. A step in brackets wants one of
/// the elements: an extension's name after `=`, `use`, `system`, or the spelling of a name.
const PATHS: &[(&str, &str, &str)] = &[
    ("*", "identifier", "identifier"),
    ("*", "status", "status"),
    ("Patient", "name", "name"),
    ("Patient", "family", "name.family"),
    ("Patient", "given", "name.given"),
    ("Patient", "birthdate", "birthDate"),
    ("Patient", "gender", "gender"),
    ("Patient", "phone", "telecom.[system=phone]"),
    ("Patient", "address-postalcode", "address.postalCode"),
    (
        "Patient",
        "jp-kana-sort",
        "name.[spelling=SYL].[use=usual].text",
    ),
    ("Coverage", "beneficiary", "beneficiary"),
    ("Coverage", "class-type", "class.type"),
    ("Coverage", "class-value", "class.value"),
    ("Coverage", "dependent", "dependent"),
    ("Coverage", "patient", "beneficiary"),
    ("Coverage", "payor", "payor"),
    ("Coverage", "policy-holder", "policyHolder"),
    ("Coverage", "subscriber", "subscriber"),
    ("Coverage", "type", "type"),
    (
        "Coverage",
        "jp-insured-personnumber",
        "extension.[url=JP_Coverage_InsuredPersonNumber].valueString",
    ),
    (
        "Coverage",
        "jp-insured-personsubnumber",
        "extension.[url=JP_Coverage_InsuredPersonSubNumber].valueString",
    ),
    (
        "Coverage",
        "jp-insured-personsymbol",
        "extension.[url=JP_Coverage_InsuredPersonSymbol].valueString",
    ),
    ("Encounter", "patient", "subject"),
    ("Encounter", "class", "class"),
    ("Encounter", "date", "period"),
    ("Encounter", "type", "type"),
    ("Location", "name", "name|alias"),
    ("Location", "address", "address"),
    ("Location", "address-city", "address.city"),
    ("Location", "address-state", "address.state"),
    ("Location", "address-postalcode", "address.postalCode"),
    ("Organization", "name", "name|alias"),
    ("Organization", "address", "address"),
    (
        "Organization",
        "jp-insurance-organizationcategory",
        "extension.[url=JP_Organization_InsuranceOrganizationCategory].valueCoding",
    ),
    (
        "Organization",
        "jp-insurance-organizationno",
        "extension.[url=JP_Organization_InsuranceOrganizationNo].valueIdentifier",
    ),
    (
        "Organization",
        "jp-prefectureno",
        "extension.[url=JP_Organization_PrefectureNo].valueCoding",
    ),
    ("Practitioner", "name", "name"),
    ("PractitionerRole", "specialty", "specialty"),
    ("PractitionerRole", "practitioner", "practitioner"),
    ("MedicationRequest", "patient", "subject"),
    ("MedicationRequest", "authoredon", "authoredOn"),
    (
        "MedicationRequest",
        "date",
        "dosageInstruction.timing.event",
    ),
    ("MedicationRequest", "category", "category"),
    ("MedicationRequest", "code", "medicationCodeableConcept"),
    ("MedicationRequest", "requester", "requester"),
    (
        "MedicationRequest",
        "jp-medication-start",
        "dosageInstruction.extension.[url=JP_MedicationDosage_PeriodOfUse].valuePeriod.start",
    ),
    ("MedicationDispense", "patient", "subject"),
    ("MedicationDispense", "whenhandedover", "whenHandedOver"),
    ("MedicationDispense", "whenprepared", "whenPrepared"),
    ("MedicationDispense", "code", "medicationCodeableConcept"),
    ("MedicationDispense", "performer", "performer.actor"),
    ("MedicationDispense", "context", "context"),
    ("MedicationAdministration", "patient", "subject"),
    (
        "MedicationAdministration",
        "effective-time",
        "effectiveDateTime|effectivePeriod",
    ),
    (
        "MedicationAdministration",
        "code",
        "medicationCodeableConcept",
    ),
    ("MedicationAdministration", "performer", "performer.actor"),
    ("MedicationAdministration", "request", "request"),
    ("Immunization", "patient", "patient"),
    ("Immunization", "date", "occurrenceDateTime"),
    ("Immunization", "lot-number", "lotNumber"),
    ("Observation", "patient", "subject"),
    ("Observation", "category", "category"),
    ("Observation", "code", "code"),
    (
        "Observation",
        "date",
        "effectiveDateTime|effectivePeriod|effectiveTiming|effectiveInstant",
    ),
    ("Observation", "encounter", "encounter"),
    ("Observation", "value-quantity", "valueQuantity"),
    ("Observation", "value-concept", "valueCodeableConcept"),
    (
        "Observation",
        "value-string",
        "valueString|valueCodeableConcept.text",
    ),
    ("Observation", "based-on", "basedOn"),
    (
        "Observation",
        "code-value-concept",
        "code&valueCodeableConcept",
    ),
    ("ImagingStudy", "patient", "subject"),
    ("ImagingStudy", "modality", "series.modality"),
    ("ImagingStudy", "bodysite", "series.bodySite"),
    ("ImagingStudy", "started", "started"),
    ("ImagingStudy", "encounter", "encounter"),
    ("DiagnosticReport", "based-on", "basedOn"),
    ("DiagnosticReport", "category", "category"),
    ("DiagnosticReport", "code", "code"),
    ("DiagnosticReport", "conclusion", "conclusionCode"),
    (
        "DiagnosticReport",
        "date",
        "effectiveDateTime|effectivePeriod",
    ),
    ("DiagnosticReport", "encounter", "encounter"),
    ("DiagnosticReport", "issued", "issued"),
    ("DiagnosticReport", "media", "media.link"),
    ("DiagnosticReport", "patient", "subject"),
    ("DiagnosticReport", "performer", "performer"),
    ("DiagnosticReport", "result", "result"),
    (
        "DiagnosticReport",
        "results-interpreter",
        "resultsInterpreter",
    ),
    ("DiagnosticReport", "specimen", "specimen"),
    ("AllergyIntolerance", "patient", "patient"),
    ("AllergyIntolerance", "clinical-status", "clinicalStatus"),
    ("AllergyIntolerance", "date", "recordedDate"),
    ("AllergyIntolerance", "category", "category"),
    (
        "AllergyIntolerance",
        "verification-status",
        "verificationStatus",
    ),
    ("AllergyIntolerance", "criticality", "criticality"),
    ("AllergyIntolerance", "type", "type"),
    ("Condition", "patient", "subject"),
    ("Condition", "clinical-status", "clinicalStatus"),
    ("Condition", "onset-date", "onsetDateTime|onsetPeriod"),
    ("Condition", "category", "category"),
    ("Condition", "verification-status", "verificationStatus"),
    ("Procedure", "patient", "subject"),
    ("Procedure", "date", "performedDateTime|performedPeriod"),
    ("FamilyMemberHistory", "patient", "patient"),
    ("FamilyMemberHistory", "relationship", "relationship"),
    ("Media", "patient", "subject"),
    ("Media", "modality", "modality"),
    ("Media", "created", "createdDateTime|createdPeriod"),
];

/// The path of a parameter.
pub(super) fn path(kind: &str, code: &str) -> &'static str {
    let own = PATHS
        .iter()
        .find(|(of, name, _)| (*of == kind || *of == "*") && *name == code);
    let (_, _, path) = own.unwrap_or_else(|| panic!("no path for {kind}?{code}"));
    path
}

/// The elements at a path with bars between its alternatives.
pub(super) fn elements<'v>(resource: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    for path in path.split('|') {
        let mut at = vec![resource];
        for step in path.split('.') {
            at = at.into_iter().flat_map(|one| taken(one, step)).collect();
        }
        found.extend(at);
    }
    found
}

fn taken<'v>(value: &'v Value, step: &str) -> Vec<&'v Value> {
    let wanted = step
        .strip_prefix('[')
        .and_then(|step| step.strip_suffix(']'));
    if let Some((name, wanted)) = wanted.map(|test| test.split_once('=').unwrap()) {
        let is_so = match name {
            "url" => value["url"] == format!("{JP}{wanted}"),
            "spelling" => elements(value, "extension")
                .iter()
                .any(|one| one["url"] == SPELLING && one["valueCode"] == wanted),
            name => value[name] == wanted,
        };
        return is_so.then_some(value).into_iter().collect();
    }
    match value.get(step) {
        Some(Value::Array(items)) => items.iter().collect(),
        one => one.into_iter().collect(),
    }
}
