//! Every resource is JP Core 1.2.0's, and refers only to what was written before it.

use std::collections::{BTreeMap, BTreeSet};

use fhir_validation::{Definitions, Issue, validate};
use serde_json::Value;

use crate::{lines, resources, town, word};

#[test]
fn every_resource_has_a_type_a_profile_and_an_id_of_its_own() {
    let town = town(150);
    let mut seen = BTreeSet::new();
    for hospital in 1..=3 {
        for resource in resources(&town, hospital) {
            let kind = word(&resource, "/resourceType").to_owned();
            let id = word(&resource, "/id").to_owned();
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
            assert!(id.len() <= 64 && id.chars().all(allowed), "{id}");
            let profile = word(&resource, "/meta/profile/0");
            let base = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_";
            let named = profile.strip_prefix(base).expect(profile);
            assert!(named.starts_with(&kind), "{profile} on a {kind}");
            assert!(seen.insert((kind, id)), "twice: {resource}");
        }
    }
}

#[test]
fn the_validator_finds_nothing_to_say() {
    let (town, definitions) = (town(40), Definitions::shipped());
    let mut said = BTreeSet::new();
    for hospital in 1..=3 {
        for mut resource in resources(&town, hospital) {
            for claim in resource["meta"]["profile"].as_array_mut().unwrap() {
                *claim = format!("{}|1.2.0", claim.as_str().unwrap()).into();
            }
            let issues = validate(&definitions, &resource);
            said.extend(issues.iter().map(Issue::to_string));
        }
    }
    assert_eq!(said, BTreeSet::new());
}

/// What JP Core and FHIR R4 ask for by name, and no system of JP Core 1.1.
#[test]
fn what_is_mandatory_is_there() {
    let mandatory: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("JP_Patient", ["/identifier/0/value"].as_slice()),
        ("JP_Organization", &["/name"]),
        ("JP_Practitioner", &["/name/0/text"]),
        ("JP_PractitionerRole", &["/practitioner/reference"]),
        (
            "JP_Coverage",
            &[
                "/status",
                "/beneficiary/reference",
                "/payor/0/reference",
                "/identifier/0/value",
            ],
        ),
        (
            "JP_Encounter",
            &["/status", "/class/code", "/serviceType/coding/0/code"],
        ),
        (
            "JP_Condition",
            &["/subject/reference", "/clinicalStatus/coding/0/code"],
        ),
        ("JP_AllergyIntolerance", &["/patient/reference"]),
        (
            "JP_Immunization",
            &[
                "/status",
                "/vaccineCode/text",
                "/patient/reference",
                "/occurrenceDateTime",
            ],
        ),
        ("JP_Procedure", &["/status", "/subject/reference"]),
        (
            "JP_FamilyMemberHistory",
            &[
                "/status",
                "/patient/reference",
                "/relationship/coding/0/code",
            ],
        ),
        ("JP_Specimen_Common", &["/subject/reference"]),
        (
            "JP_Observation_LabResult",
            &[
                "/status",
                "/category/0/coding/0/code",
                "/code/coding/0/code",
                "/code/text",
                "/subject/reference",
                "/effectiveDateTime",
                "/specimen/reference",
            ],
        ),
        (
            "JP_Observation_VitalSigns",
            &[
                "/status",
                "/category/0/coding/0/code",
                "/code/text",
                "/subject/reference",
            ],
        ),
        (
            "JP_Observation_BodyMeasurement",
            &[
                "/status",
                "/category/0/coding/0/code",
                "/code/text",
                "/subject/reference",
            ],
        ),
        (
            "JP_Observation_SocialHistory",
            &[
                "/status",
                "/category/0/coding/0/code",
                "/code/text",
                "/subject/reference",
            ],
        ),
        (
            "JP_DiagnosticReport_LabResult",
            &[
                "/status",
                "/category/0/coding/0/code",
                "/code/coding/0/code",
                "/result/0/reference",
            ],
        ),
        (
            "JP_MedicationRequest",
            &[
                "/status",
                "/intent",
                "/medicationCodeableConcept/text",
                "/subject/reference",
                "/authoredOn",
                "/dosageInstruction/0/doseAndRate/0/doseQuantity/code",
                "/dispenseRequest/quantity/code",
            ],
        ),
    ]);
    let town = town(250);
    let mut met = BTreeSet::new();
    for hospital in 1..=3 {
        for resource in resources(&town, hospital) {
            let profile = word(&resource, "/meta/profile/0")
                .rsplit('/')
                .next()
                .unwrap();
            let (profile, elements) = mandatory
                .get_key_value(profile)
                .unwrap_or_else(|| panic!("a profile that this test does not know: {profile}"));
            for element in *elements {
                assert!(!word(&resource, element).is_empty());
            }
            assert!(!resource.to_string().contains("urn:oid:1.2.392.200119"));
            met.insert(*profile);
        }
    }
    assert_eq!(met, mandatory.keys().copied().collect());
}

#[test]
fn each_line_of_a_prescription_has_a_place_of_its_own() {
    let town = town(60);
    let mut places = BTreeSet::new();
    for resource in resources(&town, 1) {
        if resource["resourceType"] != "MedicationRequest" {
            continue;
        }
        let number = |name: &str| {
            let identifiers = resource["identifier"].as_array().unwrap();
            let mut found = identifiers
                .iter()
                .filter(|identifier| word(identifier, "/system").ends_with(name));
            let value = word(found.next().expect(name), "/value").to_owned();
            assert!(found.next().is_none(), "{name} twice");
            value.parse::<u32>().unwrap()
        };
        let place = (
            word(&resource, "/encounter/reference").to_owned(),
            number("/Medication-RPGroupNumber"),
            number("/MedicationAdministrationIndex"),
        );
        assert!(places.insert(place), "twice: {resource}");
    }
    assert!(places.iter().any(|(_, group, _)| *group > 1));
    assert!(places.iter().any(|(_, _, order)| *order > 1));
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("reference", Value::String(reference)) => found.push(reference.clone()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_is_to_something_earlier_in_the_stream() {
    let town = town(150);
    for hospital in 1..=3 {
        let mut seen = BTreeSet::new();
        for resource in resources(&town, hospital) {
            let mut found = Vec::new();
            references(&resource, &mut found);
            for reference in found {
                assert!(seen.contains(&reference), "{reference} of {resource}");
            }
            seen.insert(format!(
                "{}/{}",
                word(&resource, "/resourceType"),
                word(&resource, "/id")
            ));
        }
    }
}

#[test]
fn institutions_are_of_hokkaido_and_names_are_written_twice() {
    let town = town(30);
    for hospital in 1..=3 {
        let house = town.house(hospital).unwrap();
        assert!(house.institution.starts_with("011") && house.institution.len() == 10);
        for chart in town.charts(hospital) {
            let patient: Value = serde_json::from_str(&chart.resources[0]).unwrap();
            let number = word(&patient, "/identifier/0/system");
            let wanted = format!("urn:oid:1.2.392.100495.20.3.51.1{}", house.institution);
            assert_eq!(number, wanted);
            let written = |position: usize| {
                word(&patient, &format!("/name/{position}/extension/0/valueCode")).to_owned()
            };
            assert_eq!((written(0).as_str(), written(1).as_str()), ("IDE", "SYL"));
            let katakana = |c: char| matches!(c, 'ァ'..='ー' | ' ');
            assert!(word(&patient, "/name/1/text").chars().all(katakana));
            assert_eq!(word(&patient, "/address/0/state"), "北海道");
        }
    }
}

#[test]
fn observations_are_as_large_as_real_ones() {
    let town = town(60);
    let lines = lines(&town, 1);
    let results = lines
        .iter()
        .filter(|line| line.contains("JP_Observation_LabResult"));
    for line in results {
        assert!(
            (1_000..=2_200).contains(&line.len()),
            "{}: {line}",
            line.len()
        );
    }
}
