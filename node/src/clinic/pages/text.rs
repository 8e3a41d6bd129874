//! What is told in sentences, on the screen, on paper and in copied text.

use federation_protocol::time::Timestamp;

use crate::clinic::open::Snapshot;
use crate::clinic::row::{Cause, Completeness, Row, State};
use crate::clinic::views::{Labs, Medicines};
use crate::pages::Sheet;
use crate::words::Value;

/// How much of what was asked is shown: on every page, sheet of paper and copied text.
pub(in crate::clinic) fn sentence(sheet: &Sheet, rows: &Completeness) -> String {
    let mut said = sheet.say(
        "clinic-summary",
        &[("of", &rows.of), ("shown", &rows.shown)],
    );
    let parts = [
        ("clinic-summary-asking", rows.asking),
        ("clinic-summary-nothing", rows.nothing),
        ("clinic-summary-missing", rows.missing),
        ("clinic-summary-cut", rows.cut),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| sheet.t1(key, "count", count))
        .collect();
    if !parts.is_empty() {
        said.push_str(&sheet.t1(
            "clinic-summary-parts",
            "parts",
            parts.join(&sheet.t("clinic-summary-comma")),
        ));
    }
    said
}

/// When it was retrieved, and for what.
pub(in crate::clinic) fn retrieved(sheet: &Sheet, at: Timestamp, purpose: &str) -> String {
    let at = sheet.moment(at);
    let purpose = sheet.coded("clinic-purpose-", purpose, "other");
    sheet.say("clinic-retrieved", &[("at", &at), ("purpose", &purpose)])
}

/// A row in words: what, and why or what next.
pub(in crate::clinic) fn row(sheet: &Sheet, row: &Row) -> (String, String) {
    match &row.state {
        State::Asking => (sheet.t("clinic-row-asking"), String::new()),
        State::Nothing => (sheet.t("clinic-row-nothing"), String::new()),
        State::Missing(cause) => missing(sheet, *cause),
        State::Answered {
            count,
            newest,
            took_ms,
            is_cut,
        } => {
            let seconds = format!(
                "{}.{}",
                took_ms.div_euclid(1000),
                took_ms.rem_euclid(1000).div_euclid(100)
            );
            let newest = newest.map(|newest| newest.day.short()).unwrap_or_default();
            let values: [(&str, &dyn Value); 3] =
                [("count", count), ("day", &newest), ("seconds", &seconds)];
            let why = if *is_cut {
                sheet.t("clinic-row-cut")
            } else {
                String::new()
            };
            (sheet.say("clinic-row-answered", &values), why)
        }
    }
}

fn missing(sheet: &Sheet, cause: Cause) -> (String, String) {
    let what = sheet.coded("clinic-cause-", cause.key(), "unusable");
    let why = sheet.coded(
        "clinic-cause-",
        &format!("{}.why", cause.key()),
        "unusable.why",
    );
    match cause {
        Cause::Policy(code) => (what, format!("{why} ({code})")),
        _ => (what, why),
    }
}

/// What stands above and below copied text: who says it, how complete it is, when it was retrieved.
fn framed(
    sheet: &Sheet,
    snapshot: &Snapshot,
    at: Timestamp,
    purpose: &str,
    narrowed: bool,
    lines: Vec<String>,
) -> String {
    let mut text = vec![
        sentence(sheet, &snapshot.completeness),
        retrieved(sheet, at, purpose),
    ];
    if narrowed {
        text.push(sheet.t("clinic-copy-narrowed"));
    }
    text.push(String::new());
    text.extend(lines);
    text.join("\n")
}

/// The newest result of each item, for pasting into the hospital's own record.
pub(in crate::clinic) fn labs(
    sheet: &Sheet,
    snapshot: &Snapshot,
    labs: &Labs,
    at: Timestamp,
    purpose: &str,
    narrowed: bool,
) -> String {
    let lines = labs.rows().filter_map(|row| {
        let newest = row.newest()?;
        let mark = newest.mark.map_or("", |mark| mark.letters());
        let unit = &row.unit;
        let hospital = snapshot.chart.name(newest.source);
        let range = newest
            .range
            .map(|range| format!(" ({} {})", sheet.t("clinic-range"), range.text()));
        let range = range.unwrap_or_default();
        let day = newest.at.day.short();
        Some(format!(
            "{day} {hospital} {}: {} {unit} {mark}{range}",
            row.name, newest.text
        ))
    });
    framed(sheet, snapshot, at, purpose, narrowed, lines.collect())
}

/// Each medicine of now with its newest line.
pub(in crate::clinic) fn medicines(
    sheet: &Sheet,
    snapshot: &Snapshot,
    medicines: &Medicines,
    at: Timestamp,
    purpose: &str,
    narrowed: bool,
) -> String {
    let lines = medicines.current.iter().filter_map(|medicine| {
        let newest = medicine.supplies.first()?;
        let days = newest
            .days
            .map(|days| sheet.t1("clinic-days", "count", days));
        let several = match medicine.by_several.len() {
            0 => String::new(),
            count => format!(" [{}]", sheet.t1("clinic-by-several", "count", count)),
        };
        let hospital = snapshot.chart.name(newest.source);
        let (day, days) = (newest.from.day.short(), days.unwrap_or_default());
        Some(format!(
            "{day} {hospital} {} {} {days}{several}",
            medicine.name, newest.dose
        ))
    });
    framed(sheet, snapshot, at, purpose, narrowed, lines.collect())
}
