//! How long it takes until everybody obeys: a withdrawn consent, a suspended member.
//!
//! Rounds on a clock that is moved, and one by the machine's. Whoever calls holds what was measured
//! against the promise.

use std::time::Duration;

use federation_service::clock::Stopwatch;
use futures_util::future::join_all;
use musubi_node::consent::{DirectiveId, Subject};

use crate::{Envoy, Hospital, Patient, Store, Town, charts};

/// A withdrawal: hospitals that reach the home node, seconds.
pub const CONNECTED_SECONDS: i64 = 60;
/// A withdrawal: hospitals that do not.
pub const CUT_OFF_SECONDS: i64 = 300;
/// A suspension, at every connected node.
pub const SUSPENDED_SECONDS: i64 = 60;
/// How often a node looks at the registry's status.
const POLL_SECONDS: i64 = 20;
const RESPONDERS: [&str; 2] = ["minato", "yukimi"];
/// How often the real clock is looked at.
const GLANCE: Duration = Duration::from_millis(500);

/// Seconds until each node refused, by its short name.
#[derive(Debug)]
pub struct InRealTime {
    /// A token whose consent was withdrawn.
    pub withdrawals: Vec<(&'static str, f64)>,
    /// A member that was suspended.
    pub suspensions: Vec<(&'static str, f64)>,
}

/// The middle and the worst of what was measured.
#[must_use]
pub fn median_and_worst<N: Copy + PartialOrd>(measured: &[N]) -> (N, N) {
    let mut sorted = measured.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}

/// One withdrawal and one suspension by the machine's clock, at the worst moment: seconds until each
/// node refuses.
pub async fn by_the_real_clock() -> InRealTime {
    let names = ["minato", "yukimi", "shirakaba", "kiri"];
    let town = Town::in_real_time(&names, Store::Sqlite).await;
    let hana = person_of_two(&town).await;
    let visit = Visit::granted(&town, &hana).await;
    // The worst moment: every responder has just heard that the token stands.
    for name in RESPONDERS {
        assert_eq!(visit.ask(&town, name).await, "");
    }
    let (asker, suspended) = (town.at("shirakaba").envoy(), town.at("kiri").envoy());
    assert_eq!(echo(&town, &suspended, "minato").await, "");

    withdraw(&town, &hana).await;
    town.suspend("kiri");
    let watch = Stopwatch::start();
    let withdrawn = RESPONDERS.map(|name| {
        let (visit, town, watch) = (&visit, &town, &watch);
        let asking = move || visit.ask(town, name);
        async move { (name, until("token_revoked", watch, asking).await) }
    });
    let suspensions = ["minato", "yukimi", "shirakaba"].map(|name| {
        let (kiri, town, watch) = (&suspended, &town, &watch);
        let asking = move || echo(town, kiri, name);
        async move { (name, until("member_suspended", watch, asking).await) }
    });
    let (withdrawn, suspensions) =
        futures_util::future::join(join_all(withdrawn), join_all(suspensions)).await;

    // Who was not suspended is served on, and who was cannot ask.
    assert_eq!(echo(&town, &asker, "yukimi").await, "");
    town.stop().await;
    InRealTime {
        withdrawals: withdrawn,
        suspensions,
    }
}

/// Withdrawals while every hospital reaches the home node: seconds until all refuse, of each round.
pub async fn withdrawals_connected(rounds: i64) -> Vec<i64> {
    let town = Town::start(&["minato", "yukimi", "shirakaba"], Store::Sqlite).await;
    let hana = person_of_two(&town).await;
    nobody_is_told(&town);
    let mut measured = Vec::new();
    for round in 0..rounds {
        let visit = Visit::granted(&town, &hana).await;
        for name in RESPONDERS {
            assert_eq!(visit.ask(&town, name).await, "", "round {round}, {name}");
        }
        // Somewhere in the life of the list that they have.
        town.clock.advance(round % 20 * 3 / 2);
        withdraw(&town, &hana).await;
        let mut refused = RESPONDERS.map(|name| (name, None));
        for second in 0..=CONNECTED_SECONDS {
            for (name, after) in &mut refused {
                let answer = visit.ask(&town, name).await;
                if after.is_none() && answer == "token_revoked" {
                    *after = Some(second);
                }
                // Once refused, never shown again.
                assert_eq!(after.is_some(), !answer.is_empty(), "{name}: {answer}");
            }
            if refused.iter().all(|(_, after)| after.is_some()) {
                break;
            }
            town.clock.advance(1);
        }
        let last = refused.map(|(name, after)| after.unwrap_or_else(|| panic!("{name} goes on")));
        measured.push(last.into_iter().max().unwrap());
        town.settle().await;
    }
    town.stop().await;
    measured
}

/// Withdrawals whose home node nobody reaches afterwards: seconds until the hospital refuses, of each
/// round.
pub async fn withdrawals_cut_off(rounds: i64) -> Vec<i64> {
    let mut town = Town::start(&["minato", "yukimi", "shirakaba"], Store::Sqlite).await;
    let hana = person_of_two(&town).await;
    nobody_is_told(&town);
    let mut measured = Vec::new();
    for round in 0..rounds {
        let visit = Visit::granted(&town, &hana).await;
        assert_eq!(visit.ask(&town, "yukimi").await, "", "round {round}");
        town.clock.advance(round % 6 * 5);
        withdraw(&town, &hana).await;
        town.at_mut("minato").stop().await;

        let mut after = 0;
        loop {
            let answer = visit.ask(&town, "yukimi").await;
            if answer == "token_status_unavailable" {
                break;
            }
            assert_eq!(answer, "", "it does not know better yet");
            after += 1;
            assert!(after <= CUT_OFF_SECONDS, "yukimi goes on");
            town.clock.advance(1);
        }
        measured.push(after);
        let time = town.shared_clock();
        town.at_mut("minato").start(time).await;
        town.settle().await;
        // A question after a failed fetch waits some seconds for the next.
        town.clock.advance(5);
        assert_eq!(visit.ask(&town, "yukimi").await, "token_revoked");
    }
    town.stop().await;
    measured
}

/// Suspensions, at every node that reaches the registry: seconds until all refuse, of each round.
///
/// The nodes' own timers run by the machine's clock, so each looks at the registry every 20 s of the
/// town's time, at moments of its own.
pub async fn suspensions(rounds: i64) -> Vec<i64> {
    let names = ["minato", "yukimi", "shirakaba", "kiri"];
    let town = Town::start(&names, Store::Sqlite).await;
    let kiri = town.at("kiri").envoy();
    let others = ["minato", "yukimi", "shirakaba"];
    let mut measured = Vec::new();
    for round in 0..rounds {
        for name in others {
            assert_eq!(echo(&town, &kiri, name).await, "", "round {round}, {name}");
        }
        town.suspend("kiri");
        the_registry_says(&town, 1).await;
        let phases = [
            round % POLL_SECONDS,
            (round * 7 + 3) % POLL_SECONDS,
            (round * 13) % POLL_SECONDS,
        ];
        let mut after = 0;
        for second in 0..=SUSPENDED_SECONDS {
            let mut serve = Vec::new();
            for (name, phase) in others.iter().zip(phases) {
                if second % POLL_SECONDS == phase {
                    poll(town.at(name)).await;
                }
                if echo(&town, &kiri, name).await != "member_suspended" {
                    serve.push(name);
                }
            }
            if serve.is_empty() {
                after = second;
                break;
            }
            assert!(second < SUSPENDED_SECONDS, "{serve:?} go on");
            town.clock.advance(1);
        }
        measured.push(after);
        let id = town.at("kiri").id().to_string();
        town.registry_command(&["member", "resume", &id]);
        the_registry_says(&town, 0).await;
        town.settle().await;
    }
    town.stop().await;
    measured
}

/// What a physician holds after one visit.
struct Visit {
    envoy: Envoy,
    tokens: Vec<(&'static str, String)>,
}

impl Visit {
    async fn granted(town: &Town, patient: &Patient) -> Self {
        let grant = town.grant(patient, "shirakaba", "lab").await;
        let mut tokens = Vec::new();
        for name in RESPONDERS {
            tokens.push((name, town.token_of(&grant, "shirakaba", name).await));
        }
        let envoy = town.at("shirakaba").envoy();
        Self { envoy, tokens }
    }

    /// The code of the refusal; empty when the result was shown.
    async fn ask(&self, town: &Town, name: &str) -> String {
        let token = self.tokens.iter().find(|(of, _)| *of == name);
        let (_, token) = token.unwrap();
        let at = town.at(name);
        let reply = self.envoy.ask(at, token, "Observation", town.now()).await;
        assert_eq!(reply.status == 200, reply.code().is_empty());
        if reply.status == 200 {
            assert_eq!(reply.resources().len(), 1);
        }
        reply.code()
    }
}

async fn person_of_two(town: &Town) -> Patient {
    for name in RESPONDERS {
        town.at(name)
            .load(&[
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
            ])
            .await;
    }
    town.person("hana", "minato", &RESPONDERS).await
}

/// Minato believes that it tried every hospital a moment ago, and will not for a century: what is
/// measured is the status list alone.
fn nobody_is_told(town: &Town) {
    let later = town.now().plus_seconds(100 * 365 * 86_400).micros();
    let mut database = town.at("minato").other_connection();
    for name in RESPONDERS {
        let id = town.at(name).id();
        database.run(&format!(
            "INSERT INTO revocation_audience VALUES ('{id}', 0, 9, {later})"
        ));
    }
}

/// Withdraws what the person gave and has not yet withdrawn.
async fn withdraw(town: &Town, patient: &Patient) {
    let consents = &town.at(&patient.home).rooms().consents;
    let person = Subject::Person(patient.person.parse().unwrap());
    let given = consents.list(person).await.unwrap();
    let active: Vec<&DirectiveId> = given
        .iter()
        .filter(|one| one.status == "active")
        .map(|one| &one.id)
        .collect();
    let [directive] = active.as_slice() else {
        panic!("one directive of one visit: {active:?}");
    };
    let changed = consents.withdraw(directive).await.unwrap();
    assert_eq!(changed.ended.len(), RESPONDERS.len());
}

/// The code of the refusal; empty for an echo.
async fn echo(town: &Town, envoy: &Envoy, name: &str) -> String {
    let now = town.now();
    let parcel = envoy.sign(envoy.echo(town.at(name), now), now);
    envoy.send(town.at(name), &parcel).await.code()
}

async fn poll(hospital: &Hospital) {
    let directory = hospital.node().federation().directory();
    directory.poll().await.unwrap();
}

/// Waits until the registry, which looks at its database ten times a second, says that so many
/// members are suspended. `kiri`, who decides nothing, asks it.
async fn the_registry_says(town: &Town, suspended: usize) {
    let directory = town.at("kiri").node().federation().directory();
    for _ in 0..200 {
        directory.poll().await.unwrap();
        let membership = directory.membership().unwrap();
        let kiri = town.at("kiri").id();
        let takes_part = membership
            .state(kiri, town.now())
            .is_some_and(|state| state.takes_part());
        if takes_part == (suspended == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the registry did not say it");
}

/// Asks until the refusal comes; seconds since `watch` started.
async fn until<F: Future<Output = String>>(
    code: &str,
    watch: &Stopwatch,
    ask: impl Fn() -> F,
) -> f64 {
    loop {
        let answer = ask().await;
        if answer == code {
            return watch.elapsed().as_secs_f64();
        }
        assert_eq!(answer, "", "only {code} is expected");
        assert!(
            watch.elapsed().as_secs() < 120,
            "no {code} after two minutes"
        );
        tokio::time::sleep(GLANCE).await;
    }
}
