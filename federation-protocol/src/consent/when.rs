//! Dates as FHIR writes them. Without a time of day they are days in Asia/Tokyo.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// Tokyo has been nine hours east of UTC, without summer time, since 1952.
const TOKYO_SECONDS_EAST: i64 = 9 * 3_600;
const DAY_SECONDS: i64 = 86_400;
/// FHIR's longest dateTime with fraction and zone is far shorter.
const LONGEST: usize = 40;

/// The day in Tokyo at a moment: `2026-07-01`.
#[must_use]
pub fn tokyo_day(at: Timestamp) -> String {
    at.plus_seconds(TOKYO_SECONDS_EAST)
        .to_string()
        .chars()
        .take_while(|sign| *sign != 'T')
        .collect()
}

/// A stretch of time, both ends included, to the microsecond.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    first: Timestamp,
    last: Timestamp,
}

impl Span {
    /// From `first` to `last`, both included; the earlier one is taken as the first.
    #[must_use]
    pub fn new(first: Timestamp, last: Timestamp) -> Self {
        Self {
            first: first.min(last),
            last: first.max(last),
        }
    }

    /// The stretch that a FHIR `date`, `dateTime` or `instant` covers: `2026` is a whole year in
    /// Tokyo, `2026-07-01T09:00:00+09:00` one second.
    ///
    /// # Errors
    /// [`TimeTextError`] when it is none of these, or has a time of day without a zone.
    ///
    /// Source: FHIR R4, section 2.24.0.1 (dateTime: "SHALL be populated with a time zone").
    pub fn of_fhir(text: &str) -> Result<Self, TimeTextError> {
        parse(text).ok_or(TimeTextError)
    }

    /// The first moment.
    #[must_use]
    pub const fn first(self) -> Timestamp {
        self.first
    }

    /// The last moment.
    #[must_use]
    pub const fn last(self) -> Timestamp {
        self.last
    }

    /// The shortest stretch that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// The text is no FHIR date or dateTime.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a FHIR date or dateTime (with a time of day it needs a zone)")]
pub struct TimeTextError;

fn parse(text: &str) -> Option<Span> {
    let tokyo = |day: String| Timestamp::parse_rfc3339(&format!("{day}T00:00:00+09:00")).ok();
    let until_end_of =
        |day: Timestamp| Timestamp::from_micros(day.plus_seconds(DAY_SECONDS).micros() - 1);
    let shape = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let (first, last_day) = match text.len() {
        _ if text.len() > LONGEST || !text.is_ascii() => return None,
        4 if shape => (
            tokyo(format!("{text}-01-01"))?,
            tokyo(format!("{text}-12-31"))?,
        ),
        7 if shape => {
            let last = (28..=31)
                .rev()
                .find_map(|day| tokyo(format!("{text}-{day}")))?;
            (tokyo(format!("{text}-01"))?, last)
        }
        10 if shape => {
            let day = tokyo(text.to_owned())?;
            (day, day)
        }
        _ => return moment(text),
    };
    Some(Span {
        first,
        last: until_end_of(last_day),
    })
}

fn moment(text: &str) -> Option<Span> {
    let first = Timestamp::parse_rfc3339(text).ok()?;
    let whole_second = !text.contains('.');
    let last = if whole_second {
        Timestamp::from_micros(first.micros() + 999_999)
    } else {
        first
    };
    Some(Span { first, last })
}

/// A date or dateTime with the text that it was written in, so that it is passed on unchanged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FhirTime {
    text: Box<str>,
    span: Span,
}

impl FhirTime {
    /// Reads a FHIR date or dateTime.
    ///
    /// # Errors
    /// [`TimeTextError`].
    pub fn parse(text: &str) -> Result<Self, TimeTextError> {
        Ok(Self {
            text: text.into(),
            span: Span::of_fhir(text)?,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it covers.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }
}

impl fmt::Debug for FhirTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for FhirTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for FhirTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A period with inclusive ends; an absent end is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first day or moment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<FhirTime>,
    /// The last day or moment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<FhirTime>,
}

impl Period {
    fn first(&self) -> Option<Timestamp> {
        self.start.as_ref().map(|start| start.span.first)
    }

    fn last(&self) -> Option<Timestamp> {
        self.end.as_ref().map(|end| end.span.last)
    }

    /// Whether a moment lies inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.covers(Span {
            first: at,
            last: at,
        })
    }

    /// Whether a stretch lies inside as a whole.
    #[must_use]
    pub fn covers(&self, span: Span) -> bool {
        self.first().is_none_or(|first| first <= span.first)
            && self.last().is_none_or(|last| span.last <= last)
    }

    /// Whether a stretch lies inside in part at least.
    #[must_use]
    pub fn meets(&self, span: Span) -> bool {
        self.first().is_none_or(|first| first <= span.last)
            && self.last().is_none_or(|last| span.first <= last)
    }

    /// The moments at which "inside" becomes another answer.
    pub(crate) fn edges(&self) -> impl Iterator<Item = Timestamp> {
        let after_last = self
            .last()
            .map(|last| Timestamp::from_micros(last.micros() + 1));
        self.first().into_iter().chain(after_last)
    }

    /// Whether neither end is stated, or the end lies before the start.
    pub(crate) fn is_odd(&self) -> bool {
        match (self.first(), self.last()) {
            (None, None) => true,
            (Some(first), Some(last)) => last < first,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_date_is_a_day_in_tokyo() {
        let day = Span::of_fhir("2026-07-01").unwrap();
        assert_eq!(day.first(), at("2026-06-30T15:00:00Z"));
        assert_eq!(day.last(), at("2026-07-01T14:59:59.999999Z"));
        assert_eq!(tokyo_day(day.first()), "2026-07-01");
        assert_eq!(tokyo_day(day.last()), "2026-07-01");
    }

    #[test]
    fn years_and_months_cover_all_their_days() {
        let february = Span::of_fhir("2028-02").unwrap();
        assert_eq!(tokyo_day(february.last()), "2028-02-29");
        let year = Span::of_fhir("2026").unwrap();
        assert_eq!(
            (tokyo_day(year.first()), tokyo_day(year.last())),
            ("2026-01-01".into(), "2026-12-31".into())
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "26",
            "2026-7-1",
            "2026-02-30",
            "2026-07-01T09:00",
            "2026-07-01T09:00:00",
            "２０２６",
            "20260701",
            "----",
        ] {
            assert_eq!(Span::of_fhir(text), Err(TimeTextError), "{text}");
        }
    }

    #[test]
    fn the_last_day_of_a_period_counts_to_its_end() {
        let period = Period {
            start: None,
            end: Some(FhirTime::parse("2026-07-01").unwrap()),
        };
        assert!(period.contains(at("2026-07-01T23:59:59+09:00")));
        assert!(!period.contains(at("2026-07-02T00:00:00+09:00")));
    }

    #[test]
    fn a_vague_date_is_met_but_not_covered() {
        let period = Period {
            start: Some(FhirTime::parse("2019-06-01").unwrap()),
            end: None,
        };
        let vague = Span::of_fhir("2019").unwrap();
        assert!(period.meets(vague) && !period.covers(vague));
    }

    proptest::proptest! {
        #[test]
        fn reading_a_date_never_panics(text in ".{0,44}", digits in "[0-9T:+.Z-]{0,30}") {
            let _ = (Span::of_fhir(&text), Span::of_fhir(&digits));
        }
    }
}
