//! Who the patient is and who pays.

use super::house::insurer_id;
use super::{coded, extension_url, hl7, meta, names, reference, system};
use crate::hospital::Hospital;
use crate::json::{Object, object};
use crate::person::Person;

/// JP_Patient. `chart_number` is the hospital's number for this person.
pub(crate) fn patient(
    id: &str,
    hospital: &Hospital,
    person: &Person,
    chart_number: &str,
) -> Object {
    let city = person.city.name;
    object! {
        "resourceType": "Patient",
        "id": id,
        "meta": meta("JP_Patient"),
        "identifier": [object! {
            "use": "usual",
            "type": coded(&hl7("v2-0203"), "MR"),
            "system": format!("urn:oid:1.2.392.100495.20.3.51.1{}", hospital.institution),
            "value": chart_number,
        }],
        "active": true,
        "name": names(person.family, person.given),
        "telecom": [object! { "system": "phone", "value": person.phone, "use": "mobile" }],
        "gender": person.sex.word(),
        "birthDate": person.born.to_string(),
        "address": [object! {
            "use": "home",
            "text": format!("北海道{city}{}", person.line),
            "line": [&person.line],
            "city": city,
            "state": "北海道",
            "postalCode": person.postal_code,
            "country": "JP",
        }],
        "managingOrganization": reference(&format!("Organization/{}", hospital.id)),
    }
}

/// JP_Coverage, with the insured-person identifier.
pub(crate) fn coverage(id: &str, hospital: &Hospital, person: &Person, patient: &str) -> Object {
    let insured = &person.insured;
    let part = |name: &str, value: &str| {
        (!value.is_empty()).then(|| {
            object! {
                "url": extension_url(&format!("JP_Coverage_InsuredPerson{name}")),
                "valueString": value,
            }
        })
    };
    let parts = [
        part("Symbol", &insured.symbol),
        part("Number", &insured.number),
        part("SubNumber", insured.branch),
    ];
    let dependent = Some(insured.branch).filter(|branch| !branch.is_empty());
    let insurer = insurer_id(hospital, insured.insurer);
    object! {
        "resourceType": "Coverage",
        "id": id,
        "meta": meta("JP_Coverage"),
        "extension": parts.into_iter().flatten().collect::<Vec<_>>(),
        "identifier": [object! {
            "system": "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID",
            "value": insured.id(),
        }],
        "status": "active",
        "type": coded(system::ACT, "EHCPOL"),
        "beneficiary": reference(patient),
        "dependent": dependent,
        "period": object! { "start": "2021-04-01" },
        "payor": [reference(&format!("Organization/{insurer}"))],
    }
}
