//! What a permit withholds cannot be felt: whatever is asked, in whatever order, with whatever
//! beside it, the answer is that of a house where the withheld never was.

use federation_protocol::category::Category;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::differential::sample;
use super::judging::Peer;
use super::*;
use crate::database::testing::on_each_async;

const QUESTIONS: usize = 400;
const SECRET: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Whose chart is read. Nobody else's is.
const READ: &str = "p0";

/// Results and reports of three people; about a third of them sensitive, some of a category that is
/// not let out, some referring to what is.
fn charts(runner: &mut TestRunner) -> Vec<Value> {
    use prop::sample::select;
    let one = (
        0..3_usize,
        select(&["a", "b", "c"][..]),
        select(&["2026-01-01", "2026-02-01", "2026-03"][..]),
        select(&["laboratory", "vital-signs"][..]),
        prop::bool::weighted(0.3),
        0..40_usize,
    );
    let mut all: Vec<Value> = (0..3).map(|n| patient(&format!("p{n}"))).collect();
    for number in 0..40_usize {
        let (whose, code, date, category, secret, other) = sample(runner, &one);
        // What is referred to before it is written takes its place among equal dates then.
        let other = other % (number + 1);
        let mut result = lab(&format!("o{number}"), &format!("p{whose}"), code, date);
        result["category"][0]["coding"][0]["code"] = json!(category);
        result["valueQuantity"] = json!({"value": other});
        result["hasMember"] = json!([{"reference": format!("Observation/o{other}")}]);
        if secret {
            result["meta"] = json!({"security": [{"system": SECRET, "code": "PSY"}]});
        }
        all.push(result);
    }
    for number in 0..12 {
        let (whose, code, date, _, secret, other) = sample(runner, &one);
        let mut report = json!({
            "resourceType": "DiagnosticReport", "id": format!("r{number}"), "status": "final",
            "category": [{"coding": [{"system": "http://loinc.org", "code": "LP29693-6"}]}],
            "code": {"coding": [{"system": "urn:c", "code": code}]},
            "subject": {"reference": format!("Patient/p{whose}")}, "effectiveDateTime": date,
            "result": [{"reference": format!("Observation/o{other}")}]
        });
        if secret {
            report["meta"] = json!({"security": [{"system": SECRET, "code": "PSY"}]});
        }
        all.push(report);
    }
    all
}

/// Whether the peer may see it.
fn is_shown(resource: &Value) -> bool {
    let lets_out = resource["category"][0]["coding"][0]["code"] != "vital-signs";
    resource["subject"]["reference"] == format!("Patient/{READ}")
        && lets_out
        && resource["meta"].is_null()
}

/// A question over results.
fn question() -> impl Strategy<Value = Vec<(String, String)>> {
    use prop::sample::select;
    let criterion = prop_oneof![
        select(&["a", "b", "a,c"][..]).prop_map(|code| ("code".to_owned(), code.to_owned())),
        Just(("code:not".to_owned(), "a".to_owned())),
        Just(("date".to_owned(), "ge2026-02".to_owned())),
        select(&["gt10", "lt30"][..]).prop_map(|v| ("value-quantity".to_owned(), v.to_owned())),
        (0..40_usize).prop_map(|n| ("has-member".to_owned(), format!("Observation/o{n}"))),
        select(&["a", "b"][..])
            .prop_map(|code| ("has-member:Observation.code".to_owned(), code.to_owned())),
        Just(("has-member.value-quantity".to_owned(), "gt15".to_owned())),
        Just((
            "_has:DiagnosticReport:result:code".to_owned(),
            "a".to_owned()
        )),
        Just((
            "_has:Observation:has-member:code".to_owned(),
            "b".to_owned()
        )),
        Just((
            "_has:Observation:has-member:code:text".to_owned(),
            "x".to_owned()
        )),
        Just(("code-value-quantity".to_owned(), "a$gt5".to_owned())),
        Just(("patient".to_owned(), READ.to_owned())),
        Just(("patient".to_owned(), "p1".to_owned())),
        Just(("patient.identifier".to_owned(), "p0".to_owned())),
    ];
    let shape = prop_oneof![
        select(&["date", "-value-quantity", "code,_id", "_lastUpdated"][..])
            .prop_map(|by| ("_sort".to_owned(), by.to_owned())),
        Just(("_include".to_owned(), "Observation:has-member".to_owned())),
        Just((
            "_include:iterate".to_owned(),
            "Observation:has-member".to_owned()
        )),
        Just((
            "_revinclude".to_owned(),
            "DiagnosticReport:result".to_owned()
        )),
        Just(("_total".to_owned(), "accurate".to_owned())),
        Just(("_summary".to_owned(), "count".to_owned())),
    ];
    let shapes = prop::collection::btree_map("_sort|_include|_total|_revinclude", shape, 0..3);
    (prop::collection::vec(criterion, 0..3), shapes, 1..6_usize).prop_map(
        |(mut pairs, shapes, count)| {
            for (name, value) in shapes.into_values() {
                if !pairs.iter().any(|(other, _)| *other == name) {
                    pairs.push((name, value));
                }
            }
            pairs.push(("_count".to_owned(), count.to_string()));
            pairs
        },
    )
}

/// Every page: the matches in their order, what is beside them, the total.
async fn everything(
    house: &House,
    reach: &impl Reach,
    pairs: &[(String, String)],
) -> (Vec<String>, Vec<String>, Option<usize>) {
    let kind = ResourceType::named("Observation").unwrap();
    let (mut matches, mut beside, mut total) = (Vec::new(), Vec::new(), None);
    let mut asked = pairs.to_vec();
    loop {
        let query = SearchQuery::parse(kind, &asked).unwrap();
        let page = house.records.search_as(reach, query).await.unwrap();
        matches.extend(page.entries.iter().map(|entry| entry.address.to_string()));
        beside.extend(page.included.iter().map(|entry| entry.address.to_string()));
        total = total.or(page.total);
        let Some(cursor) = page.next else { break };
        asked = pairs.to_vec();
        asked.push(("_cursor".to_owned(), cursor));
    }
    (matches, beside, total)
}

#[tokio::test]
async fn no_search_tells_of_what_is_withheld_by_match_order_count_or_what_stands_beside() {
    let mut runner = TestRunner::deterministic();
    let all = charts(&mut runner);
    let shown = all.iter().filter(|one| is_shown(one)).count();
    assert!((3..30).contains(&shown), "{shown} are shown");
    let questions: Vec<_> = (0..QUESTIONS)
        .map(|_| sample(&mut runner, &question()))
        .collect();
    // The same clock and the same order of writing, without what is withheld.
    let emptied = crate::database::testing::sqlite();
    let bare = House::open(emptied.database.clone()).await;
    for one in all.iter().filter(|one| is_shown(one)) {
        bare.put(one).await;
    }
    let expected = {
        let mut answers = Vec::new();
        for pairs in &questions {
            answers.push(everything(&bare, &bare.permit, pairs).await);
        }
        answers
    };
    let told = expected
        .iter()
        .filter(|(matches, _, _)| !matches.is_empty());
    assert!(told.count() > QUESTIONS / 10);
    on_each_async(async |database| {
        let house = House::open(database).await;
        for one in &all {
            house.put(one).await;
        }
        let chart = house
            .records
            .chart_of(&address(&format!("Patient/{READ}")))
            .await;
        let peer = Peer {
            chart: chart.unwrap().unwrap(),
            categories: vec![Category::Lab],
        };
        for (pairs, expected) in questions.iter().zip(&expected) {
            let answer = everything(&house, &peer, pairs).await;
            assert_eq!(answer, *expected, "{pairs:?}");
        }
    })
    .await;
}
