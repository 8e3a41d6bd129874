//! Visits, and what is said and done at them.

use super::vitals::MILLILITRES;
use super::{
    coded, coding, concept, hl7, instance, meta, named, quantity, reference, system, text,
};
use crate::illness::Allergy;
use crate::json::{Object, decimal, object};
use crate::visit::Visit;

/// JP_Encounter: an outpatient visit of twenty minutes.
pub(crate) fn encounter(id: &str, visit: &Visit<'_>, reason: &str) -> Object {
    let department = visit.doctor.department;
    object! {
        "resourceType": "Encounter",
        "id": id,
        "meta": meta("JP_Encounter"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "finished",
        "class": coding(system::ACT, "AMB", Some("外来")),
        "serviceType": concept(system::DEPARTMENT, department.code(), department.name()),
        "subject": reference(&visit.patient),
        "participant": [object! {
            "individual": named(&visit.practitioner(), &visit.doctor.name()),
        }],
        "period": object! {
            "start": visit.at.to_string(),
            "end": visit.at.plus(20).to_string(),
        },
        "reasonCode": [text(reason)],
        "serviceProvider": named(&visit.organization(), &visit.hospital.name),
    }
}

/// Something that is wrong with the patient.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    /// ICD-10, without the dot.
    pub(crate) code: &'a str,
    pub(crate) name: &'a str,
    /// A FHIR date.
    pub(crate) onset: String,
    /// It has passed.
    pub(crate) over: bool,
}

/// JP_Condition.
pub(crate) fn condition(id: &str, visit: &Visit<'_>, finding: &Finding<'_>) -> Object {
    let status = if finding.over { "resolved" } else { "active" };
    object! {
        "resourceType": "Condition",
        "id": id,
        "meta": meta("JP_Condition"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "clinicalStatus": coded(&hl7("condition-clinical"), status),
        "verificationStatus": coded(&hl7("condition-ver-status"), "confirmed"),
        "category": [coded(&hl7("condition-category"), "problem-list-item")],
        "code": concept(system::ICD10, finding.code, finding.name),
        "subject": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "onsetDateTime": finding.onset,
        "recordedDate": visit.at.day.to_string(),
        "recorder": named(&visit.practitioner(), &visit.doctor.name()),
    }
}

/// JP_AllergyIntolerance.
pub(crate) fn allergy(id: &str, visit: &Visit<'_>, allergy: &Allergy) -> Object {
    object! {
        "resourceType": "AllergyIntolerance",
        "id": id,
        "meta": meta("JP_AllergyIntolerance"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "clinicalStatus": coded(&hl7("allergyintolerance-clinical"), "active"),
        "verificationStatus": coded(&hl7("allergyintolerance-verification"), "confirmed"),
        "type": "allergy",
        "category": [allergy.category],
        "criticality": allergy.criticality,
        "code": text(allergy.substance),
        "patient": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "recordedDate": visit.at.day.to_string(),
        "recorder": named(&visit.practitioner(), &visit.doctor.name()),
        "reaction": [object! { "manifestation": [text(allergy.reaction)] }],
    }
}

/// JP_Immunization, against influenza; `lot` is the batch of that autumn.
pub(crate) fn influenza_vaccination(id: &str, visit: &Visit<'_>, lot: &str) -> Object {
    let provider = coded(&hl7("v2-0443"), "AP");
    object! {
        "resourceType": "Immunization",
        "id": id,
        "meta": meta("JP_Immunization"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "completed",
        "vaccineCode": text("インフルエンザＨＡワクチン"),
        "patient": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "occurrenceDateTime": visit.at.plus(10).to_string(),
        "primarySource": true,
        "lotNumber": lot,
        "route": coded("http://jpfhir.jp/fhir/core/CodeSystem/route-codes", "SC"),
        "doseQuantity": quantity(decimal(0.5, 1), MILLILITRES),
        "performer": [object! {
            "function": provider,
            "actor": named(&visit.practitioner(), &visit.doctor.name()),
        }],
    }
}

/// JP_Procedure: the background of both eyes was looked at.
pub(crate) fn fundus_examination(id: &str, visit: &Visit<'_>, seen: &str) -> Object {
    object! {
        "resourceType": "Procedure",
        "id": id,
        "meta": meta("JP_Procedure"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "completed",
        "code": text("眼底検査（両眼）"),
        "subject": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "performedDateTime": visit.at.plus(5).to_string(),
        "recorder": named(&visit.practitioner(), &visit.doctor.name()),
        "performer": [object! { "actor": named(&visit.practitioner(), &visit.doctor.name()) }],
        "note": [text(seen)],
    }
}

/// JP_FamilyMemberHistory: `relation` (v3-RoleCode) has type 2 diabetes.
pub(crate) fn diabetic_relative(id: &str, visit: &Visit<'_>, relation: &str) -> Object {
    object! {
        "resourceType": "FamilyMemberHistory",
        "id": id,
        "meta": meta("JP_FamilyMemberHistory"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "completed",
        "patient": reference(&visit.patient),
        "date": visit.at.day.to_string(),
        "relationship": coded(&hl7("v3-RoleCode"), relation),
        "condition": [object! { "code": concept(system::ICD10, "E119", "２型糖尿病") }],
    }
}
