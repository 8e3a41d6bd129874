//! Reading what hospitals sent: every text is cut to length and freed of what would disturb a page,
//! every list is looked at up to a bound. Nothing here fails; what is not understood is not there.

use federation_protocol::time::Timestamp;
use jiff::civil;
use serde_json::Value;

/// The longest text taken from a resource, characters.
pub(super) const LONGEST_TEXT: usize = 400;
/// How many members of one list are looked at.
const MOST_MEMBERS: usize = 64;

/// A resource, and which of the hospitals holds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    /// Its place in the list of hospitals.
    pub(super) hospital: usize,
    /// The resource.
    pub(super) resource: Value,
}

impl Held {
    /// Its type.
    pub(super) fn kind(&self) -> &str {
        text(&self.resource, "resourceType").unwrap_or_default()
    }

    /// Whether it says that it was written by mistake, or is not to be carried out.
    pub(super) fn is_void(&self) -> bool {
        let status = text(&self.resource, "status").unwrap_or_default();
        matches!(status, "entered-in-error" | "cancelled" | "draft")
    }
}

/// The text at a member.
pub(super) fn text<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member).and_then(Value::as_str)
}

/// The members of the list at `member`, as many as are looked at.
pub(super) fn list<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    let members = value.get(member).and_then(Value::as_array);
    members.into_iter().flatten().take(MOST_MEMBERS)
}

/// The texts of the list at `member`.
pub(super) fn texts<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v str> {
    list(value, member).filter_map(Value::as_str)
}

/// A text as it may be shown: cut to length, without control characters and without those that turn
/// the direction of what stands around them.
pub(super) fn clean(text: &str) -> String {
    let disturbs = |c: char| {
        let control = c.is_control() && !matches!(c, '\n' | '\t');
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        control || turns || c == '\u{feff}'
    };
    let kept = text.chars().filter(|c| !disturbs(*c));
    let kept: String = kept.take(LONGEST_TEXT).collect();
    kept.trim().to_owned()
}

/// What a CodeableConcept says to people: its text, else the display of a coding, else a code.
pub(super) fn concept(value: &Value) -> Option<String> {
    let said = text(value, "text")
        .map(clean)
        .filter(|said| !said.is_empty());
    let of_coding = |member: &str| {
        let mut said = list(value, "coding").filter_map(|coding| text(coding, member).map(clean));
        said.find(|said| !said.is_empty())
    };
    said.or_else(|| of_coding("display"))
        .or_else(|| of_coding("code"))
}

/// System and code of each coding of a CodeableConcept.
pub(super) fn codes(value: &Value) -> impl Iterator<Item = (&str, &str)> {
    list(value, "coding").filter_map(|coding| {
        let system = text(coding, "system").unwrap_or_default();
        Some((system, text(coding, "code")?))
    })
}

/// The codes of every concept of the list at `member`, whatever their system.
pub(super) fn codes_of<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v str> {
    list(value, member).flat_map(|concept| codes(concept).map(|(_system, code)| code))
}

/// The first extension whose URL ends with `/name`.
pub(super) fn extension<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    list(value, "extension").find(|extension| {
        let url = text(extension, "url").unwrap_or_default();
        url.rsplit('/').next() == Some(name)
    })
}

/// A date as exactly as it was said, in Japanese time.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct When {
    /// The day; the first of the month or year where no more was said.
    pub(super) day: civil::Date,
    /// Hour and minute, where they were said.
    pub(super) time: Option<(i8, i8)>,
    /// How much of the day was said.
    pub(super) exact: Exact,
}

/// How exactly a date was said.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Exact {
    /// The year alone.
    Year,
    /// Year and month.
    Month,
    /// The day, or more.
    Day,
}

/// Japanese time is nine hours ahead of UTC, all year.
const JAPAN_HOURS: i64 = 9;
const HOUR_SECONDS: i64 = 3_600;
const EPOCH: civil::Date = civil::date(1970, 1, 1);

impl When {
    /// Reads a FHIR `date` or `dateTime`.
    ///
    /// Source: FHIR R4 datatypes, `dateTime`.
    pub(super) fn parse(said: &str) -> Option<Self> {
        if said.contains('T') {
            let moment = Timestamp::parse_rfc3339(said).ok()?;
            return Self::of_unix(moment.unix_seconds());
        }
        let mut parts = said.split('-');
        let year: i16 = digits(parts.next()?, 4)?.parse().ok()?;
        let month = parts.next().map(|part| digits(part, 2)?.parse().ok());
        let day = parts.next().map(|part| digits(part, 2)?.parse().ok());
        if parts.next().is_some() {
            return None;
        }
        let (month, day, exact): (i8, i8, Exact) = match (month, day) {
            (None, None) => (1, 1, Exact::Year),
            (Some(month), None) => (month?, 1, Exact::Month),
            (month, Some(day)) => (month??, day?, Exact::Day),
        };
        let day = civil::Date::new(year, month, day)
            .ok()
            .filter(|_| year > 0)?;
        Some(Self {
            day,
            time: None,
            exact,
        })
    }

    /// A moment, in seconds since 1970.
    pub(super) fn of_unix(seconds: i64) -> Option<Self> {
        let there = seconds.checked_add(JAPAN_HOURS * HOUR_SECONDS)?;
        let moment = jiff::Timestamp::from_second(there).ok()?;
        let civil = moment.to_zoned(jiff::tz::TimeZone::UTC).datetime();
        Some(Self {
            day: civil.date(),
            time: Some((civil.hour(), civil.minute())),
            exact: Exact::Day,
        })
    }

    /// The moment; of a day without an hour, its beginning in Japan.
    pub(super) fn moment(self) -> Timestamp {
        let (hour, minute) = self.time.unwrap_or((0, 0));
        let days = days_between(EPOCH, self.day);
        let seconds = days.saturating_mul(24 * HOUR_SECONDS)
            + (i64::from(hour) - JAPAN_HOURS) * HOUR_SECONDS
            + i64::from(minute) * 60;
        Timestamp::from_unix_seconds(seconds)
    }

    /// How many days `later` lies after this one; negative: before.
    pub(super) fn days_until(self, later: civil::Date) -> i64 {
        days_between(self.day, later)
    }
}

/// Whole days from `earlier` to `later`.
pub(super) fn days_between(earlier: civil::Date, later: civil::Date) -> i64 {
    earlier.duration_until(later).as_hours() / 24
}

fn digits(text: &str, count: usize) -> Option<&str> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(text)
}

/// The date at one of these members: a `dateTime`, or the start of a Period.
pub(super) fn when(resource: &Value, members: &[&str]) -> Option<When> {
    members.iter().find_map(|member| {
        let value = resource.get(member)?;
        let said = value.as_str().or_else(|| text(value, "start"));
        When::parse(said?)
    })
}

/// A number with how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    /// Its value; finite.
    pub(super) value: f64,
    /// As the hospital wrote it.
    pub(super) written: String,
}

/// The number at a member.
pub(super) fn number(value: &Value, member: &str) -> Option<Number> {
    let found = value.get(member)?;
    let number = found.as_f64().filter(|number| number.is_finite())?;
    Some(Number {
        value: number,
        written: clean(&found.to_string()),
    })
}

/// A Quantity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    /// How much.
    pub(super) number: Number,
    /// `<`, `<=`, `>=` or `>`, where the value is only bounded.
    pub(super) comparator: &'static str,
    /// The unit as printed; empty where none is said.
    pub(super) unit: String,
}

/// A Quantity, if it says a number.
pub(super) fn quantity(value: &Value) -> Option<Quantity> {
    let unit = text(value, "unit").or_else(|| text(value, "code"));
    let comparator = match text(value, "comparator") {
        Some("<") => "<",
        Some("<=") => "≤",
        Some(">=") => "≥",
        Some(">") => ">",
        _ => "",
    };
    Some(Quantity {
        number: number(value, "value")?,
        comparator,
        unit: unit.map(clean).unwrap_or_default(),
    })
}

/// The name of a Patient in one representation (`IDE` kanji, `SYL` kana).
///
/// Source: JP Core, JP_HumanName.
pub(super) fn called_in(patient: &Value, form: &str) -> Option<String> {
    let mut names = list(patient, "name")
        .filter(|name| list(name, "extension").any(|one| text(one, "valueCode") == Some(form)));
    names.next().and_then(full_name)
}

/// The name of a Patient as it is written, in kanji where it has them.
pub(super) fn called(patient: &Value) -> Option<String> {
    let any = || list(patient, "name").find_map(full_name);
    called_in(patient, "IDE").or_else(any)
}

fn full_name(name: &Value) -> Option<String> {
    let given: Vec<&str> = texts(name, "given").collect();
    let parts = || {
        let family = text(name, "family")?;
        Some(format!("{family} {}", given.join(" ")))
    };
    let whole = text(name, "text").map(ToOwned::to_owned);
    whole
        .or_else(parts)
        .map(|name| clean(&name))
        .filter(|name| !name.is_empty())
}

/// What a Reference shows: its display.
pub(super) fn shown(reference: &Value) -> Option<String> {
    text(reference, "display")
        .map(clean)
        .filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_is_a_day_and_an_hour_in_japan() {
        let late = When::parse("2026-11-30T20:15:00Z").unwrap();
        assert_eq!((late.day.day(), late.time), (1, Some((5, 15))));
        let day = When::parse("2026-12-01").unwrap();
        assert_eq!((day.exact, day.time), (Exact::Day, None));
        assert_eq!(When::parse("1987").unwrap().exact, Exact::Year);
        assert_eq!(When::parse("2011-05").unwrap().exact, Exact::Month);
    }

    #[test]
    fn a_day_in_japan_begins_nine_hours_before_that_of_greenwich() {
        let begins = |said: &str| When::parse(said).unwrap().moment().to_string();
        assert_eq!(begins("2026-12-01"), "2026-11-30T15:00:00.000Z");
        assert_eq!(begins("2026-11-30T20:15:00Z"), "2026-11-30T20:15:00.000Z");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for said in [
            "",
            "2026-13",
            "2026-02-30",
            "26-01-01",
            "2026-1-1",
            "2026-01-01-01",
            "0000",
            "2026-",
            "T",
        ] {
            assert_eq!(When::parse(said), None, "{said}");
        }
    }

    #[test]
    fn a_text_cannot_turn_the_page_around() {
        assert_eq!(clean(" a\u{202e}b\u{0}c\u{2066} "), "abc");
        assert_eq!(clean(&"長".repeat(1_000)).chars().count(), LONGEST_TEXT);
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_none(said in "\\PC{0,40}") {
            let _ = When::parse(&said);
        }

        #[test]
        fn a_date_that_is_read_is_the_one_that_was_written(y in 1_i16..=9_999, m in 1_i8..=12, d in 1_i8..=28) {
            let said = format!("{y:04}-{m:02}-{d:02}");
            let when = When::parse(&said).unwrap();
            prop_assert_eq!(when.day.to_string(), said);
        }

        #[test]
        fn any_second_has_a_day_or_none(seconds in any::<i64>()) {
            let _ = When::of_unix(seconds);
        }
    }
}
