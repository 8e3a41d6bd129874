//! Reading FHIR elements that anybody may have written.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use unicode_normalization::UnicodeNormalization as _;

pub(super) use crate::pages::chart::clean;

/// The longest text that is shown of an element, letters.
pub(super) const LONGEST_TEXT: usize = 240;
/// The most elements of one list that are looked at.
const MOST_ELEMENTS: usize = 200;
/// The longest number as it was written.
const LONGEST_NUMBER: usize = 24;

/// The text below `path`, not empty.
#[must_use]
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.trim().is_empty())
}

/// The same as it may be shown.
#[must_use]
pub(super) fn shown(value: &Value, path: &[&str]) -> Option<String> {
    text(value, path).map(|text| clean(text, LONGEST_TEXT))
}

/// The elements of a list; one element where FHIR has a list is taken as a list of one.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let found = value.get(name);
    let many = found.and_then(Value::as_array).map(Vec::as_slice);
    let many = many.unwrap_or(match found {
        Some(one) if one.is_object() => std::slice::from_ref(one),
        _ => &[],
    });
    many.iter().take(MOST_ELEMENTS)
}

/// What a CodeableConcept says: its text, a display, or a code.
#[must_use]
pub(super) fn said(concept: &Value) -> Option<String> {
    let of_coding =
        |member: &'static str| list(concept, "coding").find_map(move |one| shown(one, &[member]));
    shown(concept, &["text"])
        .or_else(|| of_coding("display"))
        .or_else(|| of_coding("code"))
}

/// What the CodeableConcept at `name` says.
#[must_use]
pub(super) fn concept(value: &Value, name: &str) -> Option<String> {
    list(value, name).find_map(said)
}

/// System and code of each coding of a CodeableConcept.
pub(super) fn codings(concept: &Value) -> impl Iterator<Item = (&str, &str)> {
    list(concept, "coding").filter_map(|coding| {
        let code = text(coding, &["code"]).filter(|code| code.len() <= 64)?;
        Some((text(coding, &["system"]).unwrap_or_default(), code))
    })
}

/// Whether a concept at `name` has the code, of whichever system.
#[must_use]
pub(super) fn has_code(value: &Value, name: &str, wanted: &str) -> bool {
    list(value, name).any(|concept| codings(concept).any(|(_, code)| code == wanted))
}

/// Who is named: the display of a Reference.
#[must_use]
pub(super) fn display(value: &Value, name: &str) -> Option<String> {
    list(value, name).find_map(|one| shown(one, &["display"]))
}

/// A text as texts are compared: width, case and spaces do not matter.
#[must_use]
pub(super) fn folded(text: &str) -> String {
    let short = text.chars().take(LONGEST_TEXT).collect::<String>();
    let folded = short.nfkc().filter(|letter| !letter.is_whitespace());
    folded.flat_map(char::to_lowercase).collect()
}

/// Whether a letter turns the direction of what stands after it.
#[must_use]
pub(super) fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Numbers as their author wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// That of `valueQuantity.value`.
    pub value: Option<String>,
    /// That of each component's.
    pub components: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Literals<'a> {
    #[serde(rename = "valueQuantity", borrow, default)]
    value: Option<Quantity<'a>>,
    #[serde(borrow, default)]
    component: Vec<Component<'a>>,
}

#[derive(Deserialize)]
struct Component<'a> {
    #[serde(rename = "valueQuantity", borrow, default)]
    value: Option<Quantity<'a>>,
}

#[derive(Deserialize)]
struct Quantity<'a> {
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

impl Quantity<'_> {
    fn number(&self) -> Option<String> {
        let text = self.value?.get();
        let digits = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        (digits && text.len() <= LONGEST_NUMBER).then(|| text.to_owned())
    }
}

impl Written {
    /// Those of an Observation in JSON text; none of anything else.
    #[must_use]
    pub fn of(raw: &str) -> Self {
        let Ok(literals) = serde_json::from_str::<Literals<'_>>(raw) else {
            return Self::default();
        };
        let number = |one: &Option<Quantity<'_>>| one.as_ref().and_then(Quantity::number);
        let components = literals.component.iter().take(MOST_ELEMENTS);
        Self {
            value: number(&literals.value),
            components: components.map(|one| number(&one.value)).collect(),
        }
    }
}
