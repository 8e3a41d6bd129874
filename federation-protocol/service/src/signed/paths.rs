//! Which paths the door knows, and what each takes.

/// The media type that a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/x-www-form-urlencoded`: a FHIR search.
    Form,
    /// `application/fhir+json`: a FHIR resource.
    Fhir,
    /// `application/json`: everything else.
    Json,
}

impl Media {
    /// The media type as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Fhir => "application/fhir+json",
            Self::Json => "application/json",
        }
    }

    /// Whether a `Content-Type` names this type: in any case, with no parameter but the ones that
    /// change nothing (`charset=utf-8`, `fhirVersion=4.0`).
    pub(super) fn accepts(self, value: &[u8]) -> bool {
        let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let named = parts.next().unwrap_or_default();
        named.eq_ignore_ascii_case(self.as_str().as_bytes())
            && parts.all(|parameter| {
                parameter.eq_ignore_ascii_case(b"charset=utf-8")
                    || parameter.eq_ignore_ascii_case(b"fhirversion=4.0")
            })
    }
}

/// The paths behind a door. A path that is not listed does not exist.
#[derive(Debug, Clone, Default)]
pub struct Paths(Vec<(Vec<Segment>, Media)>);

#[derive(Debug, Clone)]
enum Segment {
    Word(&'static str),
    Name,
}

impl Paths {
    /// No paths.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path such as `/federation/v1/fhir/{}/_search`; `{}` stands for one name of ASCII
    /// letters, such as a resource type.
    #[must_use]
    pub fn with(mut self, path: &'static str, media: Media) -> Self {
        let segments = path.split('/').map(|segment| match segment {
            "{}" => Segment::Name,
            word => Segment::Word(word),
        });
        self.0.push((segments.collect(), media));
        self
    }

    /// What the path as sent takes; `None` if there is no such path. Nothing is decoded: an escaped
    /// spelling of a path is another path.
    #[must_use]
    pub fn media(&self, path: &str) -> Option<Media> {
        self.0
            .iter()
            .find(|(pattern, _)| matches(pattern, path))
            .map(|(_, media)| *media)
    }
}

fn matches(pattern: &[Segment], path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = pattern
        .iter()
        .all(|expected| match (expected, segments.next()) {
            (Segment::Word(word), Some(segment)) => *word == segment,
            (Segment::Name, Some(segment)) => {
                !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphabetic())
            }
            (_, None) => false,
        });
    fits && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_only_as_it_is_written() {
        let paths = Paths::new()
            .with("/federation/v1/fhir/{}/_search", Media::Form)
            .with("/federation/v1/fhir", Media::Fhir)
            .with("/federation/v1/echo", Media::Json);
        assert_eq!(
            paths.media("/federation/v1/fhir/Observation/_search"),
            Some(Media::Form)
        );
        assert_eq!(paths.media("/federation/v1/fhir"), Some(Media::Fhir));
        assert_eq!(paths.media("/federation/v1/echo"), Some(Media::Json));
        for other in [
            "",
            "/",
            "/federation/v1/echo/",
            "//federation/v1/echo",
            "/federation/v1/ech%6f",
            "/federation/v1/ECHO",
            "/federation/v1/fhir/",
            "/federation/v1/fhir//_search",
            "/federation/v1/fhir/Obs%65rvation/_search",
            "/federation/v1/fhir/../echo/_search",
            "/federation/v1/fhir/Observation/_search/x",
            "/federation/v1/fhir/Observation",
        ] {
            assert_eq!(paths.media(other), None, "{other}");
        }
    }

    #[test]
    fn a_media_type_may_say_what_it_is_anyway() {
        for right in [
            "application/fhir+json",
            "Application/FHIR+json; charset=UTF-8",
            "application/fhir+json;fhirVersion=4.0",
        ] {
            assert!(Media::Fhir.accepts(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "application/json",
            "application/fhir+json; charset=shift_jis",
            "application/fhir+json, application/json",
            "application/fhir+jsonx",
            "application/fhir+json; fhirVersion=5.0",
        ] {
            assert!(!Media::Fhir.accepts(wrong.as_bytes()), "{wrong}");
        }
    }
}
