//! A birth date as people write it: western or Japanese era, full-width or not.

use std::fmt;

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization as _;

/// The longest text that is looked at, characters.
const LONGEST: usize = 40;

/// The eras since 1868: its kanji, its letter, the year before its first, its last year.
const ERAS: [(&str, char, i16, i16); 5] = [
    ("明治", 'm', 1867, 45),
    ("大正", 't', 1911, 15),
    ("昭和", 's', 1925, 64),
    ("平成", 'h', 1988, 31),
    ("令和", 'r', 2018, 99),
];

/// A day somebody was born on.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct BirthDate(Date);

impl BirthDate {
    /// Reads a date: `1957-04-01`, `1957/4/1`, `1957年4月1日`, `19570401`, `昭和32年4月1日`, `S32.4.1`,
    /// `㍼元年12月25日`; digits and letters full-width or not.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.chars().nth(LONGEST).is_some() {
            return None;
        }
        let plain: String = text
            .nfkc()
            .filter(|letter| !letter.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect();
        let (before, longest_year, rest) = era(&plain);
        let rest = rest.replace('元', "1");
        let (year, month, day) = parts(&rest, before != 0)?;
        if before != 0 && !(1..=longest_year).contains(&year) {
            return None;
        }
        let year = year.checked_add(before)?;
        let fits = (1868..=2200).contains(&year);
        let date = Date::new(year, month, day).ok().filter(|_| fits)?;
        Some(Self(date))
    }

    /// The date of a chart: whole, or none that anybody can be asked for.
    ///
    /// Source: FHIR R4, Patient.birthDate.
    #[must_use]
    pub fn of_chart(birth_date: &str) -> Option<Self> {
        let whole = birth_date.len() == 10 && birth_date.is_ascii();
        Self::read(birth_date).filter(|date| whole && date.to_string() == birth_date)
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate(..)")
    }
}

/// The year before an era's first, its last year, and what follows its name; 0 for a western year.
fn era(text: &str) -> (i16, i16, &str) {
    for (kanji, letter, before, last) in ERAS {
        let rest = text
            .strip_prefix(kanji)
            .or_else(|| text.strip_prefix(letter));
        if let Some(rest) = rest {
            return (before, last, rest.trim_start_matches('.'));
        }
    }
    (0, 0, text)
}

/// Year, month and day: between marks, or eight digits (with an era six).
fn parts(text: &str, in_era: bool) -> Option<(i16, i8, i8)> {
    let year_digits = if in_era { 2 } else { 4 };
    if text.len() == year_digits + 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let (year, day) = text.split_at_checked(year_digits)?;
        let (month, day) = day.split_at_checked(2)?;
        return Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?));
    }
    let text = text.strip_suffix('日').unwrap_or(text);
    let mut numbers = text.split(['年', '月', '-', '/', '.', '‐', '−', 'ー']);
    let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_year = if in_era {
        digits(year, 2)
    } else {
        year.len() == 4 && digits(year, 4)
    };
    let whole = numbers.next().is_none() && is_year && digits(month, 2) && digits(day, 2);
    whole.then_some(())?;
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        BirthDate::read(text).map(|date| date.to_string())
    }

    #[test]
    fn one_day_is_read_in_every_spelling_that_people_use() {
        for text in [
            "1957-04-01",
            "1957/4/1",
            "1957.4.1",
            "1957年4月1日",
            "1957 年 4 月 1 日",
            "19570401",
            "１９５７０４０１",
            "１９５７年４月１日",
            "1957ー4ー1",
            "昭和32年4月1日",
            "昭和３２年４月１日",
            "㍼32年4月1日",
            "S32.4.1",
            "s32/4/1",
            "Ｓ３２．４．１",
            "S.32.4.1",
            "S320401",
            "昭和320401",
        ] {
            assert_eq!(read(text).as_deref(), Some("1957-04-01"), "{text}");
        }
        for (text, date) in [
            ("大正15年12月25日", "1926-12-25"),
            ("昭和元年12月25日", "1926-12-25"),
            ("S64.1.7", "1989-01-07"),
            ("平成元年1月8日", "1989-01-08"),
            ("H31.4.30", "2019-04-30"),
            ("令和元年5月1日", "2019-05-01"),
            ("M45.7.29", "1912-07-29"),
            ("2024-02-29", "2024-02-29"),
        ] {
            assert_eq!(read(text).as_deref(), Some(date), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_not_read() {
        for text in [
            "",
            "1957",
            "1957-04",
            "1957-13-01",
            "2023-02-29",
            "57-04-01",
            "昭和65年1月1日",
            "昭和0年1月1日",
            "X32.4.1",
            "1957-04-01-02",
            "1957--1",
            "-1957-04-01",
            "1957-+4-01",
            "19570431",
            "S32.4.1x",
            "٣٢-04-01",
            "1700-01-01",
            "1957年4月1日1957年4月1日1957年4月1日1957年4月1日",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_chart_that_knows_the_year_alone_lets_nobody_enrol() {
        assert!(BirthDate::of_chart("1957-04-01").is_some());
        for partial in ["1957", "1957-04", "1957/04/01", "S32.4.1", "1957-4-1"] {
            assert!(BirthDate::of_chart(partial).is_none(), "{partial}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_takes_only_what_it_writes_back(text in any::<String>()) {
            if let Some(date) = BirthDate::read(&text) {
                prop_assert_eq!(BirthDate::of_chart(&date.to_string()), Some(date));
            }
        }

        #[test]
        fn an_era_and_its_western_year_are_one_day(year in 1_i16..=64, month in 1..=12, day in 1..=28) {
            let japanese = read(&format!("昭和{year}年{month}月{day}日"));
            prop_assert_eq!(japanese, read(&format!("{}-{month}-{day}", year + 1925)));
        }
    }
}
