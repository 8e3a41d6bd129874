//! One interaction of FHIR's REST API, whether it came as a request of its own or as an entry of a
//! Bundle: what is asked, at which address, on which conditions. Knows no HTTP library.

use federation_protocol::time::Timestamp;

use super::form::{form_pairs, version_of_etag};
use super::store::Expect;
use super::{Address, Criteria, DraftError, LogicalId, RecordsError, ResourceType};

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum Interaction {
    /// Read, vread, and both on a condition.
    Read {
        address: Address,
        version: Option<i32>,
        known: Known,
        /// How it is to be cut.
        pairs: Pairs,
    },
    Search {
        kind: ResourceType,
        pairs: Pairs,
    },
    History {
        of: HistoryOf,
        pairs: Pairs,
    },
    Everything {
        of: Address,
        pairs: Pairs,
    },
    Create {
        kind: ResourceType,
        unless: Option<Criteria>,
    },
    Update {
        target: Target,
        expect: Expect,
    },
    Patch {
        target: Target,
        expect: Expect,
    },
    Delete {
        target: Target,
        expect: Expect,
    },
}

/// Decoded parameters in their order.
pub(super) type Pairs = Vec<(String, String)>;

/// What a history is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryOf {
    /// Every resource here.
    System,
    /// Every resource of a type.
    Kind(ResourceType),
    /// One resource.
    One(Address),
}

impl std::fmt::Display for HistoryOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => Ok(()),
            Self::Kind(kind) => kind.fmt(f),
            Self::One(address) => address.fmt(f),
        }
    }
}

/// What is changed.
#[derive(Debug, Clone)]
pub(super) enum Target {
    At(Address),
    /// The one that matches.
    Matching(Criteria),
}

impl Target {
    pub(super) fn kind(&self) -> ResourceType {
        match self {
            Self::At(address) => address.kind,
            Self::Matching(criteria) => criteria.kind(),
        }
    }
}

/// Conditions as they were sent, by header or by `Bundle.entry.request`.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) if_none_exist: Option<String>,
    pub(super) if_modified_since: Option<Timestamp>,
}

/// What who reads has already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Entity tags; `*` is any version.
    tags: Option<String>,
    since: Option<Timestamp>,
}

impl Known {
    /// Whether this version is known. Where tags are given, the date says nothing.
    ///
    /// Source: RFC 9110 section 13.1; FHIR R4 http, section "conditional read".
    pub(super) fn covers(&self, version: i32, at: Timestamp) -> bool {
        match (&self.tags, self.since) {
            (Some(tags), _) => tags
                .split(',')
                .any(|tag| tag.trim() == "*" || version_of_etag(tag) == Some(version)),
            // A date of HTTP has whole seconds.
            (None, Some(since)) => at.unix_seconds() <= since.unix_seconds(),
            (None, None) => false,
        }
    }
}

impl Interaction {
    /// Reads a method and a path relative to the base, without a leading slash.
    ///
    /// # Errors
    /// `NotFound`, `NoSuchType`, `Method`, `Draft` for an id, `EntityTag`, and those of conditions.
    pub(super) fn parse(
        method: &str,
        path: &str,
        pairs: Pairs,
        conditions: Conditions,
    ) -> Result<Self, RecordsError> {
        let parts: Vec<&str> = path.split('/').collect();
        let reads = matches!(method, "GET" | "HEAD");
        match (parts.as_slice(), method) {
            ([kind, "_search"], "POST") => Ok(Self::Search {
                kind: kind_of(kind)?,
                pairs,
            }),
            ([_, "_search"], _) => Err(RecordsError::Method("POST")),
            // An operation is asked by either, with its parameters in the address or as Parameters.
            ([kind @ ("Patient" | "Encounter"), id, "$everything"], _) => {
                match reads || method == "POST" {
                    true => Ok(Self::Everything {
                        of: address_of(kind, id)?,
                        pairs,
                    }),
                    false => Err(RecordsError::Method(AT_OPERATIONS)),
                }
            }
            (["_history"] | [_, "_history"] | [_, _, "_history"] | [_, _, "_history", _], _) => {
                match reads {
                    true => Self::look_around(&parts, pairs, &conditions),
                    false => Err(RecordsError::Method(READS)),
                }
            }
            // An operation that is not done here, or not on this type.
            ([_, name], _) if name.starts_with('$') => Err(RecordsError::NotFound),
            ([kind], _) => Self::of_kind(method, kind_of(kind)?, pairs, &conditions),
            ([kind, id], _) => Self::of_one(method, address_of(kind, id)?, pairs, &conditions),
            _ => Err(RecordsError::NotFound),
        }
    }

    /// Histories and former versions.
    fn look_around(
        parts: &[&str],
        pairs: Pairs,
        conditions: &Conditions,
    ) -> Result<Self, RecordsError> {
        match parts {
            ["_history"] => Ok(Self::History {
                of: HistoryOf::System,
                pairs,
            }),
            [kind, "_history"] => Ok(Self::History {
                of: HistoryOf::Kind(kind_of(kind)?),
                pairs,
            }),
            [kind, id, "_history"] => Ok(Self::History {
                of: HistoryOf::One(address_of(kind, id)?),
                pairs,
            }),
            [kind, id, "_history", version] => {
                let version = version_of_etag(&format!("\"{version}\""));
                Ok(Self::Read {
                    address: address_of(kind, id)?,
                    version: Some(version.ok_or(RecordsError::NotFound)?),
                    known: conditions.known(),
                    pairs,
                })
            }
            _ => Err(RecordsError::NotFound),
        }
    }

    /// Reads what a Bundle's entry asks for; its `url` may have parameters behind a `?`.
    ///
    /// # Errors
    /// As [`Interaction::parse`].
    pub(super) fn of_url(
        method: &str,
        url: &str,
        conditions: Conditions,
    ) -> Result<Self, RecordsError> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        if method == "HEAD" {
            return Err(RecordsError::Unsupported("HEAD inside a Bundle"));
        }
        Self::parse(method, path, form_pairs(query), conditions)
    }

    fn of_kind(
        method: &str,
        kind: ResourceType,
        pairs: Pairs,
        conditions: &Conditions,
    ) -> Result<Self, RecordsError> {
        match method {
            "GET" | "HEAD" => Ok(Self::Search { kind, pairs }),
            // `If-None-Exist` is where a condition goes; one in the URL must not be passed over.
            "POST" if !pairs.is_empty() => Err(RecordsError::Unsupported(
                "parameters of a create; its condition goes into If-None-Exist",
            )),
            "POST" => Ok(Self::Create {
                kind,
                unless: conditions.unless(kind)?,
            }),
            "PUT" | "PATCH" | "DELETE" => {
                let criteria = Criteria::of_pairs(kind, pairs)?;
                Self::change(method, Target::Matching(criteria), conditions)
            }
            _ => Err(RecordsError::Method(AT_TYPES)),
        }
    }

    fn of_one(
        method: &str,
        address: Address,
        pairs: Pairs,
        conditions: &Conditions,
    ) -> Result<Self, RecordsError> {
        if matches!(method, "GET" | "HEAD") {
            return Ok(Self::Read {
                address,
                version: None,
                known: conditions.known(),
                pairs,
            });
        }
        Self::change(method, Target::At(address), conditions)
    }

    fn change(method: &str, target: Target, conditions: &Conditions) -> Result<Self, RecordsError> {
        if conditions.if_none_exist.is_some() {
            return Err(RecordsError::Unsupported("If-None-Exist but to create"));
        }
        let expect = conditions.expected()?;
        match method {
            "PUT" => Ok(Self::Update { target, expect }),
            "PATCH" => Ok(Self::Patch { target, expect }),
            "DELETE" => Ok(Self::Delete { target, expect }),
            _ => Err(RecordsError::Method(AT_RESOURCES)),
        }
    }

    /// Whether records may change by it.
    pub(super) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Create { .. } | Self::Update { .. } | Self::Patch { .. } | Self::Delete { .. }
        )
    }
}

impl Conditions {
    fn known(&self) -> Known {
        Known {
            tags: self.if_none_match.clone(),
            since: self.if_modified_since,
        }
    }

    fn unless(&self, kind: ResourceType) -> Result<Option<Criteria>, RecordsError> {
        if self.if_match.is_some() {
            return Err(RecordsError::Unsupported("If-Match to create"));
        }
        let condition = self.if_none_exist.as_deref();
        condition
            .map(|condition| Criteria::parse(kind, condition))
            .transpose()
    }

    /// What a change expects to find. `If-None-Match: *` is for what must not be there yet.
    fn expected(&self) -> Result<Expect, RecordsError> {
        match (self.if_match.as_deref(), self.if_none_match.as_deref()) {
            (None, None) => Ok(Expect::Anything),
            (Some("*"), None) => Ok(Expect::Something),
            (None, Some("*")) => Ok(Expect::Nothing),
            (Some(tag), None) => version_of_etag(tag)
                .map(Expect::Version)
                .ok_or(RecordsError::EntityTag),
            _ => Err(RecordsError::EntityTag),
        }
    }
}

const READS: &str = "GET, HEAD";
const AT_OPERATIONS: &str = "GET, HEAD, POST";
const AT_TYPES: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const AT_RESOURCES: &str = "GET, HEAD, PUT, PATCH, DELETE";

fn kind_of(name: &str) -> Result<ResourceType, RecordsError> {
    ResourceType::named(name).ok_or(RecordsError::NoSuchType)
}

fn address_of(kind: &str, id: &str) -> Result<Address, RecordsError> {
    let kind = kind_of(kind)?;
    let id = LogicalId::parse(id).ok_or(DraftError::Id)?;
    Ok(Address { kind, id })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn parse(method: &str, url: &str) -> Result<Interaction, RecordsError> {
        Interaction::of_url(method, url, Conditions::default())
    }

    #[test]
    fn each_address_and_method_is_one_interaction_or_a_refusal() {
        let word = |method, url| match parse(method, url) {
            Ok(interaction) => format!("{interaction:?}")
                .split([' ', '{'])
                .next()
                .unwrap()
                .to_owned(),
            Err(error) => error.told().status.to_string(),
        };
        for (method, url, expected) in [
            ("GET", "Patient/1", "Read"),
            ("GET", "Patient/1/_history/2", "Read"),
            ("GET", "Patient/1/_history", "History"),
            ("GET", "Patient/_history", "History"),
            ("GET", "_history?_count=1", "History"),
            ("GET", "Patient?name=x", "Search"),
            ("POST", "Patient/_search", "Search"),
            ("GET", "Patient/1/$everything", "Everything"),
            ("POST", "Patient/1/$everything", "Everything"),
            ("POST", "Encounter/1/$everything", "Everything"),
            ("PUT", "Patient/1/$everything", "405"),
            ("POST", "Observation/1/$everything", "404"),
            // Directives are the consent room's: no type of these records.
            ("PUT", "Consent/1", "404"),
            ("POST", "Patient", "Create"),
            ("POST", "Patient?identifier=urn:x|1", "400"),
            ("PUT", "Patient/1", "Update"),
            ("PUT", "Patient?identifier=1", "Update"),
            ("PATCH", "Patient?identifier=1", "Patch"),
            ("DELETE", "Patient?identifier=1", "Delete"),
            ("DELETE", "Patient", "412"),
            ("DELETE", "Patient?_count=1", "400"),
            // Whether a hospital's own parameter is meant is known later.
            ("DELETE", "Patient?colour=1", "Delete"),
            ("DELETE", "Patient?birthdate=x", "400"),
            ("POST", "Patient/1", "405"),
            ("PUT", "Patient/_history", "405"),
            ("DELETE", "Patient/1/_history/2", "405"),
            ("GET", "Patient/1/_history/x", "404"),
            ("GET", "Observation/1/$everything", "404"),
            ("POST", "Patient/$unknown", "404"),
            ("GET", "Unicorn/1", "404"),
            ("GET", "Patient/a b", "400"),
            ("GET", "", "404"),
            ("GET", "/Patient/1", "404"),
            ("BREW", "Patient/1", "405"),
            ("HEAD", "Patient/1", "400"),
        ] {
            assert_eq!(word(method, url), expected, "{method} {url}");
        }
    }

    #[test]
    fn tags_and_dates_tell_what_is_known() {
        let at = Timestamp::from_micros(1_000_900_000);
        let known = |tags: Option<&str>, since: Option<i64>| Known {
            tags: tags.map(str::to_owned),
            since: since.map(Timestamp::from_unix_seconds),
        };
        assert!(known(Some("W/\"1\", W/\"2\""), None).covers(2, at));
        assert!(!known(Some("W/\"1\""), Some(2_000)).covers(2, at));
        assert!(known(Some("*"), None).covers(2, at));
        assert!(known(None, Some(1_000)).covers(2, at));
        assert!(!known(None, Some(999)).covers(2, at));
        assert!(!known(None, None).covers(2, at));
    }

    proptest! {
        #[test]
        fn nothing_panics(method in "GET|POST|PUT|PATCH|DELETE", url in any::<String>(), tag in any::<String>()) {
            let conditions = Conditions { if_match: Some(tag.clone()), if_none_match: Some(tag), ..Conditions::default() };
            let _ = Interaction::of_url(&method, &url, conditions);
        }
    }
}
