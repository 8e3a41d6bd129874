//! What a physician types to find a patient: two things that belong together, in any spelling.

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

use super::views::Person;
use crate::identity::BirthDate;

/// The longest thing that is typed, letters.
const LONGEST: usize = 100;
/// The institution's number follows, after a 1 that stands for "medical".
const CHART_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.1";
const INSURED_SYSTEM: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";

/// What was typed, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) number: Option<String>,
    pub(super) kana: Option<String>,
    /// `YYYY-MM-DD`.
    pub(super) born: Option<String>,
    pub(super) insured: Option<String>,
}

/// Why it is not enough to look for somebody. The word names a text.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum WantedError {
    /// Fewer than two things.
    TooFew,
    /// No date.
    Date,
}

impl WantedError {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::TooFew => "clinic-find-too-few",
            Self::Date => "clinic-find-date",
        }
    }
}

impl Wanted {
    /// Reads what was typed.
    pub(super) fn of(
        number: &str,
        kana: &str,
        born: &str,
        insured: &str,
    ) -> Result<Self, WantedError> {
        let date = typed(born);
        let wanted = Self {
            number: typed(number).map(|text| text.replace(' ', "")),
            kana: typed(kana).map(|text| katakana(&text)),
            born: match date {
                Some(text) => Some(BirthDate::read(&text).ok_or(WantedError::Date)?.to_string()),
                None => None,
            },
            insured: typed(insured).map(|text| text.replace(' ', "")),
        };
        let said = [&wanted.number, &wanted.kana, &wanted.born, &wanted.insured];
        match said.into_iter().flatten().count() {
            0 | 1 => Err(WantedError::TooFew),
            _ => Ok(wanted),
        }
    }

    /// The Parameters of a `$match` at the institution with this number.
    pub(super) fn question(&self, institution: &str) -> Vec<u8> {
        let mut identifiers = Vec::new();
        if let Some(number) = &self.number {
            identifiers
                .push(json!({"system": format!("{CHART_SYSTEM}{institution}"), "value": number}));
        }
        if let Some(insured) = &self.insured {
            identifiers.push(json!({"system": INSURED_SYSTEM, "value": insured}));
        }
        let mut patient = json!({"resourceType": "Patient"});
        if let Some(object) = patient.as_object_mut() {
            if !identifiers.is_empty() {
                object.insert("identifier".into(), Value::Array(identifiers));
            }
            if let Some(kana) = &self.kana {
                let (family, given) = kana.split_once(' ').unwrap_or((kana, ""));
                object.insert(
                    "name".into(),
                    json!([{"text": kana, "family": family, "given": [given]}]),
                );
            }
            if let Some(born) = &self.born {
                object.insert("birthDate".into(), json!(born));
            }
        }
        let question = json!({"resourceType": "Parameters", "parameter": [
            {"name": "resource", "resource": patient}, {"name": "count", "valueInteger": 30},
        ]});
        question.to_string().into_bytes()
    }

    /// Whether each thing that was typed is the person's; the insurer's number is compared elsewhere.
    pub(super) fn is(&self, person: &Person) -> bool {
        let number = self
            .number
            .as_ref()
            .is_none_or(|number| same_number(number, &person.chart_number));
        let kana = self
            .kana
            .as_ref()
            .is_none_or(|kana| joined(kana) == joined(&katakana(&person.kana)));
        let born = self
            .born
            .as_ref()
            .is_none_or(|born| person.born.is_some_and(|day| day.iso() == *born));
        number && kana && born
    }
}

/// `00012045` is `12045`.
fn same_number(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        typed(text)
            .unwrap_or_default()
            .trim_start_matches('0')
            .to_lowercase()
    };
    !plain(one).is_empty() && plain(one) == plain(other)
}

fn joined(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

/// Full width and half width alike, spaces single; `None` for nothing.
fn typed(text: &str) -> Option<String> {
    let text: String = text
        .chars()
        .take(LONGEST)
        .nfkc()
        .filter(|letter| !letter.is_control())
        .collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// Hiragana as katakana.
fn katakana(text: &str) -> String {
    let text = text.nfkc();
    let raised = text.map(|letter| match letter {
        'ぁ'..='ゖ' => char::from_u32(u32::from(letter).saturating_add(0x60)).unwrap_or(letter),
        other => other,
    });
    raised.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Option<String> {
        Wanted::of("12045", "", text, "").ok()?.born
    }

    #[test]
    fn a_birth_date_is_understood_in_every_spelling_of_the_desk() {
        for text in [
            "1958-03-14",
            "1958/3/14",
            "19580314",
            "1958年3月14日",
            "昭和33年3月14日",
            "S33.3.14",
            "s33/03/14",
            "S330314",
        ] {
            assert_eq!(day(text).as_deref(), Some("1958-03-14"), "{text}");
        }
        assert_eq!(day("平成元年1月8日").as_deref(), Some("1989-01-08"));
        for text in ["soon", "2026-02-30", "33.3.14", "昭和", "0000-01-01"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn one_thing_alone_finds_nobody() {
        assert_eq!(Wanted::of("12045", "", "  ", ""), Err(WantedError::TooFew));
        assert_eq!(Wanted::of("12045", "", "soon", ""), Err(WantedError::Date));
        let wanted = Wanted::of("１２０４５", "さとう　はな", "", "").unwrap();
        assert_eq!(wanted.number.as_deref(), Some("12045"));
        assert_eq!(wanted.kana.as_deref(), Some("サトウ ハナ"));
    }

    #[test]
    fn everything_that_was_typed_must_be_the_persons() {
        let person = Person {
            kana: "サトウ ハナ".into(),
            chart_number: "00012045".into(),
            born: crate::pages::when::Day::parse("1958-03-14"),
            ..Person::default()
        };
        let finds = |number, kana, born| Wanted::of(number, kana, born, "").unwrap().is(&person);
        assert!(finds("12045", "ｻﾄｳ ﾊﾅ", ""));
        assert!(finds("", "さとうはな", "S33.3.14"));
        assert!(!finds("12046", "サトウ ハナ", ""));
        assert!(!finds("12045", "", "S33.3.15"));
        assert!(!finds("0", "", "S33.3.14"));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_understood_or_refused(text in any::<String>(), other in any::<String>()) {
            if let Some(date) = day(&text) {
                prop_assert_eq!(day(&date), Some(date.clone()));
            }
            if let Ok(wanted) = Wanted::of(&text, &other, "", &text) {
                prop_assert!(wanted.question("0110000001").len() < 20_000);
            }
        }
    }
}
