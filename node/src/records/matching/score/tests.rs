//! The whole table, tried: there are few enough kinds of evidence to try every one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::evidence::evidence;
use super::super::person::Person;
use super::*;

const AGREEMENTS: [Agreement; 4] = [
    Agreement::Differs,
    Agreement::Silent,
    Agreement::Partly,
    Agreement::Agrees,
];
const RESPECTS: u32 = 7;

fn numbered(number: usize) -> Evidence {
    let of = |respect: u32| AGREEMENTS[number / 4_usize.pow(respect) % 4];
    Evidence {
        insured: of(0),
        chart: of(1),
        born: of(2),
        sex: of(3),
        family: of(4),
        given: of(5),
        home: of(6),
    }
}

fn points(evidence: &Evidence) -> u16 {
    judged(evidence).map_or(0, |judged| judged.points)
}

#[test]
fn more_agreement_never_lowers_the_score() {
    for number in 0..4_usize.pow(RESPECTS) {
        for respect in 0..RESPECTS {
            let step = 4_usize.pow(respect);
            if number / step % 4 < 3 {
                let (less, more) = (numbered(number), numbered(number + step));
                assert!(points(&less) <= points(&more), "{less:?} {more:?}");
            }
        }
    }
}

#[test]
fn nothing_is_certain_without_a_persons_number_the_birth_date_and_the_sex() {
    use Agreement::{Agrees, Differs};
    let mut certain = 0;
    for evidence in (0..4_usize.pow(RESPECTS)).map(numbered) {
        let number = evidence.insured == Agrees || evidence.chart == Agrees;
        let confirmed = evidence.born == Agrees && evidence.sex == Agrees;
        let contradicted = evidence.insured == Differs || evidence.given == Differs;
        let grade = judged(&evidence).map(|judged| judged.grade);
        let wanted = number && confirmed && !contradicted;
        assert_eq!(grade == Some(Grade::Certain), wanted, "{evidence:?}");
        certain += usize::from(wanted);
    }
    assert!(certain > 0);
}

#[test]
fn points_and_grades_put_candidates_in_one_order() {
    let all: Vec<Judged> = (0..4_usize.pow(RESPECTS))
        .filter_map(|number| judged(&numbered(number)))
        .collect();
    let range = |grade: Grade| {
        let points = all
            .iter()
            .filter(move |one| one.grade == grade)
            .map(|one| one.points);
        (points.clone().min().unwrap(), points.max().unwrap())
    };
    assert!(range(Grade::CertainlyNot).1 < range(Grade::Possible).0);
    assert!(range(Grade::Possible).1 < range(Grade::Probable).0);
    assert!(range(Grade::Probable).1 < range(Grade::Certain).0);
    assert_eq!(range(Grade::Certain).1, 1_000);
}

#[test]
fn what_a_family_shares_is_possible_at_most() {
    use Agreement::{Agrees, Partly, Silent};
    let shared = Evidence {
        insured: Partly,
        chart: Silent,
        born: Silent,
        sex: Silent,
        family: Silent,
        given: Silent,
        home: Silent,
    };
    assert_eq!(judged(&shared).unwrap().grade, Grade::Possible);
    // A twin: everything but the given name and the branch.
    let twin = Evidence {
        born: Agrees,
        sex: Agrees,
        family: Agrees,
        home: Agrees,
        ..shared
    };
    assert_eq!(judged(&twin).unwrap().grade, Grade::Possible);
    let named = Evidence {
        given: Agrees,
        ..twin
    };
    assert_eq!(judged(&named).unwrap().grade, Grade::Probable);
}

#[test]
fn two_certain_ones_are_probable_and_so_is_one_in_a_crowd() {
    let certain = Judged {
        points: 1_000,
        grade: Grade::Certain,
    };
    let other = Judged {
        points: 400,
        grade: Grade::Possible,
    };
    let one = unique(vec![("b", other), ("a", certain)], false);
    assert_eq!(one, [("a", certain), ("b", other)]);
    let probable = Judged {
        points: 799,
        grade: Grade::Probable,
    };
    let two = unique(vec![("a", certain), ("b", other), ("c", certain)], false);
    assert_eq!(two, [("a", probable), ("c", probable), ("b", other)]);
    assert_eq!(unique(vec![("a", certain)], true), [("a", probable)]);
}

const MINATO: &str = "0110000001";

/// What can be said of one person, piece by piece: (member, whether it is a list, value).
fn pieces() -> Vec<(&'static str, Value)> {
    let member = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
    let chart = format!("urn:oid:1.2.392.100495.20.3.51.1{MINATO}");
    let elsewhere = "urn:oid:1.2.392.100495.20.3.51.10110000009";
    vec![
        (
            "identifier",
            json!({"system": member, "value": "00012345:あ:187:05"}),
        ),
        (
            "identifier",
            json!({"system": member, "value": "00012345:あ:１８７:"}),
        ),
        (
            "identifier",
            json!({"system": member, "value": "00099999::1:01"}),
        ),
        ("identifier", json!({"system": chart, "value": "0012"})),
        ("identifier", json!({"system": elsewhere, "value": "77"})),
        ("name", json!({"family": "佐藤", "given": ["花"]})),
        ("name", json!({"family": "サトウ", "given": ["ハナ"]})),
        ("name", json!({"text": "サトウ ハナ"})),
        ("name", json!({"given": ["ハナ"]})),
        ("name", json!({"family": "スズキ", "given": ["ハナ"]})),
        (
            "address",
            json!({"postalCode": "060-0001", "text": "札幌市中央区北一条西一丁目"}),
        ),
        ("address", json!({"postalCode": "0600001"})),
        ("birthDate", json!("1960-05-05")),
        ("gender", json!("female")),
    ]
}

/// Somebody else's.
fn strange() -> Vec<(&'static str, Value)> {
    let member = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
    vec![
        (
            "identifier",
            json!({"system": member, "value": "00012345:あ:187:06"}),
        ),
        ("name", json!({"family": "タカハシ", "given": ["ケン"]})),
        (
            "address",
            json!({"postalCode": "1000001", "text": "東京都千代田区千代田一丁目"}),
        ),
    ]
}

fn patient<'p>(said: impl IntoIterator<Item = &'p (&'static str, Value)>) -> Value {
    let mut patient = json!({"resourceType": "Patient"});
    for (member, value) in said {
        match patient.get_mut(*member) {
            Some(Value::Array(list)) => list.push(value.clone()),
            _ if value.is_object() => patient[*member] = json!([value]),
            _ => patient[*member] = value.clone(),
        }
    }
    patient
}

fn judged_points(asked: &Value, known: &Value) -> u16 {
    let (asked, known) = (Person::of_patient(asked), Person::of_patient(known));
    points(&evidence(&asked, &known, MINATO))
}

proptest! {
    #[test]
    fn saying_more_that_is_true_never_lowers_the_score(
        known in proptest::sample::subsequence(pieces(), 1..=14),
        said in proptest::collection::vec(any::<bool>(), 14),
        wrong in proptest::sample::subsequence(strange(), 0..=3),
        more in 0_usize..14,
    ) {
        let more = &known[more % known.len()];
        let told: Vec<_> = known
            .iter()
            .zip(said)
            .filter(|(piece, said)| *said && *piece != more)
            .map(|(piece, _)| piece)
            .chain(&wrong)
            .collect();
        let less = patient(told.iter().copied());
        let all = patient(told.into_iter().chain([more]));
        let known = patient(&known);
        prop_assert!(judged_points(&less, &known) <= judged_points(&all, &known));
    }

    #[test]
    fn the_order_of_what_is_said_makes_no_difference(
        asked in proptest::sample::subsequence(pieces(), 0..=14).prop_shuffle(),
        known in proptest::sample::subsequence(pieces(), 0..=14).prop_shuffle(),
    ) {
        let turned = |said: &[(&'static str, Value)]| patient(said.iter().rev());
        let straight = judged_points(&patient(&asked), &patient(&known));
        prop_assert_eq!(straight, judged_points(&turned(&asked), &turned(&known)));
    }
}
