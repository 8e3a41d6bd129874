#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use super::*;

/// Mai, one of twins: the branch number and the given name tell them apart.
fn mai() -> Value {
    json!({
        "resourceType": "Patient", "gender": "female", "birthDate": "1990-05-01",
        "identifier": [
            {"system": format!("{CHART_SYSTEM}0110000002"), "value": "００１２"},
            {"system": INSURED_SYSTEM, "value": "00012345:あい:187:02"},
        ],
        "name": [{"family": "佐藤", "given": ["舞"]}, {"family": "サトウ", "given": ["マイ"]}],
        "telecom": [{"system": "phone", "value": "０１１-222-3333"}],
    })
}

fn fits(patient: &Value, shown: &Shown) -> Fit {
    fit(shown, &Person::of_patient(patient), patient, "0110000002")
}

fn insured(value: &str) -> Shown {
    Shown::InsuredId {
        value: value.into(),
    }
}

fn said(birth_date: &str, name: &str) -> Shown {
    Shown::BirthAndName {
        birth_date: birth_date.into(),
        name: name.into(),
    }
}

#[test]
fn what_is_one_persons_what_a_familys_and_what_nobodys() {
    let telephone = |value: &str| Shown::Telephone {
        value: value.into(),
    };
    let chart = |value: &str| Shown::ChartNumber {
        value: value.into(),
    };
    for (shown, wanted) in [
        (insured("00012345:あい:１８７:2"), Fit::Person),
        (insured("00012345:あい:187"), Fit::Family),
        (insured("00012345:あい:187:03"), Fit::Differs),
        (insured("00012345:う:187:02"), Fit::Differs),
        (insured("187"), Fit::Differs),
        (chart("0012"), Fit::Person),
        (chart("12"), Fit::Differs),
        (said("1990-05-01", "さとう まい"), Fit::Person),
        (said("1990-05-01", "佐藤 舞"), Fit::Person),
        (said("1990-05-01", "サトウ ユイ"), Fit::Differs),
        (said("1990-05", "サトウ マイ"), Fit::Differs),
        (said("1990-05-01", ""), Fit::Differs),
        (telephone("011 2223333"), Fit::Family),
        (telephone("3333"), Fit::Differs),
        (telephone(""), Fit::Differs),
        (Shown::MyNumberCard {}, Fit::Seen),
    ] {
        assert_eq!(fits(&mai(), &shown), wanted, "{}", shown.as_str());
    }
}

#[test]
fn a_chart_that_knows_only_the_family_is_named_by_no_branch() {
    let mut patient = mai();
    patient["identifier"][1]["value"] = json!("00012345:あい:187");
    assert_eq!(
        fits(&patient, &insured("00012345:あい:187:02")),
        Fit::Family
    );
}

#[test]
fn a_chart_without_a_year_or_a_sex_is_compared_with_none() {
    let wanted = BirthFacts {
        year: 1990,
        sex: Sex::Female,
    };
    assert_eq!(birth_facts(&mai()), Some(wanted));
    for (member, value) in [
        ("gender", json!("unknown")),
        ("gender", Value::Null),
        ("birthDate", json!("199")),
        ("birthDate", json!("あ9")),
        ("birthDate", Value::Null),
    ] {
        let mut patient = mai();
        patient[member] = value;
        assert_eq!(birth_facts(&patient), None);
    }
}

#[test]
fn what_is_shown_is_one_of_a_closed_list() {
    let read = |value: Value| serde_json::from_value::<Shown>(value).is_ok();
    assert!(read(json!({"kind": "my_number_card"})));
    assert!(read(json!({"kind": "chart_number", "value": "12"})));
    for other in [
        json!({"kind": "my_number_card", "value": "123456789012"}),
        json!({"kind": "my_number", "value": "123456789012"}),
        json!({"kind": "address", "value": "札幌市"}),
        json!({"kind": "chart_number"}),
        json!({}),
    ] {
        assert!(!read(other));
    }
}
