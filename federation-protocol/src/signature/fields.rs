//! `Signature-Input` and `Fed-Directory`, read with sfv and without tolerance for what is not ours.

use std::borrow::Cow;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef};

use super::FedDirectory;
use super::components::{Component, Parameter, ParameterValue};

/// The field is not of the shape that the protocol fixes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the expected structured field")]
pub(crate) struct Unexpected;

/// More components than any signature of the protocol covers: the rest is not even kept.
const MOST_COMPONENTS: usize = 16;
const MOST_PARAMETERS: usize = 8;

/// What a `Signature-Input` member says, in the order of the wire.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SignatureInput<'a> {
    pub(crate) components: Vec<Component<'a>>,
    pub(crate) parameters: Vec<Parameter<'a>>,
}

/// Reads `Signature-Input` with exactly one member, labelled `label`.
pub(crate) fn signature_input<'a>(
    field: &'a str,
    label: &str,
) -> Result<SignatureInput<'a>, Unexpected> {
    let reader = Reader { label, input: None };
    match sfv::Parser::new(field).parse_dictionary_with_visitor(reader) {
        Ok(input) => Ok(input),
        Err(_) => Err(Unexpected),
    }
}

struct Reader<'l, 'de> {
    label: &'l str,
    input: Option<SignatureInput<'de>>,
}

impl<'de> DictionaryVisitor<'de> for Reader<'_, 'de> {
    type Out = SignatureInput<'de>;
    type Error = Unexpected;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Unexpected> {
        if key.as_str() != self.label || self.input.is_some() {
            return Err(Unexpected);
        }
        Ok(Member(self.input.insert(SignatureInput {
            components: Vec::with_capacity(MOST_COMPONENTS),
            parameters: Vec::with_capacity(MOST_PARAMETERS),
        })))
    }

    fn finish(self) -> Result<SignatureInput<'de>, Unexpected> {
        self.input.ok_or(Unexpected)
    }
}

/// The inner list behind the label: its items are components, its parameters the signature's.
struct Member<'m, 'de>(&'m mut SignatureInput<'de>);

impl<'de> EntryVisitor<'de> for Member<'_, 'de> {
    type Error = Unexpected;

    fn item(self) -> Result<impl ItemVisitor<'de>, Unexpected> {
        Err::<Ignored, _>(Unexpected)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Unexpected> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Member<'_, 'de> {
    type Error = Unexpected;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Unexpected> {
        if self.0.components.len() >= MOST_COMPONENTS {
            return Err(Unexpected);
        }
        Ok(Name(&mut self.0.components))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Unexpected> {
        Ok(self)
    }
}

/// One component's name.
struct Name<'m, 'de>(&'m mut Vec<Component<'de>>);

impl<'de> ItemVisitor<'de> for Name<'_, 'de> {
    type Out = ();
    type Error = Unexpected;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Unexpected> {
        let BareItemFromInput::String(name) = item else {
            return Err(Unexpected);
        };
        self.0.push(Component {
            name: text(name),
            req: false,
            key: None,
        });
        self.0.last_mut().map(ComponentParameters).ok_or(Unexpected)
    }
}

impl<'de> ParameterVisitor<'de> for Member<'_, 'de> {
    type Out = ();
    type Error = Unexpected;

    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), Unexpected> {
        let value = match value {
            BareItemFromInput::Integer(number) => ParameterValue::Integer(i64::from(number)),
            BareItemFromInput::String(value) => ParameterValue::Text(text(value)),
            _ => return Err(Unexpected),
        };
        // Kept even when repeated: no signature of ours has that list of names.
        if self.0.parameters.len() >= MOST_PARAMETERS {
            return Err(Unexpected);
        }
        self.0.parameters.push((key.as_str(), value));
        Ok(())
    }

    fn finish(self) -> Result<(), Unexpected> {
        Ok(())
    }
}

/// `;req`, then `;key="…"`: each at most once, in this order, nothing else.
struct ComponentParameters<'m, 'de>(&'m mut Component<'de>);

impl<'de> ParameterVisitor<'de> for ComponentParameters<'_, 'de> {
    type Out = ();
    type Error = Unexpected;

    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), Unexpected> {
        match (key.as_str(), value, &self.0) {
            (
                "req",
                BareItemFromInput::Boolean(true),
                Component {
                    req: false,
                    key: None,
                    ..
                },
            ) => {
                self.0.req = true;
            }
            ("key", BareItemFromInput::String(key), Component { key: None, .. }) => {
                self.0.key = Some(text(key));
            }
            _ => return Err(Unexpected),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Unexpected> {
        Ok(())
    }
}

fn text(value: Cow<'_, sfv::StringRef>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_str()),
        Cow::Owned(value) => Cow::Owned(value.as_str().to_owned()),
    }
}

/// Reads `Fed-Directory`: `<seq>;status=<seq>`.
pub(crate) fn fed_directory(field: &str) -> Result<FedDirectory, Unexpected> {
    let Ok(item) = sfv::Parser::new(field).parse::<sfv::Item>() else {
        return Err(Unexpected);
    };
    let number = |item: Option<&sfv::BareItem>| {
        item.and_then(sfv::BareItem::as_integer)
            .and_then(|number| u64::try_from(i64::from(number)).ok())
            .ok_or(Unexpected)
    };
    let directory = FedDirectory {
        seq: number(Some(&item.bare_item))?,
        status: number(item.params.get("status"))?,
    };
    // One spelling only: no other parameter, no repetition, no leading zero.
    if directory.to_string() == field {
        Ok(directory)
    } else {
        Err(Unexpected)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn one_member_with_the_label_is_read() {
        let input = signature_input(
            r#"fed=("@method" "a";req;key="k");created=1;tag="t""#,
            "fed",
        );
        let input = input.unwrap();
        assert_eq!(input.components.len(), 2);
        assert_eq!(
            input.parameters,
            [("created", 1.into()), ("tag", "t".into())]
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        for field in [
            "",
            "fed",
            "fed=1",
            "fed=()  x",
            "other=()",
            "fed=(), fed=()",
            "fed=(), other=()",
            "fed=(a)",
            "fed=(1)",
            r#"fed=("a";sf)"#,
            r#"fed=("a";key="k";req)"#,
            r#"fed=("a";req=?0)"#,
            r#"fed=("a";req;req)"#,
            "fed=();created=1.0",
            "fed=();x",
            "fed=();a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1",
        ] {
            assert_eq!(signature_input(field, "fed"), Err(Unexpected), "{field}");
        }
    }

    #[test]
    fn the_directory_position_has_one_spelling() {
        assert_eq!(
            fed_directory("12;status=345"),
            Ok(FedDirectory {
                seq: 12,
                status: 345
            })
        );
        for field in [
            "",
            "12",
            "12;status=a",
            "-1;status=2",
            "12;status=3;x",
            "012;status=3",
            "1 ;status=2",
        ] {
            assert_eq!(fed_directory(field), Err(Unexpected), "{field}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_signature_input_never_panics(field in ".{0,200}", ours in "fed=\\([\"a-z;= @]{0,30}\\)[;a-z=0-9\"]{0,40}") {
            let _ = signature_input(&field, "fed");
            let _ = signature_input(&ours, "fed");
            let _ = fed_directory(&field);
        }
    }
}
