//! Everything that is printed for people: results on standard output, progress on standard error.

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::Value;

use crate::answers::{Outcome, day, doubled, title};
use crate::asking::Asked;

/// How many of the newest resources are shown under an answer.
const GLIMPSE: usize = 6;

/// One line of result.
pub(crate) fn say(line: &str) {
    // A closed pipe ends the printing, not the town.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// One line of progress.
pub(crate) fn note(line: &str) {
    // As above.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One question and what came of it: per hospital what was answered or silent and how fast, and
/// beside it what that hospital withheld, from its own audit.
pub(crate) fn tell(asked: &Asked) {
    let (person, at) = (asked.person, asked.at);
    say("");
    say(&format!(
        "{} ({}): {}",
        person.name, person.id, person.story
    ));
    say(&format!(
        "  {} of {} {} asks",
        at.physician, at.name, at.english
    ));
    if let Some(refusal) = &asked.refusal {
        say(&format!("  refused by the home node: {refusal}"));
        return;
    }
    let others = || asked.outcomes.iter().filter(|outcome| !outcome.own);
    let answered = others().filter(|outcome| outcome.answered()).count();
    say(&format!(
        "  {answered} of {} hospitals answered",
        others().count()
    ));
    let rows: Vec<[String; 5]> = asked.outcomes.iter().map(row).collect();
    let heads = ["HOSPITAL", "OUTCOME", "SHOWN", "TIME", "WITHHELD*"].map(str::to_owned);
    for line in aligned(&heads, &rows) {
        say(&format!("    {line}"));
    }
    say("    * from that hospital's own audit: the asker cannot see this column");
    for line in glimpse(&asked.seen) {
        say(&format!("  {line}"));
    }
    for (drug, hospitals) in doubled(&asked.seen) {
        let hospitals = hospitals.into_iter().collect::<Vec<_>>().join(" and ");
        say(&format!("  prescribed twice now: {drug}, by {hospitals}"));
    }
}

fn row(outcome: &Outcome) -> [String; 5] {
    let (word, withheld) = match (outcome.own, outcome.withheld) {
        (true, _) => ("own chart".to_owned(), "-".to_owned()),
        (false, None) => (outcome.word.clone(), "-".to_owned()),
        (false, Some(count)) => (outcome.word.clone(), count.to_string()),
    };
    let shown = if outcome.answered() {
        outcome.shown.to_string()
    } else {
        "-".to_owned()
    };
    [
        outcome.name.clone(),
        word,
        shown,
        format!("{} ms", outcome.milliseconds),
        withheld,
    ]
}

/// The newest of what came, each title once: what a physician looks for first.
fn glimpse(seen: &[Value]) -> Vec<String> {
    let mut dated: Vec<&Value> = seen.iter().filter(|one| !day(one).is_empty()).collect();
    dated.reverse();
    dated.sort_by(|a, b| day(b).cmp(day(a)));
    let mut told = BTreeSet::new();
    dated.retain(|resource| told.insert(title(resource)));
    dated
        .iter()
        .take(GLIMPSE)
        .map(|resource| line_of(resource))
        .collect()
}

fn line_of(resource: &Value) -> String {
    let parts = resource
        .get("component")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let values: Vec<String> = std::iter::once(resource)
        .chain(parts)
        .filter_map(quantity)
        .collect();
    let hospital = resource
        .get("_hospital")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let words = [day(resource), title(resource), &values.join(" / ")].join("  ");
    format!("{}  ({hospital})", words.trim_end())
}

fn quantity(measured: &Value) -> Option<String> {
    let quantity = measured.get("valueQuantity")?;
    Some(format!(
        "{} {}",
        quantity.get("value")?,
        quantity.get("unit")?.as_str()?
    ))
}

fn aligned<const N: usize>(heads: &[String; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = heads.each_ref().map(|head| width(head));
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, widest)| {
            format!("{cell}{}", " ".repeat(widest.saturating_sub(width(cell))))
        });
        padded.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    std::iter::once(heads).chain(rows).map(line).collect()
}

/// Columns that a terminal gives this text: kana and kanji take two.
fn width(text: &str) -> usize {
    let columns = |c: char| match c {
        '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}' => 2,
        _ => 1,
    };
    text.chars().map(columns).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn columns_stand_under_each_other_in_kanji_too() {
        let heads = ["HOSPITAL", "N"].map(str::to_owned);
        let rows = [["港病院", "1"], ["Yukimi", "22"]].map(|row| row.map(str::to_owned));
        let lines = aligned(&heads, &rows);
        assert_eq!(lines[0], "HOSPITAL   N");
        assert_eq!(lines[1], "港病院     1");
        assert_eq!(lines[2], "Yukimi     22");
    }
}
