//! Samples, what the laboratory found in them, and its reports.

use super::{Unit, coding, concept, hl7, instance, meta, named, quantity, reference, system};
use crate::calendar::Moment;
use crate::json::{Object, decimal, object};
use crate::person::Sex;
use crate::visit::Visit;

/// What can be measured.
#[derive(Debug)]
pub(crate) struct Test {
    /// JLAC10, 17 digits.
    pub(crate) code: &'static str,
    /// The hospital's own code.
    local: &'static str,
    name: &'static str,
    unit: Unit,
    places: usize,
    /// Lowest and highest usual value of women.
    women: (Option<f64>, Option<f64>),
    /// Of men.
    men: (Option<f64>, Option<f64>),
}

const PERCENT: Unit = Unit {
    printed: "%",
    ucum: "%",
};
const MG_PER_DL: Unit = Unit {
    printed: "mg/dL",
    ucum: "mg/dL",
};
const FILTRATION: Unit = Unit {
    printed: "mL/min/1.73m2",
    ucum: "mL/min/{1.73_m2}",
};
const PER_CREATININE: Unit = Unit {
    printed: "mg/gCr",
    ucum: "mg/g{creat}",
};
const PER_MICROLITRE: Unit = Unit {
    printed: "/uL",
    ucum: "/uL",
};

/// A test with the same usual values for everybody.
const fn test(
    code: &'static str,
    local: &'static str,
    name: &'static str,
    (unit, places): (Unit, usize),
    usual: (Option<f64>, Option<f64>),
) -> Test {
    Test {
        code,
        local,
        name,
        unit,
        places,
        women: usual,
        men: usual,
    }
}

pub(crate) static HBA1C: Test = test(
    "3D046000001906202",
    "L0310",
    "HbA1c(NGSP)",
    (PERCENT, 1),
    (Some(4.9), Some(6.0)),
);
pub(crate) static GLUCOSE: Test = test(
    "3D010129902327101",
    "L0301",
    "空腹時血糖",
    (MG_PER_DL, 0),
    (Some(73.0), Some(109.0)),
);
pub(crate) static CREATININE: Test = Test {
    women: (Some(0.46), Some(0.79)),
    men: (Some(0.65), Some(1.07)),
    ..test(
        "3C015000002327101",
        "L0215",
        "クレアチニン",
        (MG_PER_DL, 2),
        (None, None),
    )
};
pub(crate) static EGFR: Test = test(
    "8A065000002391901",
    "L0216",
    "eGFR",
    (FILTRATION, 1),
    (Some(60.0), None),
);
pub(crate) static LDL: Test = test(
    "3F077000002327101",
    "L0407",
    "LDLコレステロール",
    (MG_PER_DL, 0),
    (Some(65.0), Some(139.0)),
);
pub(crate) static HDL: Test = Test {
    women: (Some(48.0), Some(103.0)),
    ..test(
        "3F070000002327101",
        "L0405",
        "HDLコレステロール",
        (MG_PER_DL, 0),
        (Some(38.0), Some(90.0)),
    )
};
pub(crate) static TRIGLYCERIDES: Test = test(
    "3F015000002327101",
    "L0402",
    "中性脂肪",
    (MG_PER_DL, 0),
    (Some(30.0), Some(149.0)),
);
pub(crate) static ALBUMIN: Test = test(
    "3A015000000106151",
    "L0511",
    "尿中アルブミン/クレアチニン比",
    (PER_CREATININE, 1),
    (None, Some(29.9)),
);
pub(crate) static CRP: Test = test(
    "5C070000002306201",
    "L0601",
    "CRP",
    (MG_PER_DL, 2),
    (None, Some(0.14)),
);
pub(crate) static LEUKOCYTES: Test = test(
    "2A990000001930952",
    "L0101",
    "白血球数",
    (PER_MICROLITRE, 0),
    (Some(3_300.0), Some(8_600.0)),
);

impl Test {
    fn usual(&self, sex: Sex) -> (Option<f64>, Option<f64>) {
        match sex {
            Sex::Female => self.women,
            Sex::Male => self.men,
        }
    }
}

/// What a sample is taken from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Material {
    Blood,
    Urine,
}

/// A sample that was taken.
pub(crate) struct Sample {
    /// `Specimen/…`.
    pub(crate) reference: String,
    /// When it was taken.
    pub(crate) at: Moment,
}

/// JP_Specimen_Common; `label` is on the tube.
pub(crate) fn specimen(
    id: &str,
    visit: &Visit<'_>,
    material: Material,
    at: Moment,
    label: &str,
) -> Object {
    let (code, name) = match material {
        Material::Blood => ("BLD", "血液"),
        Material::Urine => ("UR", "尿"),
    };
    object! {
        "resourceType": "Specimen",
        "id": id,
        "meta": meta("JP_Specimen_Common"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "accessionIdentifier": object! { "system": local_system(visit, "specimen"), "value": label },
        "status": "available",
        "type": concept(&hl7("v2-0487"), code, name),
        "subject": reference(&visit.patient),
        "receivedTime": at.plus(10).to_string(),
        "collection": object! { "collectedDateTime": at.to_string() },
    }
}

fn local_system(visit: &Visit<'_>, what: &str) -> String {
    format!(
        "http://h{:05}.example.jp/CodeSystem/{what}",
        visit.hospital.number
    )
}

/// JP_Observation_LabResult: `value` in the unit of the test.
pub(crate) fn result(
    id: &str,
    visit: &Visit<'_>,
    sample: &Sample,
    test: &Test,
    value: f64,
    sex: Sex,
) -> Object {
    let (low, high) = test.usual(sex);
    let (flag, said) = match () {
        () if low.is_some_and(|low| value < low) => ("L", "Low"),
        () if high.is_some_and(|high| value > high) => ("H", "High"),
        () => ("N", "Normal"),
    };
    let limit =
        |limit: Option<f64>| limit.map(|limit| quantity(decimal(limit, test.places), test.unit));
    let code = object! {
        "coding": [
            coding(&local_system(visit, "laboratory"), test.local, Some(test.name)),
            coding(system::JLAC10, test.code, Some(test.name)),
        ],
        "text": test.name,
    };
    let normal = coding(
        &hl7("referencerange-meaning"),
        "normal",
        Some("Normal Range"),
    );
    object! {
        "resourceType": "Observation",
        "id": id,
        "meta": meta("JP_Observation_LabResult"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "final",
        "category": [object! {
            "coding": [coding(system::OBSERVATION_CATEGORY, "laboratory", Some("Laboratory"))],
        }],
        "code": code,
        "subject": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "effectiveDateTime": sample.at.to_string(),
        "issued": sample.at.plus(50).to_string(),
        "performer": [named(&visit.organization(), &visit.hospital.name)],
        "valueQuantity": quantity(decimal(value, test.places), test.unit),
        "interpretation": [object! {
            "coding": [coding(&hl7("v3-ObservationInterpretation"), flag, Some(said))],
        }],
        "specimen": reference(&sample.reference),
        "referenceRange": [object! {
            "low": limit(low),
            "high": limit(high),
            "type": object! { "coding": [normal] },
        }],
    }
}

/// JP_DiagnosticReport_LabResult over `results` (`Observation/…`) from `samples`.
pub(crate) fn report(
    id: &str,
    visit: &Visit<'_>,
    samples: &[Sample],
    results: &[String],
    conclusion: &str,
) -> Object {
    let at = samples.first().map_or(visit.at, |sample| sample.at);
    let category = coding(system::LOINC, "LP29693-6", Some("Laboratory"));
    object! {
        "resourceType": "DiagnosticReport",
        "id": id,
        "meta": meta("JP_DiagnosticReport_LabResult"),
        "identifier": [instance(&visit.hospital.institution, id)],
        "status": "final",
        "category": [object! { "coding": [category] }],
        "code": concept(system::DOCUMENT, "11502-2", "検体検査報告書"),
        "subject": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "effectiveDateTime": at.to_string(),
        "issued": at.plus(55).to_string(),
        "performer": [named(&visit.organization(), &visit.hospital.name)],
        "specimen": samples.iter().map(|sample| reference(&sample.reference)).collect::<Vec<_>>(),
        "result": results.iter().map(|result| reference(result)).collect::<Vec<_>>(),
        "conclusion": conclusion,
    }
}
