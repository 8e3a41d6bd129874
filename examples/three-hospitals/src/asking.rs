//! One question: the person makes a visit code at home, a physician elsewhere redeems it and asks.
//! Beside each answer stands what that hospital's own audit says that it withheld.

use std::time::Duration;

use federation_service::clock::{Clock as _, SystemClock};
use serde_json::Value;

use crate::answers::{Outcome, outcomes, seen};
use crate::layout::Layout;
use crate::outputs::Printed;
use crate::process::{NODE, Words, run};
use crate::setup::{home_of, node_command};
use crate::town::{HOSPITALS, Hospital, Lets, Person};
use crate::trouble::Trouble;

/// What a physician asks for: everything that the stories hold.
const CATEGORIES: &str = "lab,rx,vital,allergy,condition,procedure";
const TYPES: &str = "Observation,MedicationRequest,AllergyIntolerance,Condition,Procedure";

/// How long the consent of the story about an ended one lasts, and how late the physician is.
const SHORT_SECONDS: i64 = 1;
const LATE: Duration = Duration::from_millis(1500);

/// Exit codes of `musubi-node ask`.
pub(crate) const REFUSED: u8 = 6;
pub(crate) const PARTIAL: u8 = 7;

/// A question and what came of it.
pub(crate) struct Asked {
    pub(crate) person: &'static Person,
    pub(crate) at: &'static Hospital,
    /// Said by the home node when it mints nothing.
    pub(crate) refusal: Option<String>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Every resource that the physician sees.
    pub(crate) seen: Vec<Value>,
    /// The exit code of `musubi-node ask`.
    pub(crate) exit: u8,
}

/// Asks about `person` from `at`, and reads the other hospitals' audits afterwards.
pub(crate) async fn ask(
    layout: &Layout,
    person: &'static Person,
    at: &'static Hospital,
) -> Result<Asked, Trouble> {
    let home = home_of(person)?;
    let began = SystemClock.now();
    let code = visit_code(layout, person, home, at).await?;
    let mut words = Words::of(&["ask"])
        .option("--config", layout.node_config(at))
        .option(
            "--token-file",
            layout.token(&format!("{}-physician", at.id)),
        )
        .option("--home", home.member())
        .option("--code", &code)
        .option("--practitioner", at.physician)
        .option("--categories", CATEGORIES)
        .option("--type", TYPES)
        .json();
    if let Some(chart) = person.chart_at(at) {
        words = words.option("--patient", chart);
    }
    let finished = run(NODE, words).await?;
    let exit = u8::try_from(finished.code).unwrap_or(1);
    let mut asked = Asked {
        person,
        at,
        refusal: None,
        outcomes: Vec::new(),
        seen: Vec::new(),
        exit,
    };
    match exit {
        0 | PARTIAL => {
            let printed = Printed::read(&finished.stdout)?;
            asked.outcomes = outcomes(&printed)?;
            asked.seen = seen(&printed);
            read_audits(layout, at, &began.to_string(), &mut asked.outcomes).await?;
            Ok(asked)
        }
        REFUSED => {
            let said = finished
                .stderr
                .lines()
                .find_map(|line| line.strip_prefix("error: "));
            asked.refusal = Some(said.unwrap_or("refused").to_owned());
            Ok(asked)
        }
        _ => Err(finished.failed().exiting(exit)),
    }
}

/// The person decides on their phone; the code carries the decision.
async fn visit_code(
    layout: &Layout,
    person: &Person,
    home: &Hospital,
    at: &Hospital,
) -> Result<String, Trouble> {
    // The asking hospital's own chart is read under its own rules: no token is needed for it.
    let others: Vec<String> = person
        .charts
        .iter()
        .filter(|(id, _)| *id != at.id)
        .filter_map(|(id, _)| Hospital::named(id).map(Hospital::member))
        .collect();
    let mut words = Words::of(&["code"])
        .option("--phone", layout.phone(person))
        .option("--for", at.member())
        .option("--hospitals", others.join(","))
        .json();
    if home.id == at.id {
        // Its own staff could otherwise mint for themselves: the phone signs for one physician.
        words = words.option("--practitioner", at.physician);
    }
    words = match &person.lets {
        Lets::Everything => words,
        Lets::Kinds(kinds) => words.option("--categories", kinds),
        Lets::TooShort => {
            let end = SystemClock.now().plus_seconds(SHORT_SECONDS);
            words.option("--until", end.to_string())
        }
    };
    let said = node_command(layout, home, words).await?;
    if matches!(person.lets, Lets::TooShort) {
        tokio::time::sleep(LATE).await;
    }
    Printed::read(&said)?.text("/code")
}

/// What each hospital told its own audit: the asker cannot see it.
async fn read_audits(
    layout: &Layout,
    at: &Hospital,
    since: &str,
    outcomes: &mut [Outcome],
) -> Result<(), Trouble> {
    let asker = at.member();
    for outcome in outcomes.iter_mut().filter(|outcome| !outcome.own) {
        let Some(hospital) = HOSPITALS.iter().find(|h| h.member() == outcome.member) else {
            continue;
        };
        let words = Words::of(&["audit", "list"])
            .option("--since", since)
            .option("--limit", "1000")
            .json();
        let said = node_command(layout, hospital, words).await?;
        let printed = Printed::read(&said)?;
        let lines = printed.value().as_array().into_iter().flatten();
        let disclosed = lines.filter(|line| {
            let is = |key: &str, text: &str| line.get(key).and_then(Value::as_str) == Some(text);
            is("kind", "disclosure") && is("peer", &asker)
        });
        let counts: Vec<u64> = disclosed
            .filter_map(|line| line.get("withheld").and_then(Value::as_u64))
            .collect();
        outcome.withheld = (!counts.is_empty()).then(|| counts.iter().sum());
    }
    Ok(())
}
