//! ADT-00: who the patient is. The only message that sets demographics; a newer one replaces the
//! older whole: the Patient with contacts, the Coverages, the allergies of AL1 and the body.
//!
//! Its PV1 says where the patient is now, not where these facts come from: they carry no department.

use crate::address::{address, addresses};
use crate::allergy;
use crate::chapter::{Oddity, Quarantine};
use crate::coded;
use crate::coverage;
use crate::element::{Element, fhir};
use crate::hl7::{Segment, all};
use crate::observation;
use crate::people::{is_shifted, name, names, telecoms};
use crate::reading::Reading;

/// Reads an ADT-00.
pub(crate) fn read(reading: &mut Reading<'_, '_>, pid: Segment<'_>) -> Result<(), Quarantine> {
    reading.replaces(["ADT-00"], 0);
    if reading.cancels {
        return Ok(());
    }
    let body = patient(reading, pid);
    let id = reading.patient();
    reading.put("Patient", &id, "JP_Patient", Vec::new(), body);
    let message = reading.message;
    for in1 in all(message.segments(), "IN1") {
        coverage::put(reading, in1);
    }
    for al1 in all(message.segments(), "AL1") {
        allergy::put_al1(reading, al1);
    }
    for obx in all(message.segments(), "OBX") {
        reading.took_results(1);
        observation::put_basic(reading, obx);
    }
    Ok(())
}

fn patient(reading: &mut Reading<'_, '_>, pid: Segment<'_>) -> Element {
    if pid.field(5).repeats().any(is_shifted) {
        reading.note(Oddity::NameShifted, "PID-5");
    }
    let birth = reading.time(pid, 7, "PID-7");
    let gender = gender(pid.text(8).as_deref());
    if gender.is_none() && pid.text(8).is_some() {
        reading.note(Oddity::Sex, "PID-8");
    }
    let numbers = telecoms(pid.field(13), "home").chain(telecoms(pid.field(14), "work"));
    let segments = reading.message.segments();
    fhir! {
        "extension": Element::list(all(segments, "DB1").map(disability)),
        "identifier": Element::one(fhir! {
            "use": "usual",
            "system": reading.institution.patient_system(),
            "value": reading.name.patient(),
        }),
        "name": names(pid.field(5)),
        "telecom": Element::list(numbers),
        "gender": gender,
        "birthDate": birth.map(|birth| birth.date()),
        "address": addresses(pid.field(11)),
        "contact": Element::list(all(segments, "NK1").map(|nk1| contact(reading, nk1))),
    }
}

/// HL7 table 0001.
fn gender(code: Option<&str>) -> Option<&'static str> {
    match code? {
        "F" => Some("female"),
        "M" => Some("male"),
        "O" | "A" => Some("other"),
        "U" | "N" => Some("unknown"),
        _ => None,
    }
}

fn contact(reading: &Reading<'_, '_>, nk1: Segment<'_>) -> Element {
    let phones = telecoms(nk1.field(5), "home").chain(telecoms(nk1.field(6), "work"));
    let reached = fhir! {
        "name": nk1.field(2).repeats().next().map(name),
        "telecom": Element::list(phones),
        "address": nk1.field(4).repeats().next().map(address),
        "organization": fhir! {"display": nk1.text(13)},
    };
    // FHIR wants more of a contact than what it is to the patient.
    if reached.is_nothing() {
        return reached;
    }
    fhir! {"relationship": Element::list(reading.concepts(nk1.field(3)))}.and(reached)
}

/// DB1-4 `Y` about the patient, not about the insured or a guarantor.
fn disability(db1: Segment<'_>) -> Element {
    let of_patient = db1.text(2).is_none_or(|whose| whose == "PT");
    if !of_patient || db1.text(4).as_deref() != Some("Y") {
        return Element::Nothing;
    }
    let yes = coded::known("http://terminology.hl7.org/CodeSystem/v2-0136", "Y", "Yes");
    fhir! {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-disability",
        "valueCodeableConcept": fhir! {"coding": Element::one(yes), "text": "身体障害あり"},
    }
}
