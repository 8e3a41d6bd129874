//! `--once`: every story is asked, and must come out as it is told.

use std::process::ExitCode;

use serde_json::Value;

use crate::answers::doubled;
use crate::asking::{Asked, REFUSED, ask};
use crate::layout::Layout;
use crate::telling::{say, tell};
use crate::town::{Hospital, PEOPLE};
use crate::trouble::Trouble;

/// Asks about everyone from Shirakaba; 0 when every story is true.
pub(crate) async fn every_story(layout: &Layout) -> Result<ExitCode, Trouble> {
    let at = Hospital::named("shirakaba")
        .ok_or_else(|| Trouble::new("no Shirakaba", "report this as a bug"))?;
    let mut untrue = Vec::new();
    for person in &PEOPLE {
        let asked = ask(layout, person, at).await?;
        tell(&asked);
        untrue.extend(problems(&asked).map(|problem| format!("{}: {problem}", person.id)));
    }
    say("");
    if untrue.is_empty() {
        say(&format!(
            "all {} stories came out as they are told",
            PEOPLE.len()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    Err(Trouble::new(
        format!("not as it is told:\n  {}", untrue.join("\n  ")),
        format!("read the logs in {}", layout.root().join("logs").display()),
    ))
}

/// What must hold for one person's story, and does not.
fn problems(asked: &Asked) -> impl Iterator<Item = &'static str> {
    let shown = |id: &str| {
        let member = Hospital::named(id)
            .map(Hospital::member)
            .unwrap_or_default();
        asked
            .outcomes
            .iter()
            .find(|outcome| outcome.member == member)
    };
    let from = |id: &str| shown(id).is_some_and(|outcome| outcome.answered() && outcome.shown > 0);
    let withheld = |id: &str| {
        shown(id)
            .and_then(|outcome| outcome.withheld)
            .unwrap_or_default()
    };
    let kind = |resource: &Value, kind: &str| {
        resource.get("resourceType").and_then(Value::as_str) == Some(kind)
    };
    let says = |word: &str| {
        asked
            .seen
            .iter()
            .any(|resource| resource.to_string().contains(word))
    };
    let rules: Vec<(&'static str, bool)> = match asked.person.id {
        "hana" => vec![
            (
                "everyone answers",
                asked.exit == 0 && from("minato") && from("yukimi"),
            ),
            ("her HbA1c came", says("HbA1c")),
            ("her allergy came", says("ペニシリン")),
            (
                "nothing is withheld",
                withheld("minato") == 0 && withheld("yukimi") == 0,
            ),
        ],
        "kenichi" => vec![
            ("both hospitals prescribe", from("minato") && from("yukimi")),
            (
                "nothing but prescriptions came",
                asked
                    .seen
                    .iter()
                    .all(|resource| kind(resource, "MedicationRequest")),
            ),
        ],
        "shigeru" => vec![
            ("it is refused", asked.exit == REFUSED),
            (
                "because the consent ended",
                asked
                    .refusal
                    .as_ref()
                    .is_some_and(|said| said.contains("consent_not_granted")),
            ),
        ],
        "misaki" => vec![
            ("both hospitals answer", from("minato") && from("yukimi")),
            (
                "nothing psychiatric came",
                !says("うつ病") && !says("セルトラリン"),
            ),
            ("Minato withheld it", withheld("minato") > 0),
        ],
        "tadashi" => vec![("the doubled drug is seen", !doubled(&asked.seen).is_empty())],
        _ => vec![
            ("both hospitals answer", asked.exit == 0),
            ("with nothing", !from("minato") && !from("yukimi")),
            (
                "and nothing is withheld",
                withheld("minato") == 0 && withheld("yukimi") == 0,
            ),
        ],
    };
    rules
        .into_iter()
        .filter(|(_, holds)| !holds)
        .map(|(rule, _)| rule)
}
