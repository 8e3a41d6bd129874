//! One upload: whose it is, what is in it, what of it is wanted, how far it is.

use std::collections::BTreeMap;
use std::fmt;

use apple_health::{Kind, Reading, Skipped, Summary};
use federation_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::database::Rid;
use crate::identity::PersonId;

use super::{Entered, HealthError};

/// The id of an upload: random.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    pub(super) fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The id, if the text is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok()?.to_string();
        (id == text).then_some(Self(id))
    }

    /// The lower-case, hyphenated UUID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its bytes arrive.
    Receiving,
    /// It is read, to be shown before anything is saved.
    Reading,
    /// The person is to choose.
    Ready,
    /// What was chosen is saved.
    Saving,
    /// It is saved; its file is gone.
    Saved,
    /// What it brought is deleted.
    Undoing,
    /// What it brought is deleted.
    Undone,
    /// It ended: `reason` says why.
    Failed,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Receiving,
        Self::Reading,
        Self::Ready,
        Self::Saving,
        Self::Saved,
        Self::Undoing,
        Self::Undone,
        Self::Failed,
    ];

    /// The word in the table and in the keys of words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Reading => "reading",
            Self::Ready => "ready",
            Self::Saving => "saving",
            Self::Saved => "saved",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether somebody works on it.
    #[must_use]
    pub const fn is_at_work(self) -> bool {
        matches!(
            self,
            Self::Receiving | Self::Reading | Self::Saving | Self::Undoing
        )
    }

    /// Whether it has a file.
    pub(super) const fn has_file(self) -> bool {
        matches!(
            self,
            Self::Receiving | Self::Reading | Self::Ready | Self::Saving
        )
    }
}

/// What of one kind an upload holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The kind's word.
    pub kind: String,
    /// How many measurements; of steps, days.
    pub count: u64,
    /// The first day.
    pub first: Day,
    /// The last day.
    pub last: Day,
    /// How many there are by month (`2026-11`), so that a period can be judged.
    pub months: BTreeMap<String, u64>,
}

/// What an upload holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By kind, in the order of the page.
    pub held: Vec<Held>,
    /// What was left out, by the word of its reason.
    pub skipped: BTreeMap<String, u64>,
    /// Records that say once more what another said.
    pub duplicates: u64,
    /// When the phone made it, as a FHIR `dateTime`.
    pub exported_at: Option<String>,
}

impl Report {
    /// Counts a reading.
    pub(super) fn add(&mut self, reading: &Reading) {
        let day = Day(reading.start().date());
        let word = reading.kind().as_str();
        let held = match self.held.iter_mut().find(|held| held.kind == word) {
            Some(held) => held,
            None => {
                self.held.push(Held {
                    kind: word.to_owned(),
                    count: 0,
                    first: day.clone(),
                    last: day.clone(),
                    months: BTreeMap::new(),
                });
                let Some(last) = self.held.last_mut() else {
                    return;
                };
                last
            }
        };
        held.count = held.count.saturating_add(1);
        let month = held.months.entry(day.month().to_owned()).or_default();
        *month = month.saturating_add(1);
        if day < held.first {
            held.first = day;
        } else if day > held.last {
            held.last = day;
        }
    }

    /// Takes in what was left out.
    pub(super) fn finish(&mut self, summary: &Summary) {
        let place = |held: &Held| Kind::ALL.iter().position(|kind| kind.as_str() == held.kind);
        self.held.sort_by_key(place);
        self.duplicates = summary.duplicates;
        self.exported_at = summary.exported_at.map(apple_health::Moment::date_time);
        for reason in Skipped::ALL {
            if let Some(count) = summary.skipped.get(&reason) {
                self.skipped.insert(reason.as_str().to_owned(), *count);
            }
        }
    }

    /// The first and the last day of all kinds.
    #[must_use]
    pub fn days(&self) -> Option<(&Day, &Day)> {
        let first = self.held.iter().map(|held| &held.first).min()?;
        let last = self.held.iter().map(|held| &held.last).max()?;
        Some((first, last))
    }

    /// What is chosen until the person chooses: every kind, of the last year.
    #[must_use]
    pub fn proposed(&self) -> Choice {
        let from = self
            .days()
            .map(|(first, last)| last.a_year_before().max(first.clone()));
        Choice {
            kinds: self.held.iter().map(|held| held.kind.clone()).collect(),
            from,
            to: self.days().map(|(_, last)| last.clone()),
        }
    }
}

impl Held {
    /// How many there are in the months from that of a day on.
    #[must_use]
    pub fn since(&self, day: &Day) -> u64 {
        let months = self.months.range(day.month().to_owned()..);
        months.map(|(_, count)| count).sum()
    }
}

/// A day, `2026-11-18`: sorts as days do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(String);

impl Day {
    /// The day, if the text is one between 1900 and 2199.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let day: jiff::civil::Date = text.parse().ok()?;
        let lawful = (1900..2200).contains(&day.year());
        lawful.then(|| Self(day.to_string()))
    }

    /// `2026-11-18`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn month(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }

    fn a_year_before(&self) -> Self {
        let day = self.0.parse::<jiff::civil::Date>().ok();
        let before = day.and_then(|day| day.checked_sub(jiff::Span::new().years(1)).ok());
        before.map_or_else(|| self.clone(), |before| Self(before.to_string()))
    }
}

/// What of an upload is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Words of kinds.
    pub kinds: Vec<String>,
    /// The first day.
    pub from: Option<Day>,
    /// The last day.
    pub to: Option<Day>,
}

impl Choice {
    /// Reads a choice: `kind` for each wanted kind, `from` and `to` as `2026-11-18`, empty for no
    /// bound.
    ///
    /// # Errors
    /// `Kind`, `Time`, `Choice` where nothing is wanted.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, HealthError> {
        let mut choice = Self {
            kinds: Vec::new(),
            from: None,
            to: None,
        };
        let day = |text: &str| match text.trim() {
            "" => Ok(None),
            text => Day::parse(text).map(Some).ok_or(Entered::Time),
        };
        for (name, value) in pairs {
            match name.as_str() {
                "kind" => {
                    let kind: Kind = value.parse().map_err(|_not| Entered::Kind)?;
                    choice.kinds.push(kind.as_str().to_owned());
                }
                "from" => choice.from = day(value)?,
                "to" => choice.to = day(value)?,
                _other => {}
            }
        }
        if choice.kinds.is_empty() {
            return Err(Entered::Choice.into());
        }
        Ok(choice)
    }

    /// Whether a reading is wanted.
    pub(super) fn wants(&self, reading: &Reading) -> bool {
        let kind = reading.kind().as_str();
        let day = Day(reading.start().date());
        self.kinds.iter().any(|wanted| wanted == kind)
            && self.from.as_ref().is_none_or(|from| day >= *from)
            && self.to.as_ref().is_none_or(|to| day <= *to)
    }
}

/// What saving did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Measurements that are in the chart now and were not before.
    pub saved: u64,
    /// Those that were there already.
    pub duplicates: u64,
    /// Those that were not wanted.
    pub outside: u64,
}

/// An upload.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Whose it is.
    pub person: PersonId,
    /// Their chart.
    pub patient: Rid,
    /// How far it is.
    pub state: State,
    /// Its size.
    pub bytes: u64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it came into its state.
    pub changed_at: Timestamp,
    /// Why it failed: a word.
    pub reason: Option<String>,
    /// What it holds, once it is read.
    pub report: Option<Report>,
    /// What of it is wanted, once that is chosen.
    pub choice: Option<Choice>,
    /// What saving did.
    pub counts: Counts,
}
