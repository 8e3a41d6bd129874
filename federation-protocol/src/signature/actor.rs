//! `Fed-Actor`: on whose behalf the requesting member asks.

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, DictSerializer, KeyRef, RefBareItem, StringRef, key_ref};

use crate::time::Timestamp;

const LONGEST_TEXT: usize = 128;

/// On whose behalf a member asks: a person of its staff, or one of its systems.
///
/// On the wire an RFC 9651 dictionary with its members in this order, each at most once, without
/// parameters: `id="dr-0042", role="physician", dept=%"%e5%86%85%e7%a7%91", acr="passkey",
/// at=1782864000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The requester's own id of the person, 1–128 printable ASCII characters; absent exactly when
    /// the role is `system`.
    pub id: Option<String>,
    /// `physician`, `nurse`, …, `system`: 1–32 lower-case letters and hyphens.
    pub role: String,
    /// The department as people call it; any script, at most 128 bytes.
    pub dept: Option<String>,
    /// How the person proved themself.
    pub acr: Option<String>,
    /// When, to the second.
    pub at: Option<Timestamp>,
}

/// The text is not a `Fed-Actor`, or the actor cannot be written as one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Fed-Actor dictionary")]
pub struct ActorError;

impl Actor {
    /// A system of the requester: no person asks.
    #[must_use]
    pub fn system() -> Self {
        Self {
            id: None,
            role: "system".into(),
            dept: None,
            acr: None,
            at: None,
        }
    }

    /// The field value.
    ///
    /// # Errors
    /// [`ActorError`] when a part is empty, too long, or not of its alphabet, or when `id` is
    /// missing for a person or present for a system.
    pub fn to_field(&self) -> Result<String, ActorError> {
        self.check()?;
        let mut dictionary = DictSerializer::new();
        for (key, text) in [("id", &self.id), ("role", &Some(self.role.clone()))] {
            if let Some(text) = text {
                let _ = dictionary.bare_item(key_ref(key), string(text)?);
            }
        }
        if let Some(dept) = &self.dept {
            let _ = dictionary.bare_item(key_ref("dept"), RefBareItem::DisplayString(dept));
        }
        if let Some(acr) = &self.acr {
            let _ = dictionary.bare_item(key_ref("acr"), string(acr)?);
        }
        if let Some(at) = self.at {
            let Ok(seconds) = sfv::Integer::try_from(at.unix_seconds()) else {
                return Err(ActorError);
            };
            let _ = dictionary.bare_item(key_ref("at"), seconds);
        }
        dictionary.finish().ok_or(ActorError)
    }

    /// Reads a field value.
    ///
    /// # Errors
    /// [`ActorError`] for anything but the members above in their order.
    pub fn from_field(field: &[u8]) -> Result<Self, ActorError> {
        let reader = Reader {
            actor: Self {
                role: String::new(),
                ..Self::system()
            },
            last: None,
        };
        match sfv::Parser::new(field).parse_dictionary_with_visitor(reader) {
            Ok(actor) => actor.check().map(|()| actor),
            Err(_) => Err(ActorError),
        }
    }

    fn check(&self) -> Result<(), ActorError> {
        let text = |text: &Option<String>| {
            text.as_ref()
                .is_none_or(|text| (1..=LONGEST_TEXT).contains(&text.len()))
        };
        let role = (1..=32).contains(&self.role.len())
            && self
                .role
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let person = (self.role == "system") == self.id.is_none();
        let fits = role && person && text(&self.id) && text(&self.dept) && text(&self.acr);
        if fits { Ok(()) } else { Err(ActorError) }
    }
}

fn string(text: &str) -> Result<RefBareItem<'_>, ActorError> {
    match StringRef::from_str(text) {
        Ok(text) => Ok(RefBareItem::String(text)),
        Err(_) => Err(ActorError),
    }
}

/// The members in their only order.
#[derive(Copy, Clone, PartialEq, PartialOrd)]
enum Part {
    Id,
    Role,
    Dept,
    Acr,
    At,
}

struct Reader {
    actor: Actor,
    last: Option<Part>,
}

struct PartReader<'a> {
    actor: &'a mut Actor,
    part: Part,
}

impl<'de> DictionaryVisitor<'de> for Reader {
    type Out = Actor;
    type Error = ActorError;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, ActorError> {
        let part = match key.as_str() {
            "id" => Part::Id,
            "role" => Part::Role,
            "dept" => Part::Dept,
            "acr" => Part::Acr,
            "at" => Part::At,
            _ => return Err(ActorError),
        };
        if self.last.is_some_and(|last| last >= part) {
            return Err(ActorError);
        }
        self.last = Some(part);
        Ok(PartReader {
            actor: &mut self.actor,
            part,
        })
    }

    fn finish(self) -> Result<Actor, ActorError> {
        Ok(self.actor)
    }
}

impl<'de> EntryVisitor<'de> for PartReader<'_> {
    type Error = ActorError;

    fn item(self) -> Result<impl ItemVisitor<'de>, ActorError> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, ActorError> {
        Err::<Ignored, _>(ActorError)
    }
}

impl<'de> ItemVisitor<'de> for PartReader<'_> {
    type Out = ();
    type Error = ActorError;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, ActorError> {
        let actor = self.actor;
        match (self.part, item) {
            (Part::Id, BareItemFromInput::String(text)) => actor.id = Some(text.as_str().into()),
            (Part::Role, BareItemFromInput::String(text)) => actor.role = text.as_str().into(),
            (Part::Dept, BareItemFromInput::DisplayString(text)) => actor.dept = Some(text.into()),
            (Part::Acr, BareItemFromInput::String(text)) => actor.acr = Some(text.as_str().into()),
            (Part::At, BareItemFromInput::Integer(seconds)) => {
                actor.at = Some(Timestamp::from_unix_seconds(i64::from(seconds)));
            }
            _ => return Err(ActorError),
        }
        Ok(NoParameters)
    }
}

/// Refuses every parameter.
pub(super) struct NoParameters;

impl<'de> ParameterVisitor<'de> for NoParameters {
    type Out = ();
    type Error = ActorError;

    fn parameter(&mut self, _: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<(), ActorError> {
        Err(ActorError)
    }

    fn finish(self) -> Result<(), ActorError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    const EXAMPLE: &str = r#"id="dr-0042", role="physician", dept=%"%e5%86%85%e7%a7%91", acr="passkey", at=1782864000"#;

    #[test]
    fn the_example_of_the_protocol_is_read_and_written() {
        let actor = Actor::from_field(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(actor.dept.as_deref(), Some("内科"));
        assert_eq!(actor.at, Some(Timestamp::from_unix_seconds(1_782_864_000)));
        assert_eq!(actor.to_field().unwrap(), EXAMPLE);
        assert_eq!(Actor::from_field(br#"role="system""#), Ok(Actor::system()));
    }

    #[test]
    fn another_order_or_shape_is_refused() {
        for field in [
            "",
            r#"role="physician", id="a""#,
            r#"id="a", id="b", role="nurse""#,
            r#"id="a""#,
            r#"role="physician""#,
            r#"id="a", role="system""#,
            r#"id="a";x, role="nurse""#,
            r#"id=("a"), role="nurse""#,
            r#"id=a, role="nurse""#,
            r#"id="a", role="Nurse""#,
            r#"id="", role="nurse""#,
            r#"id="a", role="nurse", dept="x""#,
            r#"id="a", role="nurse", at=1.5"#,
            r#"id="a", role="nurse", floor="3""#,
            "id=\"a\", role=\"nurse\", dept=\"内科\"",
        ] {
            assert_eq!(
                Actor::from_field(field.as_bytes()),
                Err(ActorError),
                "{field}"
            );
        }
    }

    #[test]
    fn what_no_header_can_carry_is_not_written() {
        let mut actor = Actor {
            id: Some("医師".into()),
            ..Actor::system()
        };
        actor.role = "physician".into();
        assert_eq!(actor.to_field(), Err(ActorError));
        actor.id = Some("a\r\nb".into());
        assert_eq!(actor.to_field(), Err(ActorError));
    }

    proptest::proptest! {
        #[test]
        fn reading_an_actor_never_panics(field in proptest::collection::vec(0_u8.., 0..80)) {
            let _ = Actor::from_field(&field);
        }

        #[test]
        fn what_is_written_is_read(
            id in "[ -~]{1,20}", dept in proptest::option::of(".{1,20}"), at in 0_i64..9_000_000_000,
        ) {
            let actor = Actor {
                id: Some(id), role: "physician".into(), dept, acr: Some("passkey".into()),
                at: Some(Timestamp::from_unix_seconds(at)),
            };
            let field = actor.to_field().unwrap();
            proptest::prop_assert!(field.is_ascii());
            proptest::prop_assert_eq!(Actor::from_field(field.as_bytes()), Ok(actor));
        }
    }
}
