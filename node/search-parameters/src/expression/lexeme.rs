//! The words and signs of an expression.

use serde_json::Number;

use super::ExpressionError;

/// A word or sign.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lexeme<'t> {
    /// A name or a word of the language: `Observation`, `as`.
    Name(&'t str),
    /// `%resource`, `$this`, the sign included.
    Variable(&'t str),
    /// `'text'`, unescaped.
    Text(String),
    /// `0`, `1.5`.
    Number(Number),
    /// `( ) [ ] . | =`.
    Sign(char),
    /// `!=`.
    Unequal,
}

/// Every lexeme with the byte it begins at.
///
/// # Errors
/// `Unexpected`.
pub(super) fn lexemes(text: &str) -> Result<Vec<(usize, Lexeme<'_>)>, ExpressionError> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let (lexeme, after) = one(first, rest).ok_or(ExpressionError::Unexpected {
            at,
            needed: "a name, a literal or an operator",
        })?;
        found.push((at, lexeme));
        rest = after.trim_start();
    }
    Ok(found)
}

fn one(first: char, rest: &str) -> Option<(Lexeme<'_>, &str)> {
    match first {
        'a'..='z' | 'A'..='Z' | '_' => {
            let (name, after) = rest.split_at(name_end(rest));
            Some((Lexeme::Name(name), after))
        }
        '`' => {
            let (name, after) = rest.get(1..)?.split_once('`')?;
            Some((Lexeme::Name(name), after))
        }
        '%' | '$' => {
            let (name, after) = rest.split_at(1 + name_end(rest.get(1..)?));
            Some((Lexeme::Variable(name), after))
        }
        '0'..='9' => {
            let digit_or_point = |(at, c): &(usize, char)| {
                c.is_ascii_digit() || (*c == '.' && rest.get(at + 1..).is_some_and(digit_first))
            };
            let digits = rest.char_indices().take_while(digit_or_point).count();
            let (number, after) = rest.split_at(digits);
            Some((Lexeme::Number(serde_json::from_str(number).ok()?), after))
        }
        '\'' => text(rest.get(1..)?),
        '!' => Some((Lexeme::Unequal, rest.strip_prefix("!=")?)),
        '(' | ')' | '[' | ']' | '.' | '|' | '=' => Some((Lexeme::Sign(first), rest.get(1..)?)),
        _ => None,
    }
}

fn digit_first(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn name_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// A text after its opening quote.
fn text(rest: &str) -> Option<(Lexeme<'_>, &str)> {
    let mut unescaped = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '\'' => return Some((Lexeme::Text(unescaped), letters.as_str())),
            '\\' => unescaped.push(match letters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'f' => '\u{c}',
                itself @ ('\'' | '"' | '`' | '\\' | '/') => itself,
                _ => return None,
            }),
            letter => unescaped.push(letter),
        }
    }
}
