//! Allergies: AL1 of an ADT-00, and ADT-61, which says more of each.

use crate::chapter::{Oddity, Quarantine};
use crate::coded;
use crate::element::{Element, fhir};
use crate::hl7::{Segment, all};
use crate::reading::Reading;

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/// Reads an ADT-61: the patient's allergies in full, none if there are none.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    let name = reading.name;
    reading.replaces(["ADT-61"].into_iter().chain(name.order()), 0);
    let message = reading.message;
    for iam in all(message.segments(), "IAM") {
        put_iam(reading, iam);
    }
    Ok(())
}

/// Adds an allergy of AL1, which is known and nothing more.
pub(crate) fn put_al1(reading: &mut Reading<'_, '_>, al1: Segment<'_>) {
    let standing = standing("active", None);
    let code = code(reading, al1, "AL1-3");
    let body = fhir! {
        "category": Element::list([category(al1).into()]),
        "code": code,
        "patient": reading.subject(),
        "reaction": reaction(al1),
    };
    let id = reading.id("AL1");
    let body = standing.and(body);
    reading.put(
        "AllergyIntolerance",
        &id,
        "JP_AllergyIntolerance",
        Vec::new(),
        body,
    );
}

fn put_iam(reading: &mut Reading<'_, '_>, iam: Segment<'_>) {
    let confirmed = iam.text(17);
    let standing = match (iam.text(6).as_deref(), confirmed.as_deref()) {
        (Some("D"), _) | (_, Some("E")) => standing("", Some("entered-in-error")),
        (_, Some("C")) => standing("active", Some("confirmed")),
        (_, Some("I")) => standing("inactive", Some("confirmed")),
        (_, Some(_)) => standing("active", Some("unconfirmed")),
        (_, None) => standing("active", None),
    };
    let onset = reading.time(iam, 11, "IAM-11").map(|time| time.date_time());
    let told = iam.text(12).filter(|_| onset.is_none());
    let recorded = reading.time(iam, 13, "IAM-13").map(|time| time.date_time());
    let kind = match iam.text(9).as_deref() {
        Some("AL") => Some("allergy"),
        Some("IN") => Some("intolerance"),
        _ => None,
    };
    let code = code(reading, iam, "IAM-3");
    let body = fhir! {
        "type": kind,
        "category": Element::list([category(iam).into()]),
        "code": code,
        "patient": reading.subject(),
        "onsetDateTime": onset,
        "onsetString": told,
        "recordedDate": recorded,
        "asserter": reading.practitioner(iam.field(18)),
        "reaction": reaction(iam),
    };
    let number = reading.local("allergy", iam.text(7));
    let id = reading.id("IAM");
    let body = fhir! {"identifier": Element::one(number)}
        .and(standing)
        .and(body);
    reading.put(
        "AllergyIntolerance",
        &id,
        "JP_AllergyIntolerance",
        Vec::new(),
        body,
    );
}

/// The two statuses. FHIR forbids the clinical one for what was entered in error.
fn standing(clinical: &str, verification: Option<&str>) -> Element {
    let of = |system: &str, code: &str| coded::of_known(system, code, "").when(!code.is_empty());
    fhir! {
        "clinicalStatus": of(CLINICAL, clinical),
        "verificationStatus": verification.map(|code| of(VERIFICATION, code)),
    }
}

fn code(reading: &mut Reading<'_, '_>, segment: Segment<'_>, field: &'static str) -> Element {
    let code = reading.concept(segment.field(3));
    if code.is_nothing() {
        reading.note(Oddity::CodeMissing, field);
        return coded::of_text(segment.field(2).component(2).text());
    }
    code
}

/// HL7 table 0127, as JAMI maps it.
fn category(segment: Segment<'_>) -> Option<&'static str> {
    match segment.text(2)?.as_str() {
        "DA" => Some("medication"),
        "FA" => Some("food"),
        "EA" | "PA" | "LA" => Some("environment"),
        "AA" => Some("biologic"),
        _ => None,
    }
}

/// Severity (-4) and reaction (-5), in AL1 and IAM alike. FHIR has no severity without a
/// manifestation.
fn reaction(segment: Segment<'_>) -> Element {
    let severity = match segment.text(4).as_deref() {
        Some("MI") => Some("mild"),
        Some("MO") => Some("moderate"),
        Some("SV") => Some("severe"),
        _ => None,
    };
    let seen = segment
        .field(5)
        .repeats()
        .map(|text| coded::of_text(text.component(1).text()));
    let manifestation = Element::list(seen);
    if manifestation.is_nothing() && severity.is_none() {
        return Element::Nothing;
    }
    let unknown = || Element::one(fhir! {"extension": coded::absent()});
    Element::one(fhir! {
        "manifestation": manifestation.or(unknown),
        "severity": severity,
    })
}
