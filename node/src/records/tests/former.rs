//! What a resource said before is judged by all that marked it, and by what it is by now.

use federation_protocol::category::Category;
use federation_protocol::consent::ResourceFacts;
use federation_protocol::label::Confidentiality;
use proptest::prelude::*;

use super::differential::sample;
use super::*;
use crate::database::testing::{on_each_async, runner};

/// As a peer's permit: results of one chart, nothing Restricted, nothing of 2011, nothing by one
/// practitioner.
pub(super) struct Denying {
    pub(super) chart: Rid,
}

const KINDS: [Category; 2] = [Category::Lab, Category::Rx];

impl Reach for Denying {
    fn sees_everything(&self) -> bool {
        false
    }

    fn chart(&self) -> Option<Rid> {
        Some(self.chart)
    }

    fn categories(&self) -> Option<&[Category]> {
        Some(&KINDS)
    }

    fn allows(&self, facts: &ResourceFacts) -> bool {
        let year = super::super::date::parse("2011").unwrap();
        let (from, to) = (
            Timestamp::from_micros(year.lo),
            Timestamp::from_micros(year.hi),
        );
        // An undated resource is denied, too.
        let during =
            |date: federation_protocol::consent::Span| date.first() <= to && date.last() >= from;
        let denied_by_date = facts.date.is_none_or(during);
        KINDS.contains(&facts.category)
            && facts.labels.confidentiality() == Confidentiality::Normal
            && !denied_by_date
            && !facts
                .authors
                .iter()
                .any(|author| author == "Practitioner/9")
    }
}

pub(super) async fn denying(house: &House) -> Denying {
    let chart = house.records.chart_of(&address("Patient/p")).await;
    Denying {
        chart: chart.unwrap().unwrap(),
    }
}

async fn page(
    house: &House,
    reach: &impl Reach,
    pairs: &[(&str, &str)],
    cursor: Option<&str>,
) -> Result<Page, RecordsError> {
    let mut pairs = pairs.to_vec();
    pairs.extend(cursor.map(|cursor| ("_cursor", cursor)));
    let query = SearchQuery::parse(ResourceType::named("Observation").unwrap(), &pairs).unwrap();
    house.records.search_as(reach, query).await
}

fn versions(page: &Page) -> Vec<String> {
    let said = |entry: &Entry| format!("{}/{}", entry.address.id, entry.version);
    page.entries.iter().map(said).collect()
}

fn encounter(id: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p"}, "period": {"start": "2026-01-01"}
    })
}

fn psychiatric(mut resource: Value) -> Value {
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    resource["meta"] = json!({"security": [{"system": act, "code": "PSY"}]});
    resource
}

fn during(mut resource: Value, encounter: &str) -> Value {
    resource["encounter"] = json!({"reference": format!("Encounter/{encounter}")});
    resource
}

/// Three results, the oldest last: the first fills the first page.
async fn three(house: &House) {
    for id in ["p", "q"] {
        house.put(&patient(id)).await;
    }
    house.put(&psychiatric(encounter("e"))).await;
    house.put(&lab("first", "p", "c", "2026-03-01")).await;
    house.put(&lab("last", "p", "c", "2026-01-01")).await;
}

const ORDERS: [&[(&str, &str)]; 2] = [
    &[("_count", "1")],
    &[("_count", "1"), ("_sort", "-date,_id")],
];

#[tokio::test]
async fn what_an_encounter_withheld_at_the_first_page_stands_on_no_later_one_when_it_has_left_it() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        three(&house).await;
        for (order, id) in ORDERS.iter().zip(["o", "other"]) {
            let plain = lab(id, "p", "c", "2026-02-01");
            house.put(&during(plain.clone(), "e")).await;
            let peer = denying(&house).await;
            let first = page(&house, &peer, order, None).await.unwrap();
            assert_eq!(versions(&first), ["first/1"]);
            house.put(&plain).await;
            let second = page(&house, &peer, order, first.next.as_deref()).await;
            let second = second.unwrap();
            assert!(!versions(&second).contains(&format!("{id}/1")), "{order:?}");
            house
                .records
                .delete(&house.permit, &address_of(&plain), None)
                .await
                .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_correction_hides_stands_on_no_later_page_as_it_was() {
    let gene = |mut one: Value| {
        one["code"] = json!({"coding": [{
            "system": "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
            "code": "8C010000001906202"
        }]});
        one
    };
    let by = |mut one: Value| {
        one["performer"] = json!([{"reference": "Practitioner/9"}]);
        one
    };
    let plain = lab("o", "p", "c", "2026-02-01");
    let corrected = [
        gene(plain.clone()),
        by(plain.clone()),
        psychiatric(plain.clone()),
        during(plain.clone(), "e"),
        lab("o", "p", "c", "2011-02-01"),
        lab("o", "q", "c", "2026-02-01"),
    ];
    on_each_async(async |database| {
        let house = House::open(database).await;
        three(&house).await;
        for correction in &corrected {
            for order in ORDERS {
                for deleted in [false, true] {
                    house.put(&plain).await;
                    let peer = denying(&house).await;
                    let first = page(&house, &peer, order, None).await.unwrap();
                    house.put(correction).await;
                    if deleted {
                        let at = address("Observation/o");
                        house
                            .records
                            .delete(&house.permit, &at, None)
                            .await
                            .unwrap();
                    }
                    let second = page(&house, &peer, order, first.next.as_deref()).await;
                    let second = versions(&second.unwrap());
                    assert_eq!(second, ["last/1"], "{correction} {order:?} {deleted}");
                }
            }
        }
        // What was there and may be shown is shown as it was, deleted or not.
        house.put(&plain).await;
        let peer = denying(&house).await;
        let first = page(&house, &peer, ORDERS[0], None).await.unwrap();
        let at = address("Observation/o");
        house
            .records
            .delete(&house.permit, &at, None)
            .await
            .unwrap();
        let second = page(&house, &peer, ORDERS[0], first.next.as_deref())
            .await
            .unwrap();
        assert_eq!(second.entries[0].address, at);
    })
    .await;
}

#[tokio::test]
async fn the_past_of_a_person_keeps_what_an_encounter_marked() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&untold(encounter("secret"))).await;
        house.put(&encounter("late")).await;
        let own = own_permit(&house, "Patient/p").await;
        let plain = |id| lab(id, "p", "c", "2026-01-01");
        house.put(&during(plain("left"), "secret")).await;
        house.put(&plain("left")).await;
        house.put(&during(plain("again"), "secret")).await;
        let again = address("Observation/again");
        house
            .records
            .delete(&house.permit, &again, None)
            .await
            .unwrap();
        house.put(&plain("again")).await;
        // It had left the encounter before that was marked.
        house.put(&during(plain("before"), "late")).await;
        house.put(&plain("before")).await;
        house.put(&untold(encounter("late"))).await;
        let check = async |step: &str| {
            for (id, newest) in [("left", 2), ("again", 3), ("before", 2)] {
                let at = address(&format!("Observation/{id}"));
                for version in 1..newest {
                    let former = house.records.vread(&own, &at, version).await;
                    let hidden = matches!(former, Err(RecordsError::NotFound));
                    assert!(hidden, "{id}/{version} {step}");
                }
                assert!(house.records.vread(&own, &at, newest).await.is_ok());
                let past = house.whole_past(&own, HistoryOf::One(at), "50").await;
                assert_eq!(past.len(), 1, "{id} {step}: {past:?}");
            }
        };
        check("now").await;
        // Versions that an earlier program put aside are marked by the encounters that they name.
        let database = house.database.clone();
        let forget = move || database.transact_blocking(store::forget_marks);
        tokio::task::spawn_blocking(forget).await.unwrap().unwrap();
        house.put(&during(plain("left"), "secret")).await;
        let at = address("Observation/left");
        let past = HistoryQuery::parse::<&str, &str>(HistoryOf::One(at), &[]).unwrap();
        let past = house.records.history(&own, &past).await;
        assert!(matches!(past, Err(RecordsError::NotFound)));
        house.put(&plain("left")).await;
        let at = address("Observation/before");
        let former = house.records.vread(&own, &at, 1).await;
        assert!(matches!(former, Err(RecordsError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn a_search_under_a_permit_ends_a_quarter_of_an_hour_after_its_first_page() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        three(&house).await;
        house.put(&lab("second", "p", "c", "2026-02-01")).await;
        let peer = denying(&house).await;
        for order in ORDERS {
            let first = page(&house, &peer, order, None).await.unwrap();
            house.clock.advance(600);
            let second = page(&house, &peer, order, first.next.as_deref()).await;
            let next = second.unwrap().next;
            house.clock.advance(301);
            let third = page(&house, &peer, order, next.as_deref()).await;
            assert!(matches!(third, Err(RecordsError::Cursor(_))), "{order:?}");
            // The house's own systems read on for as long as they ask.
            let first = page(&house, &house.permit, order, None).await.unwrap();
            house.clock.advance(600);
            let second = page(&house, &house.permit, order, first.next.as_deref()).await;
            house.clock.advance(600);
            let next = second.unwrap().next;
            let third = page(&house, &house.permit, order, next.as_deref()).await;
            assert_eq!(third.unwrap().entries.len(), 1, "{order:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn that_something_was_deleted_is_told_to_whom_it_would_have_been_shown() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&lab("shown", "p", "c", "2026-01-01")).await;
        house
            .put(&untold(lab("hidden", "p", "c", "2026-01-01")))
            .await;
        house.put(&untold(encounter("visit"))).await;
        house.put(&encounter("open")).await;
        let own = own_permit(&house, "Patient/p").await;
        for at in [
            "Observation/shown",
            "Observation/hidden",
            "Encounter/visit",
            "Encounter/open",
        ] {
            house
                .records
                .delete(&house.permit, &address(at), None)
                .await
                .unwrap();
        }
        for (at, told) in [
            ("Observation/shown", true),
            ("Observation/hidden", false),
            ("Encounter/visit", false),
            ("Encounter/open", true),
        ] {
            let at = address(at);
            let right = |answer: Result<(), RecordsError>| match answer {
                Err(RecordsError::Deleted) => told,
                Err(RecordsError::NotFound) => !told,
                _ => false,
            };
            let records = &house.records;
            assert!(right(records.read(&own, &at).await.map(drop)), "{at}");
            assert!(right(records.vread(&own, &at, 2).await.map(drop)), "{at}");
            if at.kind.name() == "Encounter" {
                let none: [(&str, &str); 0] = [];
                let query = EverythingQuery::parse(at.clone(), &none).unwrap();
                assert!(
                    right(records.everything(&own, &query).await.map(drop)),
                    "{at}"
                );
            }
            let read = records.read(&house.permit, &at).await;
            assert!(matches!(read, Err(RecordsError::Deleted)), "{at}");
            // Written anew: the deletion between is told no more than what was deleted.
            let again = match at.kind.name() {
                "Encounter" => encounter(at.id.as_str()),
                _ => lab(at.id.as_str(), "p", "c", "2026-01-01"),
            };
            house.put(&again).await;
            assert!(right(records.vread(&own, &at, 2).await.map(drop)), "{at}");
        }
    })
    .await;
}

/// A result in any state, by the numbers that make it.
type State = (u8, u8, u8, u8, u8);

fn state() -> impl Strategy<Value = State> {
    (0..6_u8, 0..4_u8, 0..5_u8, 0..5_u8, 0..5_u8)
}

fn made(number: usize, (label, date, author, kind, place): State) -> Value {
    let whose = if place == 0 { "q" } else { "p" };
    let date = ["2011-05-01", "2026-01-01", "2026-02-01", "2026-03-01"][usize::from(date)];
    let mut one = lab(&format!("o{number}"), whose, "c", date);
    one["valueQuantity"] = json!({"value": number});
    match label {
        0 => one = psychiatric(one),
        1 => one = during(one, "e"),
        2 => one = during(one, "open"),
        _ => {}
    }
    if author == 0 {
        one["performer"] = json!([{"reference": "Practitioner/9/_history/3"}]);
    }
    match kind {
        0 => one["category"][0]["coding"][0]["code"] = json!("vital-signs"),
        1 => one["contained"] = json!([lab("in", "p", "c", "2011-01-01")]),
        _ => {}
    }
    one
}

fn is_shown((label, date, author, kind, place): State) -> bool {
    label > 1 && date > 0 && author > 0 && kind > 1 && place > 0
}

#[tokio::test]
async fn writes_between_two_pages_show_nothing_that_was_withheld_then_or_is_now() {
    const NUMBERS: usize = 9;
    let mut runner = runner();
    let start = sample(&mut runner, &prop::collection::vec(state(), NUMBERS));
    let write = (0..NUMBERS, prop::option::weighted(0.8, state()));
    let rounds = prop::collection::vec(
        (0..4_usize, 1..3_usize, prop::collection::vec(write, 0..5)),
        60,
    );
    let rounds = sample(&mut runner, &rounds);
    on_each_async(async |database| {
        let house = House::open(database).await;
        three(&house).await;
        house.put(&encounter("open")).await;
        // What stands, or last stood, at each number.
        let mut states = start.clone();
        for (number, state) in start.iter().enumerate() {
            house.put(&made(number, *state)).await;
        }
        let peer = denying(&house).await;
        let shows = |states: &[State]| -> Vec<String> {
            let shown = states
                .iter()
                .enumerate()
                .filter(|(_, state)| is_shown(**state));
            shown.map(|(number, _)| format!("o{number}")).collect()
        };
        let everything = [("_count", "100")];
        let mut writes = rounds.iter();
        while let Some((order, count, _)) = writes.next() {
            let count = count.to_string();
            let order = [
                None,
                Some("date,_id"),
                Some("-value-quantity"),
                Some("_lastUpdated"),
            ][*order];
            let mut pairs = vec![("_count", count.as_str())];
            pairs.extend(order.map(|order| ("_sort", order)));
            let then = versions(&page(&house, &peer, &everything, None).await.unwrap());
            let mut read = page(&house, &peer, &pairs, None).await.unwrap();
            loop {
                for (said, entry) in versions(&read).iter().zip(&read.entries) {
                    assert!(then.contains(said), "{said} of {then:?} {pairs:?}");
                    let id = entry.address.id.to_string();
                    let now =
                        ["first", "last"].contains(&id.as_str()) || shows(&states).contains(&id);
                    assert!(now, "{said} {pairs:?} {states:?}");
                }
                let (Some(cursor), Some((_, _, some))) = (read.next, writes.next()) else {
                    break;
                };
                for (number, state) in some {
                    match state {
                        Some(state) => {
                            house.put(&made(*number, *state)).await;
                            states[*number] = *state;
                        }
                        None => {
                            let at = address(&format!("Observation/o{number}"));
                            house
                                .records
                                .delete(&house.permit, &at, None)
                                .await
                                .unwrap();
                        }
                    }
                }
                read = page(&house, &peer, &pairs, Some(&cursor)).await.unwrap();
            }
        }
    })
    .await;
}
