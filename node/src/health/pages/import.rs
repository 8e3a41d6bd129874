//! Bringing in: the form, and one upload in each of its states.

use apple_health::Kind;
use askama::Template;

use super::{count, name};
use crate::health::upload::{Held, State, Upload};
use crate::pages::Sheet;

/// An earlier upload.
pub(super) struct Past {
    id: String,
    at: String,
    state: String,
    class: &'static str,
}

/// `/p/vitals/import`.
#[derive(Template)]
#[template(path = "health/templates/import.html")]
pub(in crate::health) struct ImportPage {
    page: Sheet,
    limit: String,
    past: Vec<Past>,
}

impl ImportPage {
    pub(in crate::health) fn new(page: Sheet, max_upload: u64, uploads: &[Upload]) -> Self {
        let past = uploads.iter().map(|upload| Past {
            id: upload.id.to_string(),
            at: page.moment(upload.created_at),
            state: state_of(&page, upload.state),
            class: class_of(upload.state),
        });
        Self {
            limit: format!("{} MB", count(max_upload >> 20)),
            past: past.collect(),
            page,
        }
    }

    pub(in crate::health) fn sheet(&self) -> &Sheet {
        &self.page
    }
}

fn state_of(page: &Sheet, state: State) -> String {
    page.t(&format!("vitals-state-{}", state.as_str()))
}

const fn class_of(state: State) -> &'static str {
    match state {
        State::Saved => "ok",
        State::Ready => "warn",
        State::Failed => "bad",
        State::Undone => "",
        _at_work => "busy",
    }
}

/// One kind that can be chosen.
pub(super) struct Offer {
    kind: String,
    name: String,
    amount: String,
    recent: String,
    span: String,
    chosen: bool,
}

/// One upload, as it stands: the part of the page that is looked at again while it is worked on.
#[derive(Template)]
#[template(path = "health/templates/job_part.html")]
pub(in crate::health) struct JobPart {
    page: Sheet,
    id: String,
    state: &'static str,
    word: String,
    class: &'static str,
    is_at_work: bool,
    percent: u8,
    saved_so_far: Option<String>,
    offers: Vec<Offer>,
    from: String,
    to: String,
    exported: Option<String>,
    skipped: Vec<String>,
    done: Option<String>,
    reason: Option<String>,
}

/// `/p/vitals/import/{id}`.
#[derive(Template)]
#[template(path = "health/templates/job.html")]
pub(in crate::health) struct JobPage {
    page: Sheet,
    part: JobPart,
}

impl JobPage {
    pub(in crate::health) fn new(part: JobPart) -> Self {
        Self {
            page: part.page.clone(),
            part,
        }
    }

    pub(in crate::health) fn sheet(&self) -> &Sheet {
        &self.page
    }
}

impl JobPart {
    pub(in crate::health) fn new(page: Sheet, upload: &Upload, percent: u8) -> Self {
        let report = upload.report.clone().unwrap_or_default();
        let proposed = upload.choice.clone().unwrap_or_else(|| report.proposed());
        let recent = report.proposed().from;
        let offers = report.held.iter().map(|held| {
            let since = recent.as_ref().map_or(held.count, |day| held.since(day));
            offer(&page, held, since, proposed.kinds.contains(&held.kind))
        });
        let counts = upload.counts;
        let done = matches!(upload.state, State::Saved | State::Undoing | State::Undone);
        Self {
            id: upload.id.to_string(),
            state: upload.state.as_str(),
            word: state_of(&page, upload.state),
            class: class_of(upload.state),
            is_at_work: upload.state.is_at_work(),
            percent,
            saved_so_far: (upload.state == State::Saving)
                .then(|| page.t1("vitals-job-saving-now", "count", count(counts.saved))),
            offers: offers.collect(),
            from: proposed
                .from
                .map_or_else(String::new, |day| day.as_str().to_owned()),
            to: proposed
                .to
                .map_or_else(String::new, |day| day.as_str().to_owned()),
            exported: report
                .exported_at
                .as_deref()
                .map(|at| page.t1("vitals-preview-exported", "day", page.day(at))),
            skipped: skipped(&page, &report),
            done: done.then(|| {
                let (saved, duplicates) = (count(counts.saved), count(counts.duplicates));
                let outside = count(counts.outside);
                page.say(
                    "vitals-done",
                    &[
                        ("saved", &saved),
                        ("duplicates", &duplicates),
                        ("outside", &outside),
                    ],
                )
            }),
            reason: upload
                .reason
                .as_deref()
                .map(|code| page.coded("vitals-error-", code, "internal")),
            page,
        }
    }
}

fn offer(page: &Sheet, held: &Held, since: u64, chosen: bool) -> Offer {
    let kind = held.kind.parse::<Kind>().ok();
    let amount = match kind {
        Some(Kind::Steps) => "vitals-preview-count-days",
        _ => "vitals-preview-count",
    };
    Offer {
        kind: held.kind.clone(),
        name: kind.map_or_else(|| held.kind.clone(), |kind| name(page, kind)),
        amount: page.t1(amount, "count", count(held.count)),
        recent: page.t1("vitals-preview-recent", "count", count(since)),
        span: page.t2(
            "vitals-preview-span",
            "first",
            page.short_day(held.first.as_str()),
            "last",
            page.short_day(held.last.as_str()),
        ),
        chosen,
    }
}

fn skipped(page: &Sheet, report: &crate::health::upload::Report) -> Vec<String> {
    let mut lines: Vec<String> = report
        .skipped
        .iter()
        .map(|(reason, number)| {
            page.t1(&format!("vitals-skipped-{reason}"), "count", count(*number))
        })
        .collect();
    if report.duplicates > 0 {
        lines.push(page.t1("vitals-preview-twice", "count", count(report.duplicates)));
    }
    lines
}
