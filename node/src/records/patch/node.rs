//! A JSON value as text, taken apart only where someone reaches into it.

use serde_json::value::RawValue;

use super::super::json::{Document, quoted};

/// A value: its bytes as they came, or its members once it was opened.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
}

/// The texts of a list's values; `None` if it is no list.
pub(super) fn items(text: &str) -> Option<Vec<&str>> {
    let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(values.into_iter().map(RawValue::get).collect())
}

impl Node {
    pub(super) fn of(text: &str) -> Self {
        Self::Text(text.trim_matches([' ', '\t', '\r', '\n']).to_owned())
    }

    /// The value at a pointer.
    pub(super) fn at(&mut self, path: &[String]) -> Option<&mut Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        self.open();
        let child = match self {
            Self::Object(members) => members
                .iter_mut()
                .find(|(name, _)| name == first)
                .map(|(_, value)| value),
            Self::List(values) => index(first).and_then(|place| values.get_mut(place)),
            Self::Text(_) => None,
        };
        child?.at(rest)
    }

    /// Puts a value in: a member new or replaced, a list's element before the one that is there.
    pub(super) fn add(&mut self, path: &[String], value: Self) -> Result<(), &'static str> {
        let Some((last, parents)) = path.split_last() else {
            *self = value;
            return Ok(());
        };
        let parent = self.at(parents).ok_or("there is nothing to add it to")?;
        parent.open();
        match parent {
            Self::Object(members) => match members.iter_mut().find(|(name, _)| name == last) {
                Some((_, there)) => *there = value,
                None => members.push((last.clone(), value)),
            },
            Self::List(values) if last == "-" => values.push(value),
            Self::List(values) => match index(last).filter(|place| *place <= values.len()) {
                Some(place) => values.insert(place, value),
                None => return Err("no such place in the list"),
            },
            Self::Text(_) => return Err("there is no object or list to add it to"),
        }
        Ok(())
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, path: &[String]) -> Result<Self, &'static str> {
        let (last, parents) = path
            .split_last()
            .ok_or("the whole resource cannot be removed")?;
        let parent = self.at(parents).ok_or(super::NOTHING)?;
        parent.open();
        match parent {
            Self::Object(members) => {
                let place = members.iter().position(|(name, _)| name == last);
                place.map(|place| members.remove(place).1)
            }
            Self::List(values) => index(last)
                .filter(|place| *place < values.len())
                .map(|place| values.remove(place)),
            Self::Text(_) => None,
        }
        .ok_or(super::NOTHING)
    }

    fn open(&mut self) {
        let Self::Text(text) = self else {
            return;
        };
        if text.starts_with('{') {
            if let Ok(document) = Document::parse(text) {
                let member = |member: &super::super::json::Member<'_>| {
                    (member.name.clone().into_owned(), Self::of(member.value))
                };
                *self = Self::Object(document.members().iter().map(member).collect());
            }
        } else if text.starts_with('[')
            && let Some(values) = items(text)
        {
            *self = Self::List(values.into_iter().map(Self::of).collect());
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) {
        match self {
            Self::Text(text) => to.push_str(text),
            Self::Object(members) => {
                to.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    if number > 0 {
                        to.push(',');
                    }
                    to.push_str(&quoted(name));
                    to.push(':');
                    value.write(to);
                }
                to.push('}');
            }
            Self::List(values) => {
                to.push('[');
                for (number, value) in values.iter().enumerate() {
                    if number > 0 {
                        to.push(',');
                    }
                    value.write(to);
                }
                to.push(']');
            }
        }
    }
}

/// An index as RFC 6901 writes it: digits, without a leading zero.
fn index(text: &str) -> Option<usize> {
    let plain = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && digits).then(|| text.parse().ok())?
}
