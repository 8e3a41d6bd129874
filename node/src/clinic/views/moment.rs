//! When something happened, as precisely as a resource says.

use federation_protocol::time::Timestamp;
use serde_json::Value;

use super::fhir::text;
use crate::pages::when::Day;

const JAPAN_SECONDS: i64 = 9 * 3600;

/// A FHIR date or dateTime.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The day in Japan; a month or a year where no more is known.
    pub day: Day,
    /// Its beginning, to put things in order.
    pub at: Timestamp,
    /// Hour and minute in Japan, where a time is given.
    pub clock: Option<(i64, i64)>,
}

impl Moment {
    /// Reads a FHIR `date`, `dateTime` or `instant`.
    #[must_use]
    pub fn parse(fhir: &str) -> Option<Self> {
        let day = Day::parse(fhir)?;
        if fhir.len() > 10 {
            let at: jiff::Timestamp = fhir.parse().ok()?;
            let at = Timestamp::from_micros(at.as_microsecond());
            let of_day = at
                .unix_seconds()
                .saturating_add(JAPAN_SECONDS)
                .rem_euclid(86_400);
            let clock = Some((
                of_day.div_euclid(3600),
                of_day.rem_euclid(3600).div_euclid(60),
            ));
            return Some(Self { day, at, clock });
        }
        let begin = Timestamp::parse_rfc3339(&format!("{}T00:00:00+09:00", day.iso())).ok()?;
        Some(Self {
            day,
            at: begin,
            clock: None,
        })
    }

    /// The day that `at` lies in.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self {
            day: Day::of(at),
            at,
            clock: None,
        }
    }

    /// `09:15`, or nothing.
    #[must_use]
    pub fn time(&self) -> String {
        let clock = self.clock.filter(|clock| *clock != (0, 0));
        clock.map_or_else(String::new, |(hour, minute)| {
            format!("{hour:02}:{minute:02}")
        })
    }

    /// The first of these elements of a resource that is a date; of a Period, where it begins.
    #[must_use]
    pub fn first(value: &Value, names: &[&str]) -> Option<Self> {
        names.iter().find_map(|name| {
            let whole = text(value, &[name]);
            let begin = || text(value, &[name, "start"]).or_else(|| text(value, &[name, "end"]));
            Self::parse(whole.or_else(begin)?)
        })
    }
}
