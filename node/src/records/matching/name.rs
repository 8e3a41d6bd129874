//! Names as they are compared: each way of writing with its own kind alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::evidence::Agreement;
use crate::records::fold::folded;

/// The most names that are looked at of one person.
const MOST_NAMES: usize = 16;

/// All names of a person, in every way of writing, present and former.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) family: BTreeSet<Word>,
    pub(super) given: BTreeSet<Word>,
    /// Family and given name as one.
    pub(super) whole: BTreeSet<Word>,
}

/// A folded name in one way of writing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    script: Script,
    text: String,
}

/// Names in different scripts say nothing about each other: 佐藤 may be サトウ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Script {
    Kana,
    Latin,
    Kanji,
}

impl Word {
    /// `None` where nothing is left of it.
    fn of(text: &str) -> Option<Self> {
        let text = folded(text);
        let kana = |c: char| matches!(c, '\u{3041}'..='\u{309f}' | '\u{30a0}'..='\u{30ff}');
        let script = if text.chars().all(kana) {
            Script::Kana
        } else if text.is_ascii() {
            Script::Latin
        } else {
            Script::Kanji
        };
        (!text.is_empty()).then_some(Self { script, text })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Names {
    /// Of a Patient.
    pub(super) fn of(patient: &Value) -> Self {
        let mut names = Self::default();
        let listed = patient.get("name").and_then(Value::as_array);
        for name in listed.into_iter().flatten().take(MOST_NAMES) {
            names.add(name);
        }
        names
    }

    fn add(&mut self, name: &Value) {
        let text = |member: &str| name.get(member).and_then(Value::as_str);
        let listed = name.get("given").and_then(Value::as_array);
        let given: String = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let in_text = text("text")
            .unwrap_or_default()
            .split_once(char::is_whitespace);
        let (family, given) = match (text("family"), given.as_str(), in_text) {
            (None, "", Some((family, given))) => (family, given),
            (family, given, _) => (family.unwrap_or_default(), given),
        };
        self.family.extend(Word::of(family));
        self.given.extend(Word::of(given));
        let both = (!family.is_empty() && !given.is_empty()).then(|| format!("{family}{given}"));
        self.whole
            .extend(both.as_deref().or(text("text")).and_then(Word::of));
    }

    /// Whether the family and the given names are the same.
    pub(super) fn compared(&self, other: &Self) -> (Agreement, Agreement) {
        // Who writes both as one text says both.
        if self.whole.intersection(&other.whole).next().is_some() {
            return (Agreement::Agrees, Agreement::Agrees);
        }
        let family = compared(&self.family, &other.family);
        (family, compared(&self.given, &other.given))
    }
}

/// One agreeing way of writing is enough; in different scripts nothing is said.
fn compared(ours: &BTreeSet<Word>, theirs: &BTreeSet<Word>) -> Agreement {
    if ours.intersection(theirs).next().is_some() {
        return Agreement::Agrees;
    }
    let mut ours = ours.iter();
    let comparable = ours.any(|word| theirs.iter().any(|their| their.script == word.script));
    if comparable {
        Agreement::Differs
    } else {
        Agreement::Silent
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(list: &[(&str, &str)]) -> Names {
        let list: Vec<Value> = list
            .iter()
            .map(|(family, given)| json!({"family": family, "given": [given]}))
            .collect();
        Names::of(&json!({ "name": list }))
    }

    #[test]
    fn one_way_of_writing_that_agrees_is_enough() {
        use Agreement::{Agrees, Differs, Silent};
        let both = names(&[("齋藤", "花"), ("サイトウ", "ハナ")]);
        for (other, wanted) in [
            (names(&[("斉藤", "花"), ("ｻｲﾄｳ", "ﾊﾅ")]), (Agrees, Agrees)),
            (names(&[("さいとう", "ばな")]), (Agrees, Agrees)),
            (names(&[("Saito", "Hana")]), (Silent, Silent)),
            (names(&[("スズキ", "ハナ")]), (Differs, Agrees)),
            (names(&[("サイトウ", "ケン")]), (Agrees, Differs)),
            (names(&[("斉藤", "華")]), (Differs, Differs)),
            (Names::default(), (Silent, Silent)),
        ] {
            assert_eq!(both.compared(&other), wanted, "{other:?}");
            assert_eq!(other.compared(&both), wanted, "{other:?}");
        }
    }

    #[test]
    fn a_name_in_one_text_is_taken_apart_or_compared_whole() {
        let parts = names(&[("サイトウ", "ハナ")]);
        for text in ["サイトウ ハナ", "サイトウ　ハナ", "サイトウハナ"] {
            let one = Names::of(&json!({"name": [{"text": text}]}));
            let wanted = (Agreement::Agrees, Agreement::Agrees);
            assert_eq!(one.compared(&parts), wanted, "{text}");
        }
    }
}
