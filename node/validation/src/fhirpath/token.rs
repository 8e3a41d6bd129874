//! The words of an expression.

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    /// `$this`, `%resource`: with its mark.
    Variable(String),
    Text(String),
    Whole(i64),
    Decimal(f64),
    /// An operator of signs, or a bracket.
    Sign(&'static str),
}

/// Longer signs before those that begin them.
const SIGNS: [&str; 19] = [
    "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "|", "&", "=", "<", ">", "+", "-",
    "*",
];

/// The words of the text; None at a word that is none of ours.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut rest = text.trim_start();
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' => quoted(rest)?,
            '`' => delimited(rest)?,
            '$' | '%' => variable(rest)?,
            '0'..='9' => number(rest)?,
            c if c.is_ascii_alphabetic() || c == '_' => name(rest),
            _ => SIGNS
                .iter()
                .find_map(|sign| Some((Token::Sign(sign), rest.strip_prefix(sign)?)))?,
        };
        found.push(token);
        rest = after.trim_start();
    }
    Some(found)
}

fn split(text: &str, inside: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn name(text: &str) -> (Token, &str) {
    let (name, rest) = split(text, |c| c.is_ascii_alphanumeric() || c == '_');
    (Token::Name(name.to_owned()), rest)
}

fn variable(text: &str) -> Option<(Token, &str)> {
    let (name, rest) = split(text.get(1..)?, |c| c.is_ascii_alphanumeric());
    let mark = text.get(..1)?;
    Some((Token::Variable(format!("{mark}{name}")), rest))
}

fn delimited(text: &str) -> Option<(Token, &str)> {
    let (name, rest) = text.get(1..)?.split_once('`')?;
    Some((Token::Name(name.to_owned()), rest))
}

fn number(text: &str) -> Option<(Token, &str)> {
    let (whole, rest) = split(text, |c| c.is_ascii_digit());
    let fraction = rest
        .strip_prefix('.')
        .map(|r| split(r, |c| c.is_ascii_digit()));
    match fraction {
        Some((fraction, rest)) if !fraction.is_empty() => {
            let number = format!("{whole}.{fraction}").parse().ok()?;
            Some((Token::Decimal(number), rest))
        }
        _ => Some((Token::Whole(whole.parse().ok()?), rest)),
    }
}

fn quoted(text: &str) -> Option<(Token, &str)> {
    let mut out = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\'' => return Some((Token::Text(out), text.get(at + 1..)?)),
            '\\' => out.push(match letters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = letters.by_ref().take(4).map(|(_, c)| c).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                itself => itself,
            }),
            _ => out.push(letter),
        }
    }
    None
}
