//! What a resource is held against: when it is written, and when somebody asks.
//!
//! Owns the definitions that this node knows, by which address it is known itself, what the settings
//! want done with a resource that does not conform, and the count of those that were stored all the
//! same. It never looks into the
//! database and never keeps a resource.

mod asked;

use std::sync::Arc;

use fhir_validation::{
    Claimable, Definitions, Issue, PackageError, Severity, validate, validate_against,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::here::Here;
use super::{Address, DraftError, Records};
use crate::config::{RecordsSettings, Validation};

pub(super) use asked::Asked;

/// Judges resources by what this node knows, and says what the settings want done with them. Cheap
/// to clone: all clones count together.
#[derive(Clone)]
pub struct Validator {
    definitions: Arc<Definitions>,
    policy: Validation,
    here: Here,
    stored: Family<Worst, Counter>,
}

/// The gravest of what is said about a record.
#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Worst {
    severity: &'static str,
}

impl Validator {
    /// What ships, and every package in the settings' folder.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it is no package of definitions: it is named.
    pub fn open(settings: &RecordsSettings) -> Result<Self, PackageError> {
        let definitions = Definitions::open(&settings.profiles)?;
        tracing::info!(
            packages = definitions.packages().count(),
            profiles = definitions.profiles().count(),
            validation = settings.validation.as_str(),
            "the profiles are known"
        );
        Ok(Self::new(Arc::new(definitions), settings.validation))
    }

    /// Judges by `definitions`, and does as `policy` says.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>, policy: Validation) -> Self {
        Self {
            definitions,
            policy,
            here: Here::default(),
            stored: Family::default(),
        }
    }

    /// Takes references that begin with `origin` and `/fhir/` for references to here: the public
    /// origin of the hospital's listener, as the settings have it.
    #[must_use]
    pub fn known_at(mut self, origin: &str) -> Self {
        self.here = Here::at(origin);
        self
    }

    /// What leads here.
    pub(super) fn here(&self) -> &Here {
        &self.here
    }

    /// Knows nothing and minds nothing: for tests of other things.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn off() -> Self {
        Self::new(Arc::new(Definitions::default()), Validation::Off)
    }

    /// What the records of this house are held against.
    #[must_use]
    pub fn of(records: &Records) -> &Self {
        &records.validator
    }

    /// Shows its count among the metrics of the node.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "records_written_with_issues",
            "Records that were stored with something to say against them, by the gravest of it",
            self.stored.clone(),
        );
    }

    /// What is to be said about a resource that is to be stored; nothing where nobody looks.
    ///
    /// # Errors
    /// `Invalid`, with every error, if it does not conform and the settings refuse such.
    pub(super) fn admit(&self, resource: &Value) -> Result<Arc<[Issue]>, DraftError> {
        if self.policy == Validation::Off {
            return Ok(Arc::default());
        }
        let mut issues = validate(&self.definitions, resource);
        let refuses = self.policy == Validation::Strict;
        if refuses && issues.iter().any(is_error) {
            issues.retain(is_error);
            return Err(DraftError::Invalid(issues.into()));
        }
        Ok(issues.into())
    }

    /// All that is to be said about a resource, by what it claims and by one more profile.
    pub(super) fn verdict(&self, resource: &Value, profile: Option<&str>) -> Vec<Issue> {
        match profile {
            None => validate(&self.definitions, resource),
            Some(profile) => validate_against(&self.definitions, resource, profile),
        }
    }

    /// Whether a profile, with or without `|version`, is known.
    pub(super) fn knows(&self, profile: &str) -> bool {
        let (url, version) = match profile.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (profile, None),
        };
        self.profiles()
            .any(|one| one.url == url && version.is_none_or(|version| one.version == version))
    }

    /// Every profile that a resource can claim here.
    pub(super) fn profiles(&self) -> impl Iterator<Item = Claimable<'_>> {
        self.definitions.profiles()
    }

    /// Name and version of each package.
    pub(super) fn packages(&self) -> impl Iterator<Item = (&str, &str)> {
        let packages = self.definitions.packages();
        packages.map(|(name, version, _)| (name, version))
    }

    /// Counts a version that was stored, and tells the log where there is anything against it.
    pub(super) fn stored(&self, address: &Address, issues: &[Issue]) {
        let Some(worst) = issues.iter().map(|issue| issue.severity).max() else {
            return;
        };
        let severity = worst.as_str();
        self.stored.get_or_create(&Worst { severity }).inc();
        if worst > Severity::Information {
            let issues = issues.len();
            tracing::warn!(resource = %address, issues, severity, "stored with issues");
        }
    }

    /// How many were stored whose gravest issue is of this severity.
    #[cfg(test)]
    pub(super) fn counted(&self, severity: Severity) -> u64 {
        let severity = severity.as_str();
        self.stored.get_or_create(&Worst { severity }).get()
    }
}

/// Whether an issue means that the resource does not conform.
pub(super) fn is_error(issue: &Issue) -> bool {
    issue.severity == Severity::Error
}
