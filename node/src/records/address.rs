//! Where a resource is found: its type and logical id.

use std::fmt;

use super::ResourceType;

/// A logical id: 1 to 64 of `A-Z a-z 0-9 - .`. Upper and lower case differ.
///
/// Source: FHIR R4 datatype `id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalId(String);

impl LogicalId {
    /// The id, if the text is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        good.then(|| Self(text.to_owned()))
    }

    /// A new one of ours: UUIDv7 of `at`.
    pub(super) fn fresh(at: federation_protocol::time::Timestamp) -> Self {
        let seconds = u64::try_from(at.unix_seconds()).unwrap_or(0);
        let nanos = u32::try_from(at.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0);
        let moment = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        Self(uuid::Uuid::new_v7(moment).to_string())
    }

    /// Whether it is one of [`LogicalId::fresh`], made at that time.
    pub(super) fn is_fresh_of(&self, at: federation_protocol::time::Timestamp) -> bool {
        let uuid = uuid::Uuid::try_parse(&self.0).ok();
        let moment = uuid
            .filter(|uuid| uuid.get_version_num() == 7)
            .and_then(|uuid| uuid.get_timestamp());
        let milliseconds =
            |seconds: u64, nanos: u32| u128::from(seconds) * 1_000 + u128::from(nanos / 1_000_000);
        let at = u128::try_from(at.micros() / 1_000).ok();
        moment.is_some_and(|moment| {
            let (seconds, nanos) = moment.to_unix();
            Some(milliseconds(seconds, nanos)) == at
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Type/id` on this node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// The type.
    pub kind: ResourceType,
    /// The logical id.
    pub id: LogicalId,
}

impl Address {
    /// Reads a relative reference: `Type/id`, with or without `/_history/n` behind it.
    #[must_use]
    pub fn parse(reference: &str) -> Option<Self> {
        let mut parts = reference.split('/');
        let kind = ResourceType::named(parts.next()?)?;
        let id = LogicalId::parse(parts.next()?)?;
        match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) | (Some("_history"), Some(_), None) => Some(Self { kind, id }),
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_ours_tells_when_it_was_given() {
        use federation_protocol::time::Timestamp;
        let at = Timestamp::from_micros(1_782_864_000_123_000);
        let id = LogicalId::fresh(at);
        assert!(id.is_fresh_of(at));
        assert!(!id.is_fresh_of(Timestamp::from_micros(1_782_864_000_124_000)));
        assert!(LogicalId::parse("p").is_none_or(|id| !id.is_fresh_of(at)));
    }

    #[test]
    fn only_relative_references_to_served_types_are_addresses() {
        for good in ["Patient/1", "Observation/a.b-C/_history/3"] {
            assert!(Address::parse(good).is_some(), "{good}");
        }
        for bad in [
            "Patient",
            "Patient/",
            "/Patient/1",
            "Patient/1/",
            "Unicorn/1",
            "Patient/a b",
            "Patient/1/2",
            "http://x/Patient/1",
            "urn:uuid:1",
            "#p",
            "Patient/漢",
        ] {
            assert!(Address::parse(bad).is_none(), "{bad}");
        }
        assert!(LogicalId::parse(&"x".repeat(64)).is_some());
        assert!(LogicalId::parse(&"x".repeat(65)).is_none());
    }
}
