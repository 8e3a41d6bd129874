//! HL7 time stamps as FHIR spells them. Japan has one zone without summer time: a stamp that states
//! no offset is +09:00.

/// A point in time as precise as it was sent: a year, a month, a day, or a day and a time.
///
/// Source: HL7 v2.5 section 2.A.77 (TS); FHIR R4, dateTime and instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    date: String,
    time: Option<String>,
    /// The digits as sent, without fraction and offset: what keys are made of.
    digits: String,
}

impl Moment {
    /// `YYYY[MM[DD[HH[MM[SS[.f]]]]]][±ZZZZ]`, checked against the calendar; none if it is no time.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stamp, offset) = match text.find(['+', '-']) {
            Some(at) => (text.get(..at)?, offset(text.get(at..)?)?),
            None => (text, "+09:00".to_owned()),
        };
        let (digits, fraction) = match stamp.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (stamp, None),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(digits) || !matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14) {
            return None;
        }
        let fraction = match fraction {
            Some(fraction) if !all_digits(fraction) || digits.len() != 14 => return None,
            Some(fraction) if !fraction.is_empty() => format!(".{fraction}"),
            _ => String::new(),
        };
        let part = |from: usize| digits.get(from..from + 2);
        let number = |from: usize| part(from).and_then(|two| two.parse::<u8>().ok());
        let year: u16 = digits.get(..4)?.parse().ok().filter(|year| *year > 0)?;
        let mut date = digits.get(..4)?.to_owned();
        if let Some(month) = number(4) {
            (1..=12).contains(&month).then_some(())?;
            date = format!("{date}-{}", part(4)?);
            if let Some(day) = number(6) {
                (1..=days_of(year, month)).contains(&day).then_some(())?;
                date = format!("{date}-{}", part(6)?);
            }
        }
        let time = match number(8) {
            None => None,
            Some(hour) => {
                let within = |from: usize, end: u8| number(from).is_none_or(|value| value < end);
                (hour < 24 && within(10, 60) && within(12, 60)).then_some(())?;
                let two = |from: usize| part(from).unwrap_or("00");
                Some(format!(
                    "{}:{}:{}{fraction}{offset}",
                    two(8),
                    two(10),
                    two(12)
                ))
            }
        };
        Some(Self {
            date,
            time,
            digits: digits.to_owned(),
        })
    }

    /// As FHIR `dateTime`.
    pub(crate) fn date_time(&self) -> String {
        match &self.time {
            Some(time) => format!("{}T{time}", self.date),
            None => self.date.clone(),
        }
    }

    /// As FHIR `date`.
    pub(crate) fn date(&self) -> String {
        self.date.clone()
    }

    /// As FHIR `instant`, which needs a time of day.
    pub(crate) fn instant(&self) -> Option<String> {
        self.time.is_some().then(|| self.date_time())
    }

    /// Whether it is certainly later than another: a day is not later than a time of that day.
    pub(crate) fn is_after(&self, other: &Self) -> bool {
        if let (Some(own), Some(others)) = (self.seconds(), other.seconds()) {
            return own > others;
        }
        let known = self.digits.len().min(other.digits.len()).min(8);
        self.digits.get(..known) > other.digits.get(..known)
    }

    /// Seconds, counted from some day, and the fraction behind them; none without a time of day.
    fn seconds(&self) -> Option<(i64, &str)> {
        let time = self.time.as_deref()?;
        let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let (year, month) = (number(&self.date, 0, 4)?, number(&self.date, 5, 7)?);
        let before = year - 1;
        let months = (1..u8::try_from(month).ok()?)
            .map(|month| i64::from(days_of(u16::try_from(year).unwrap_or(0), month)));
        let day = before * 365 + before / 4 - before / 100
            + before / 400
            + months.sum::<i64>()
            + number(&self.date, 8, 10)?;
        let zone = time.len().checked_sub(6)?;
        let offset = time.get(zone..)?;
        let minutes = number(offset, 1, 3)? * 60 + number(offset, 4, 6)?;
        let east = if offset.starts_with('-') {
            -minutes
        } else {
            minutes
        };
        let clock = (number(time, 0, 2)? * 60 + number(time, 3, 5)? - east) * 60;
        Some((
            day * 86_400 + clock + number(time, 6, 8)?,
            time.get(8..zone)?,
        ))
    }

    /// The first eight digits, if it names a day.
    pub(crate) fn day(&self) -> Option<&str> {
        self.digits.get(..8)
    }

    /// The digits as sent.
    pub(crate) fn digits(&self) -> &str {
        &self.digits
    }
}

fn days_of(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `±HHMM` as `±HH:MM`.
fn offset(text: &str) -> Option<String> {
    let (sign, digits) = (text.get(..1)?, text.get(1..)?);
    let (hour, minute) = (digits.get(..2)?, digits.get(2..)?);
    let number = |two: &str| {
        let plain = two.len() == 2 && two.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| two.parse::<u8>().ok()).flatten()
    };
    (number(hour)? <= 14 && number(minute)? < 60).then(|| format!("{sign}{hour}:{minute}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn spelled(text: &str) -> Option<String> {
        Moment::parse(text).map(|moment| moment.date_time())
    }

    #[test]
    fn a_stamp_keeps_its_precision() {
        for (sent, expected) in [
            ("2011", "2011"),
            ("201107", "2011-07"),
            ("20110701", "2011-07-01"),
            ("2011070100", "2011-07-01T00:00:00+09:00"),
            ("202106161038", "2021-06-16T10:38:00+09:00"),
            ("20210616080033.69", "2021-06-16T08:00:33.69+09:00"),
            ("20210616080033.-0530", "2021-06-16T08:00:33-05:30"),
            ("20240229", "2024-02-29"),
        ] {
            assert_eq!(spelled(sent).as_deref(), Some(expected), "{sent}");
        }
    }

    #[test]
    fn what_is_on_no_calendar_is_no_time() {
        for sent in [
            "",
            "00000000",
            "0000",
            "20110230",
            "20230229",
            "20111301",
            "2011070124",
            "201107010060",
            "20110701000060",
            "2011-07-01",
            "２０１１",
            "201",
            "20210616080033+9",
            "20210616.5",
            "20110701+0960",
            "+0900",
        ] {
            assert_eq!(spelled(sent), None, "{sent}");
        }
    }

    #[test]
    fn what_is_later_is_certainly_later() {
        let after = |one: &str, other: &str| {
            let of = |text| Moment::parse(text).unwrap();
            of(one).is_after(&of(other))
        };
        assert!(after("20260402", "20260401"));
        assert!(after("20260401103000", "20260401102959"));
        assert!(after("20260401103000.5", "20260401103000"));
        assert!(after("20270101000000", "20261231235959"));
        assert!(after("20240301000000", "20240229235900"));
        // The same instant, seen from London and from Japan; and a day and one of its hours.
        assert!(!after("20260401103000+0900", "20260401013000+0000"));
        assert!(after("20260401013100+0000", "20260401103000+0900"));
        assert!(!after("20260401", "20260401103000"));
        assert!(!after("2026040123", "20260401"));
        assert!(!after("202604", "20260401"));
    }

    #[test]
    fn an_instant_needs_a_time_of_day() {
        assert_eq!(Moment::parse("20110701").unwrap().instant(), None);
        assert!(Moment::parse("2011070112").unwrap().instant().is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9+.年-]{0,24}") {
            let _ = Moment::parse(&text);
        }
    }
}
