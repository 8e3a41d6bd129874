//! A hospital's own resources: itself, the insurers, its physicians.

use super::{coded, coding, extension_url, meta, named, names, reference, system, text};
use crate::hospital::{Doctor, Hospital};
use crate::json::{Object, object};
use crate::person::Insurer;

/// JP_Organization.
pub(crate) fn hospital(hospital: &Hospital) -> Object {
    let seven_digits = hospital.institution.get(3..).unwrap_or_default();
    let extension = [
        object! {
            "url": extension_url("JP_Organization_PrefectureNo"),
            "valueCoding": coding(
                "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/PrefectureNo-2digits", "01", Some("北海道"),
            ),
        },
        object! {
            "url": extension_url("JP_Organization_InsuranceOrganizationCategory"),
            "valueCoding": coding(
                "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationFeeScoreType", "1", Some("医科"),
            ),
        },
        object! {
            "url": extension_url("JP_Organization_InsuranceOrganizationNo"),
            "valueIdentifier": object! {
                "system": "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicalOrganizationID",
                "value": seven_digits,
            },
        },
    ];
    let city = hospital.city;
    let line = "本町99丁目1番1号";
    object! {
        "resourceType": "Organization",
        "id": hospital.id,
        "meta": meta("JP_Organization"),
        "extension": extension,
        "identifier": [object! { "system": system::INSTITUTION, "value": hospital.institution }],
        "active": true,
        "name": hospital.name,
        "alias": [&hospital.kana],
        "telecom": [object! {
            "system": "phone",
            "value": format!("{}-00-{:04}", city.dialling, hospital.number % 10_000),
            "use": "work",
        }],
        "address": [object! {
            "use": "work",
            "text": format!("北海道{}{line}", city.name),
            "line": [line],
            "city": city.name,
            "state": "北海道",
            "postalCode": format!("{}-0099", city.postal),
            "country": "JP",
        }],
    }
}

/// The logical id of an insurer's Organization at a hospital.
pub(crate) fn insurer_id(hospital: &Hospital, insurer: &Insurer) -> String {
    format!("{}-insurer-{}", hospital.id, insurer.number)
}

/// JP_Organization, of one who pays.
pub(crate) fn insurer(hospital: &Hospital, insurer: &Insurer) -> Object {
    object! {
        "resourceType": "Organization",
        "id": insurer_id(hospital, insurer),
        "meta": meta("JP_Organization"),
        "identifier": [object! { "system": system::INSURER_NUMBER, "value": insurer.number }],
        "active": true,
        "name": insurer.name,
    }
}

/// JP_Practitioner.
pub(crate) fn practitioner(hospital: &Hospital, doctor: &Doctor) -> Object {
    let licence = coding(
        "http://jpfhir.jp/fhir/core/CodeSystem/JP_MedicalLicenseCertificate_CS",
        "medical-registration",
        Some("医籍登録番号"),
    );
    object! {
        "resourceType": "Practitioner",
        "id": doctor.id,
        "meta": meta("JP_Practitioner"),
        "identifier": [object! {
            "system": format!("urn:oid:1.2.392.100495.20.3.41.1{}", hospital.institution),
            "value": doctor.id,
        }],
        "active": true,
        "name": names(doctor.family, doctor.given),
        "gender": doctor.sex.word(),
        "qualification": [object! {
            "identifier": [object! {
                "system": "http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber",
                "value": doctor.registration,
            }],
            "code": object! { "coding": [licence] },
        }],
    }
}

/// JP_PractitionerRole.
pub(crate) fn practitioner_role(hospital: &Hospital, doctor: &Doctor) -> Object {
    let department = doctor.department;
    object! {
        "resourceType": "PractitionerRole",
        "id": format!("{}-role", doctor.id),
        "meta": meta("JP_PractitionerRole"),
        "active": true,
        "practitioner": named(&format!("Practitioner/{}", doctor.id), &doctor.name()),
        "organization": reference(&format!("Organization/{}", hospital.id)),
        "code": [text("医師")],
        "specialty": [coded(system::DEPARTMENT, department.code())],
    }
}
