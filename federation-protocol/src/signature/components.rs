//! The signature base of RFC 9421: which parts of a message a signature covers, and their bytes.
//!
//! One builder for everything that is signed or verified here, and the one that the RFC's vectors
//! test. It knows the components that the protocol uses; a covered field appears exactly once.

use std::borrow::Cow;
use std::fmt::Write as _;

use sfv::FieldType as _;

/// A covered component: a derived one (`@method`) or a field name in lower case, with the
/// parameters `req` and `key`, written in that order.
///
/// Source: RFC 9421 sections 2.1 and 2.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// `@method`, `@path`, `@query`, `@authority`, `@status`, or a field name.
    pub name: Cow<'a, str>,
    /// Taken from the request that this response answers.
    pub req: bool,
    /// Only this member of a dictionary field.
    pub key: Option<Cow<'a, str>>,
}

impl Component<'static> {
    /// A component without parameters.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            req: false,
            key: None,
        }
    }

    /// A component of the answered request.
    #[must_use]
    pub const fn of_request(name: &'static str, key: Option<&'static str>) -> Self {
        let key = match key {
            Some(key) => Some(Cow::Borrowed(key)),
            None => None,
        };
        Self {
            name: Cow::Borrowed(name),
            req: true,
            key,
        }
    }
}

/// The value of a signature parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterValue<'a> {
    /// `created`, `expires`: Unix seconds.
    Integer(i64),
    /// `nonce`, `keyid`, `alg`, `tag`.
    Text(Cow<'a, str>),
}

impl From<i64> for ParameterValue<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for ParameterValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// A signature parameter's name and value, in the order of the wire.
pub type Parameter<'a> = (&'a str, ParameterValue<'a>);

/// The parts of a message that a signature can cover.
#[derive(Copy, Clone, Debug, Default)]
pub struct Message<'a> {
    /// `@method`.
    pub method: &'a str,
    /// `@path`.
    pub path: &'a str,
    /// `@query`, without its `?`.
    pub query: &'a str,
    /// `@authority`.
    pub authority: &'a str,
    /// `@status`.
    pub status: u16,
    /// Field lines, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// For a response: the request that it answers.
    pub request: Option<&'a Message<'a>>,
}

/// A covered part of the message is not what can be signed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// A covered field, dictionary member or the answered request is not there.
    #[error("a covered component is missing")]
    Missing,
    /// A covered field stands there more than once.
    #[error("a covered field is repeated")]
    Repeated,
    /// A covered value has bytes outside printable ASCII, or is no dictionary.
    #[error("a covered value is malformed")]
    Malformed,
    /// A derived component that the protocol does not use.
    #[error("an unknown derived component is covered")]
    Unknown,
}

/// The bytes that are signed: a line for each component, and the parameters' line.
///
/// `parameters` is what [`parameters_text`] gave for the same components.
///
/// # Errors
/// [`BaseError`].
///
/// Source: RFC 9421 section 2.5.
pub fn signature_base(
    components: &[Component<'_>],
    message: &Message<'_>,
    parameters: &str,
) -> Result<String, BaseError> {
    let mut base = String::with_capacity(512 + parameters.len() * 2);
    for component in components {
        write_identifier(component, &mut base);
        base.push_str(": ");
        let source = if component.req {
            message.request.ok_or(BaseError::Missing)?
        } else {
            message
        };
        write_value(component, source, &mut base)?;
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    Ok(base)
}

/// The value of `Signature-Input` behind its label, and of `@signature-params`.
///
/// Texts must be printable ASCII: they were parsed as such, or are ours.
///
/// Source: RFC 9421 section 2.3.
#[must_use]
pub fn parameters_text(components: &[Component<'_>], parameters: &[Parameter<'_>]) -> String {
    let mut text = String::with_capacity(480);
    text.push('(');
    for (at, component) in components.iter().enumerate() {
        if at > 0 {
            text.push(' ');
        }
        write_identifier(component, &mut text);
    }
    text.push(')');
    for (name, value) in parameters {
        text.push(';');
        text.push_str(name);
        text.push('=');
        match value {
            // Writing to a String cannot fail.
            ParameterValue::Integer(number) => drop(write!(text, "{number}")),
            ParameterValue::Text(value) => write_string(value, &mut text),
        }
    }
    text
}

/// The one line of a field, without surrounding white space, printable ASCII only.
///
/// # Errors
/// [`BaseError::Missing`], [`BaseError::Repeated`], [`BaseError::Malformed`].
pub fn field<'a>(headers: &[(&str, &'a [u8])], name: &str) -> Result<&'a str, BaseError> {
    let mut lines = headers.iter().filter(|(line, _)| *line == name);
    let (_, value) = lines.next().ok_or(BaseError::Missing)?;
    if lines.next().is_some() {
        return Err(BaseError::Repeated);
    }
    match std::str::from_utf8(value.trim_ascii()) {
        Ok(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Ok(text),
        _ => Err(BaseError::Malformed),
    }
}

fn write_identifier(component: &Component<'_>, to: &mut String) {
    write_string(&component.name, to);
    if component.req {
        to.push_str(";req");
    }
    if let Some(key) = &component.key {
        to.push_str(";key=");
        write_string(key, to);
    }
}

/// An RFC 9651 string.
fn write_string(text: &str, to: &mut String) {
    to.push('"');
    if text.contains(['"', '\\']) {
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                to.push('\\');
            }
            to.push(character);
        }
    } else {
        to.push_str(text);
    }
    to.push('"');
}

fn write_value(
    component: &Component<'_>,
    message: &Message<'_>,
    to: &mut String,
) -> Result<(), BaseError> {
    match component.name.as_ref() {
        "@method" => to.push_str(message.method),
        "@path" => to.push_str(message.path),
        "@query" => {
            to.push('?');
            to.push_str(message.query);
        }
        "@authority" => to.push_str(message.authority),
        "@status" => drop(write!(to, "{}", message.status)),
        name if name.starts_with('@') => return Err(BaseError::Unknown),
        name => {
            let value = field(message.headers, name)?;
            match &component.key {
                None => to.push_str(value),
                Some(key) => to.push_str(&dictionary_member(value, key)?),
            }
        }
    }
    Ok(())
}

/// One member of a dictionary field, in its canonical form.
fn dictionary_member(field: &str, key: &str) -> Result<String, BaseError> {
    let Ok(dictionary) = sfv::Parser::new(field).parse::<sfv::Dictionary>() else {
        return Err(BaseError::Malformed);
    };
    match dictionary.get(key) {
        Some(sfv::ListEntry::Item(item)) => Ok(item.serialize()),
        Some(sfv::ListEntry::InnerList(_)) => Err(BaseError::Malformed),
        None => Err(BaseError::Missing),
    }
}

#[cfg(test)]
mod tests;
