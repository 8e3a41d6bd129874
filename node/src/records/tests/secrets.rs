//! What a permit withholds cannot be felt: whatever is asked, in whatever order, with whatever
//! beside it, the answer is that of a house where the withheld never was.

use federation_protocol::category::Category;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::differential::sample;
use super::judging::Peer;
use super::*;
use crate::database::testing::{on_each_async, runner};

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
    let mut runner = runner();
    let all = loop {
        let all = charts(&mut runner);
        let shown = all.iter().filter(|one| is_shown(one));
        let results = shown.filter(|one| one["resourceType"] == "Observation");
        // Some draws show hardly anything.
        if results.count() > 2 {
            break all;
        }
    };
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

/// The same charts as a person's own: what is withheld is kept from the person's eyes.
fn own_chart(runner: &mut TestRunner) -> Vec<Value> {
    let mut all = charts(runner);
    for one in &mut all {
        if one.get("meta").is_some() {
            *one = untold(one.clone());
        }
    }
    // The Patient is referred to long before it is written.
    let whose = all.remove(0);
    all.insert(12, whose);
    all
}

fn is_told(resource: &Value) -> bool {
    let address = format!("Patient/{READ}");
    let own = resource["resourceType"] == "Patient" && resource["id"] == READ;
    own || resource["subject"]["reference"] == address && resource["meta"].is_null()
}

impl House {
    /// Writes all as transactions of a few entries each, of which `wanted` are in them.
    async fn transact_some(&self, all: &[Value], wanted: fn(&Value) -> bool) {
        for some in all.chunks(7) {
            let entries = some.iter().filter(|one| wanted(one)).map(|one| {
                let request = json!({"method": "PUT", "url": address_of(one).to_string()});
                json!({"resource": one, "request": request})
            });
            let entries: Vec<Value> = entries.collect();
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
            let body = bundle.to_string();
            if !entries.is_empty() {
                let done = self.records.transaction(&self.permit, body.as_bytes());
                done.await.unwrap();
            }
        }
    }

    /// History and everything of the chart that is read, as its person gets them, page by page.
    async fn own_past_and_everything(&self, count: &str) -> Vec<String> {
        let chart = format!("Patient/{READ}");
        let permit = own_permit(self, &chart).await;
        let mut told = self.whole_past(&permit, HistoryOf::System, count).await;
        let results = ResourceType::named("Observation").unwrap();
        told.extend(
            self.whole_past(&permit, HistoryOf::Kind(results), count)
                .await,
        );
        told.extend(self.all_of(&permit, &chart, count).await);
        told
    }
}

#[tokio::test]
async fn neither_a_history_nor_everything_tells_by_its_order_of_what_is_withheld() {
    let mut runner = runner();
    let (all, told) = loop {
        let all = own_chart(&mut runner);
        let told = all.iter().filter(|one| is_told(one)).count();
        if (5..all.len() / 2).contains(&told) {
            break (all, told);
        }
    };
    let emptied = crate::database::testing::sqlite();
    let bare = House::open(emptied.database.clone()).await;
    bare.transact_some(&all, is_told).await;
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.transact_some(&all, |_| true).await;
        for count in ["3", "50"] {
            let expected = bare.own_past_and_everything(count).await;
            assert!(expected.len() > told);
            assert_eq!(house.own_past_and_everything(count).await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_referred_to_before_it_was_written_is_found_by_its_references_ever_after() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let visit = |status: &str| {
            json!({
                "resourceType": "Encounter", "id": "e", "status": status,
                "class": {"code": "AMB"}, "subject": {"reference": "Patient/p"}
            })
        };
        let seen = |id: &str| {
            let mut result = lab(id, "p", "a", "2026-01-01");
            result["encounter"] = json!({"reference": "Encounter/e"});
            result
        };
        house.put(&seen("before")).await;
        house.put(&patient("p")).await;
        house.put(&visit("planned")).await;
        house.put(&seen("after")).await;
        house.put(&visit("finished")).await;
        let both = ["after", "before"];
        for by in [
            ("encounter", "Encounter/e"),
            ("encounter.status", "finished"),
            ("encounter:Encounter.class", "AMB"),
        ] {
            assert_eq!(house.find("Observation", &[by]).await, both, "{by:?}");
        }
        for by in [("_has:Observation:encounter:code", "a"), ("_id", "e")] {
            assert_eq!(house.find("Encounter", &[by]).await, ["e"], "{by:?}");
        }
        let back = [("_id", "e"), ("_revinclude", "Observation:encounter")];
        let page = house.page("Encounter", &back).await.unwrap();
        assert_eq!(page.included.len(), 2);
        let whole = house.all_of(&house.permit, "Encounter/e", "50").await;
        assert_eq!(whole.len(), 3, "{whole:?}");
        // Read differently, deleted, and written anew.
        let before = index_rows(&house).await;
        let database = house.database.clone();
        let anew = tokio::task::spawn_blocking(move || super::super::reindex(&database));
        anew.await.unwrap().unwrap();
        assert_eq!(index_rows(&house).await, before);
        for id in both {
            let at = address(&format!("Observation/{id}"));
            house
                .records
                .delete(&house.permit, &at, None)
                .await
                .unwrap();
        }
        let by = [("encounter", "Encounter/e")];
        assert_eq!(house.find("Observation", &by).await, [""; 0]);
        house.put(&seen("before")).await;
        assert_eq!(house.find("Observation", &by).await, ["before"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_withheld_counts_towards_no_limit() {
    // More than may stand beside a page, and more than a link may lead to.
    const WITHHELD: usize = 1_100;
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient(READ)).await;
        let mut all = vec![lab("o", READ, "o", "2026-01-01")];
        for number in 0..WITHHELD + 2 {
            let mut one = lab(&format!("r{number}"), READ, "r", "2026-02-01");
            one["hasMember"] = json!([{"reference": "Observation/o"}]);
            if number < WITHHELD {
                one["meta"] = json!({"security": [{"system": SECRET, "code": "PSY"}]});
            }
            all.push(one);
        }
        for some in all.chunks(400) {
            let entries = some.iter().map(|one| {
                let request = json!({"method": "PUT", "url": address_of(one).to_string()});
                json!({"resource": one, "request": request})
            });
            let entries: Vec<Value> = entries.collect();
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
            let body = bundle.to_string();
            let done = house.records.transaction(&house.permit, body.as_bytes());
            done.await.unwrap();
        }
        let at = address(&format!("Patient/{READ}"));
        let chart = house.records.chart_of(&at).await;
        let peer = Peer {
            chart: chart.unwrap().unwrap(),
            categories: vec![Category::Lab],
        };
        for (name, value, matches, beside) in [
            ("_revinclude", "Observation:has-member", 3, 0),
            ("_has:Observation:has-member:code", "r", 1, 0),
            ("has-member:Observation.code", "r", 0, 0),
            ("has-member:Observation.code", "o", 2, 0),
            ("_sort", "code", 3, 0),
        ] {
            let kind = ResourceType::named("Observation").unwrap();
            let query = SearchQuery::parse(kind, &[(name, value)]).unwrap();
            let page = house.records.search_as(&peer, query).await.unwrap();
            let seen = (page.entries.len(), page.included.len(), page.cut);
            assert_eq!(seen, (matches, beside, false), "{name}={value}");
        }
        let asked = [("_id", "o"), ("_revinclude", "Observation:has-member")];
        let query = SearchQuery::parse(ResourceType::named("Observation").unwrap(), &asked);
        let page = house
            .records
            .search_as(&peer, query.unwrap())
            .await
            .unwrap();
        assert_eq!((page.included.len(), page.cut), (2, false));
        // To whom all is shown it is too much.
        let too_wide = house.page("Observation", &asked).await.unwrap();
        assert!(too_wide.cut);
    })
    .await;
}
