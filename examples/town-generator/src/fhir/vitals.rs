//! What is measured at the desk: blood pressure, weight, temperature, smoking.

use super::{Unit, coding, concept, instance, meta, named, quantity, reference, system, text};
use crate::json::{Number, Object, decimal, object};
use crate::visit::Visit;

pub(crate) const MILLILITRES: Unit = Unit {
    printed: "mL",
    ucum: "mL",
};
const MMHG: Unit = Unit {
    printed: "mmHg",
    ucum: "mm[Hg]",
};
const KILOGRAMS: Unit = Unit {
    printed: "kg",
    ucum: "kg",
};
const CENTIMETRES: Unit = Unit {
    printed: "cm",
    ucum: "cm",
};
const CELSIUS: Unit = Unit {
    printed: "℃",
    ucum: "Cel",
};

/// What all four have in common.
struct Measured<'a> {
    profile: &'a str,
    category: (&'a str, &'a str),
    code: Object,
    value: Option<Object>,
    answer: Option<Object>,
    component: Vec<Object>,
}

fn observation(id: &str, visit: &Visit<'_>, measured: Measured<'_>) -> Object {
    let (category, display) = measured.category;
    let category = coding(system::OBSERVATION_CATEGORY, category, Some(display));
    object! {
        "resourceType": "Observation",
        "id": id,
        "meta": meta(measured.profile),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "final",
        "category": [object! { "coding": [category] }],
        "code": measured.code,
        "subject": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "effectiveDateTime": visit.at.plus(2).to_string(),
        "issued": visit.at.plus(3).to_string(),
        "performer": [named(&visit.practitioner(), &visit.doctor.name())],
        "valueQuantity": measured.value,
        "valueCodeableConcept": measured.answer,
        "component": measured.component,
    }
}

const VITAL: (&str, &str) = ("vital-signs", "Vital Signs");

/// JP_Observation_VitalSigns, in mmHg.
pub(crate) fn blood_pressure(
    id: &str,
    visit: &Visit<'_>,
    systolic: Number,
    diastolic: Number,
) -> Object {
    let part = |code: &str, name: &str, value: Number| {
        object! {
            "code": concept(system::LOINC, code, name),
            "valueQuantity": quantity(value, MMHG),
        }
    };
    let measured = Measured {
        profile: "JP_Observation_VitalSigns",
        category: VITAL,
        code: concept(system::LOINC, "85354-9", "血圧"),
        value: None,
        answer: None,
        component: vec![
            part("8480-6", "収縮期血圧", systolic),
            part("8462-4", "拡張期血圧", diastolic),
        ],
    };
    observation(id, visit, measured)
}

/// JP_Observation_VitalSigns, in °C.
pub(crate) fn temperature(id: &str, visit: &Visit<'_>, celsius: f64) -> Object {
    let measured = Measured {
        profile: "JP_Observation_VitalSigns",
        category: VITAL,
        code: concept(system::LOINC, "8310-5", "体温"),
        value: Some(quantity(decimal(celsius, 1), CELSIUS)),
        answer: None,
        component: Vec::new(),
    };
    observation(id, visit, measured)
}

/// JP_Observation_BodyMeasurement, in kg.
pub(crate) fn weight(id: &str, visit: &Visit<'_>, kilograms: f64) -> Object {
    let value = quantity(decimal(kilograms, 1), KILOGRAMS);
    body(id, visit, ("31000296", "体重"), value)
}

/// JP_Observation_BodyMeasurement, in cm.
pub(crate) fn height(id: &str, visit: &Visit<'_>, centimetres: f64) -> Object {
    let value = quantity(decimal(centimetres, 1), CENTIMETRES);
    body(id, visit, ("31000298", "身長"), value)
}

fn body(id: &str, visit: &Visit<'_>, (code, name): (&str, &str), value: Object) -> Object {
    let measured = Measured {
        profile: "JP_Observation_BodyMeasurement",
        category: ("body-measurement", "Body Measurement"),
        code: concept(system::BODY_MEASUREMENT, code, name),
        value: Some(value),
        answer: None,
        component: Vec::new(),
    };
    observation(id, visit, measured)
}

/// JP_Observation_SocialHistory.
pub(crate) fn smoking(id: &str, visit: &Visit<'_>, smokes: bool) -> Object {
    let measured = Measured {
        profile: "JP_Observation_SocialHistory",
        category: ("social-history", "Social History"),
        code: concept(system::LOINC, "72166-2", "喫煙状況"),
        value: None,
        answer: Some(text(if smokes { "喫煙中" } else { "非喫煙" })),
        component: Vec::new(),
    };
    observation(id, visit, measured)
}
