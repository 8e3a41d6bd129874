//! The table of sensitive codes: data, versioned, with one function over it.
//!
//! It carries what can be said by code prefix without reprinting a licensed list. A hospital's
//! own codes, and the MEDIS disease numbers (which have no prefix that means anything), are
//! labelled only when an ICD-10 coding or the department stands beside them.

use super::{Label, Labels};

/// The version of [`TABLE`]. Rises by one with every change, so that a node knows that the labels
/// it stored were computed by an older table, and computes them again.
pub const LABEL_TABLE_VERSION: i64 = 1;

/// The labels of a resource that has these codes and comes from these departments.
///
/// `codes` are all (system, code) pairs of the resource that say what it is about: code, reason,
/// medication, category, contained ones too; an absent system is the empty text. Upper and lower
/// case and dots in codes make no difference; a code without a system is compared with ICD-10
/// if it is built like one (a letter and two digits), because hiding is the safer error.
/// `departments` are (system, code or name) pairs; a name counts under any system.
///
/// Both spellings of Japanese code systems (OID before JP Core 1.2, URL since) are known.
#[must_use]
pub fn labels_of(codes: &[(&str, &str)], departments: &[(&str, &str)]) -> Labels {
    let coded = codes.iter().map(|(system, code)| of_code(system, code));
    let from = departments
        .iter()
        .map(|(system, code)| of_department(system, code));
    coded.chain(from).fold(Labels::NONE, Labels::or)
}

struct Row {
    systems: &'static [&'static str],
    prefixes: &'static [&'static str],
    label: Label,
}

const ICD10: &[&str] = &[
    "",
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full",
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2003-full",
    "http://jpfhir.jp/fhir/Common/CodeSystem/ICD10-2013",
    "urn:oid:2.16.840.1.113883.6.3",
    "urn:oid:2.16.840.1.113883.6.90",
    "urn:oid:1.2.392.200119.4.101.1",
    "I10",
];
const JLAC10: &[&str] = &[
    "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
    "http://medis.or.jp/CodeSystem/master-JLAC10",
    "urn:oid:1.2.392.200119.4.504",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_InfectionLabo_CS",
];
const CLINS_INFECTION: &[&str] = &[
    "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_InfectionLabo_CS",
    "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC11/JP_CLINS_ObsLabResult_InfectionLabo_CS",
];
const LOINC: &[&str] = &["http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"];
/// YJ codes and general-name codes: both start with the therapeutic class (薬効分類).
const DRUG_CLASS: &[&str] = &[
    "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code",
    "urn:oid:1.2.392.100495.20.2.73",
    "urn:oid:1.2.392.100495.20.1.73",
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode",
    "urn:oid:1.2.392.100495.20.2.81",
    "urn:oid:1.2.392.100495.20.1.81",
];
const ATC: &[&str] = &["http://www.whocc.no/atc", "urn:oid:2.16.840.1.113883.6.73"];
const SERVICE_SECTION: &[&str] = &[
    "http://terminology.hl7.org/CodeSystem/v2-0074",
    "http://hl7.org/fhir/v2/0074",
    "urn:oid:2.16.840.1.113883.12.74",
    "urn:oid:2.16.840.1.113883.18.17",
];

const fn row(
    label: Label,
    systems: &'static [&'static str],
    prefixes: &'static [&'static str],
) -> Row {
    Row {
        systems,
        prefixes,
        label,
    }
}

/// Prefixes are upper case without dots.
const TABLE: &[Row] = &[
    // Chapter V, F00–F99, whole; self-harm; counselling about it.
    row(
        Label::Psy,
        ICD10,
        &[
            "F", "X6", "X7", "X80", "X81", "X82", "X83", "X84", "Z915", "Z914",
        ],
    ),
    // 117 精神神経用剤; antipsychotics and antidepressants by ATC.
    row(Label::Psy, DRUG_CLASS, &["117"]),
    row(Label::Psy, ATC, &["N05A", "N06A"]),
    row(
        Label::Hiv,
        ICD10,
        &[
            "B20", "B21", "B22", "B23", "B24", "Z21", "R75", "Z206", "Z717", "O987", "F024",
        ],
    ),
    // 5F500 HIV-1, 5F550 HIV-2, 5F560 HIV-1+2: antibodies, antigen, RNA alike.
    row(Label::Hiv, JLAC10, &["5F5"]),
    row(Label::Hiv, CLINS_INFECTION, &["HIV"]),
    row(
        Label::Hiv,
        LOINC,
        &[
            "56888-1", "75622-1", "29893-5", "30361-0", "7917-8", "7918-6", "31201-7", "20447-9",
            "25836-8", "5220-9", "5221-7", "68961-2", "48345-3", "24013-5",
        ],
    ),
    row(Label::Hiv, ATC, &["J05AR", "J05AG", "J05AJ"]),
    // Assault by bodily force or sexually, neglect and maltreatment, and their history.
    row(
        Label::Sdv,
        ICD10,
        &["T74", "Y05", "Y06", "Y07", "Z614", "Z615", "Z616", "Z6141"],
    ),
    // Alcohol and drugs: disorders, dependence in pregnancy and new-borns, counselling, organs harmed.
    row(
        Label::Eth,
        ICD10,
        &[
            "F10", "F11", "F12", "F13", "F14", "F15", "F16", "F18", "F19", "K70", "K852", "K860",
            "G312", "G621", "G721", "I426", "K292", "Z502", "Z503", "Z714", "Z715", "Z721", "Z722",
            "P044", "P961", "T400", "T401", "T405", "T407", "T408", "T409",
        ],
    ),
    row(Label::Eth, ATC, &["N07BB", "N07BC"]),
    // Chromosomes; hereditary disease told by its code alone; genetic counselling.
    row(
        Label::Gdis,
        ICD10,
        &["Q9", "G10", "E84", "G710", "D66", "D67", "Z315", "Z15"],
    ),
    // Main group 8: chromosomes and genes.
    row(Label::Gdis, JLAC10, &["8"]),
    row(Label::Gdis, SERVICE_SECTION, &["GE", "CG"]),
    row(
        Label::Gdis,
        LOINC,
        &[
            "51969-4",
            "51968-6",
            "55232-3",
            "55233-1",
            "81247-9",
            "81250-3",
            "81251-1",
            "69548-6",
            "53037-8",
            "LP7824-8",
            "LP232697-6",
        ],
    ),
];

fn of_code(system: &str, code: &str) -> Labels {
    let code: String = code
        .chars()
        .filter(|sign| *sign != '.')
        .flat_map(char::to_uppercase)
        .collect();
    if system.is_empty() && !is_built_like_icd10(&code) {
        return Labels::NONE;
    }
    TABLE
        .iter()
        .filter(|row| row.systems.contains(&system))
        .filter(|row| row.prefixes.iter().any(|prefix| code.starts_with(prefix)))
        .map(|row| row.label)
        .collect()
}

fn is_built_like_icd10(code: &str) -> bool {
    matches!(code.as_bytes(), [letter, tens, ones, ..]
        if letter.is_ascii_uppercase() && tens.is_ascii_digit() && ones.is_ascii_digit())
}

const DEPARTMENT: &[&str] = &[
    "",
    "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment",
    "urn:oid:1.2.392.200250.2.2.2",
    "http://jpfhir.jp/fhir/core/CodeSystem/ClinicalDepartment",
];
/// Of the ministry's list of departments, on which SS-MIX2 table 0069 stands: 精神科, 神経科
/// (which in Japan has long meant psychiatry, not neurology), 心療内科.
const PSYCHIATRIC_DEPARTMENTS: &[&str] = &["02", "03", "33"];
const PSYCHIATRIC_NAMES: &[&str] = &["精神", "心療内科", "メンタル", "psychiatr", "psychosomatic"];

fn of_department(system: &str, code: &str) -> Labels {
    let by_code = DEPARTMENT.contains(&system) && PSYCHIATRIC_DEPARTMENTS.contains(&code);
    let lower = code.to_lowercase();
    if by_code || PSYCHIATRIC_NAMES.iter().any(|name| lower.contains(name)) {
        Labels::NONE.with(Label::Psy)
    } else {
        Labels::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAPAN: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";

    fn of(system: &str, code: &str) -> Vec<Label> {
        labels_of(&[(system, code)], &[]).iter().collect()
    }

    #[test]
    fn psychiatry_is_known_in_every_spelling_of_icd10() {
        for system in [
            JAPAN,
            "http://hl7.org/fhir/sid/icd-10",
            "urn:oid:2.16.840.1.113883.6.3",
            "",
        ] {
            for code in ["F329", "F32.9", "f32.9", "F00", "F99"] {
                assert_eq!(of(system, code), [Label::Psy], "{system} {code}");
            }
        }
    }

    #[test]
    fn hiv_is_known_by_diagnosis_and_by_laboratory_code() {
        for code in ["B20", "B24", "Z21", "Z21.0"] {
            assert_eq!(of(JAPAN, code), [Label::Hiv], "{code}");
        }
        for system in [
            "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
            "urn:oid:1.2.392.200119.4.504",
        ] {
            assert_eq!(of(system, "5F560143002305111"), [Label::Hiv]);
            assert_eq!(of(system, "5F016141002302311"), []);
        }
    }

    #[test]
    fn one_code_can_carry_two_sensitivities() {
        assert_eq!(of(JAPAN, "F10.2"), [Label::Psy, Label::Eth]);
        assert_eq!(of(JAPAN, "F02.4"), [Label::Psy, Label::Hiv]);
        let both = labels_of(&[(JAPAN, "F32"), (JAPAN, "B20")], &[]);
        assert_eq!(both, [Label::Psy, Label::Hiv].into_iter().collect());
    }

    #[test]
    fn ordinary_care_carries_no_label() {
        for code in ["E11.9", "I10", "B18.1", "J45", "Z00", "T78.4", "Y84", "K25"] {
            assert_eq!(of(JAPAN, code), [], "{code}");
        }
        assert_eq!(of("http://example.jp/local", "F32"), []);
        assert_eq!(of("", "FBS"), []);
        assert_eq!(
            labels_of(&[], &[("", "01"), ("", "神経内科"), ("", "内科")]),
            Labels::NONE
        );
    }

    #[test]
    fn what_psychiatry_wrote_is_psychiatric_whatever_it_says() {
        let psychiatry = Labels::NONE.with(Label::Psy);
        for department in [
            ("http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment", "02"),
            ("urn:oid:1.2.392.200250.2.2.2", "33"),
            ("http://example.jp/departments", "精神神経科"),
            ("", "Psychiatry"),
        ] {
            assert_eq!(labels_of(&[(JAPAN, "E11.9")], &[department]), psychiatry);
        }
    }

    #[test]
    fn antidepressants_and_genes_are_known_by_class() {
        assert_eq!(
            of(
                "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code",
                "1179041F1025"
            ),
            [Label::Psy]
        );
        assert_eq!(of("http://www.whocc.no/atc", "N06AB05"), [Label::Psy]);
        assert_eq!(of("http://loinc.org", "51969-4"), [Label::Gdis]);
    }
}
