//! Which profiles something is held against: those that a resource claims, an extension's own, one of
//! several that a type may follow.

use serde_json::Value;

use super::session::{Session, errors};
use crate::definitions::Profile;
use crate::fhirpath::{Context, Node};
use crate::issue::{Issue, IssueCode, Severity};
use crate::path::Path;

/// Where the base types live; claiming one says nothing that is not checked anyway.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'d> Session<'d> {
    /// Every profile that the resource claims.
    pub(super) fn claims(&mut self, resource: &Value, at: &Path<'_>, root: &Value) {
        let meta = resource.get("meta");
        let claims = meta
            .and_then(|m| m.get("profile"))
            .and_then(Value::as_array);
        let meta_at = at.child("meta", None);
        for (index, claim) in claims.into_iter().flatten().enumerate() {
            if let Some(claim) = claim.as_str() {
                let said_at = meta_at.child("profile", Some(index));
                self.claim(claim, resource, at, root, &said_at);
            }
        }
    }

    /// One claimed profile; `said_at` is where it is claimed.
    pub(super) fn claim(
        &mut self,
        claim: &str,
        resource: &Value,
        at: &Path<'_>,
        root: &Value,
        said_at: &Path<'_>,
    ) {
        let name = resource.get("resourceType").and_then(Value::as_str);
        if claim
            .strip_prefix(CORE)
            .is_some_and(|base| Some(base) == name)
        {
            return;
        }
        let candidates = self.definitions.candidates(claim, None);
        let Some(first) = candidates.first() else {
            let what = if self.definitions.knows(claim) {
                "version of the profile"
            } else {
                "profile"
            };
            let message = format!("this {what} is not known here, and was not checked");
            return self.say(
                Severity::Information,
                IssueCode::NotSupported,
                said_at,
                message,
            );
        };
        if Some(first.type_name) != name {
            let message = format!("the profile is one of {}", first.type_name);
            return self.error(IssueCode::Structure, said_at, message);
        }
        let context = Context { resource, root };
        let newest = first.version;
        let passed_over = self.any_of(&candidates, Node::of(resource), at, context);
        // It conforms to an older version. Whoever meant the newest wants to know.
        if let Some(Issue {
            code,
            expression,
            message,
            ..
        }) = passed_over
        {
            let message = format!("by {newest}, the newest version known here: {message}");
            self.issues.push(Issue {
                severity: Severity::Information,
                code,
                expression,
                message,
            });
        }
    }

    /// An extension by its own definition, if that is known.
    pub(super) fn extension(&mut self, extension: &Value, at: &Path<'_>, context: Context<'_>) {
        self.value_or_extensions(extension, at);
        let url = extension.get("url").and_then(Value::as_str);
        if let Some(url) = url.filter(|url| self.definitions.knows(url)) {
            let candidates = self.definitions.candidates(url, None);
            self.any_of(&candidates, Node::of(extension), at, context);
        }
    }

    /// By one of several profiles: the first that has no errors, else the one with the fewest. What
    /// the very first found wrong, where another was followed.
    pub(super) fn any_of(
        &mut self,
        candidates: &[Profile<'d>],
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
    ) -> Option<Issue> {
        let mut best = None;
        let mut passed_over = None;
        for candidate in candidates {
            let said = self.aside(|session| session.profile(*candidate, node, at, context));
            let count = errors(&said);
            if best.is_none() {
                let fault = said.iter().find(|issue| issue.severity == Severity::Error);
                passed_over = fault.cloned();
            }
            if best.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
                best = Some((count, said));
            }
            // Behind a cut nobody looks: the next candidate would seem to be without errors.
            if count == 0 || self.is_cut() {
                break;
            }
        }
        let (count, said) = best?;
        self.issues.extend(said);
        passed_over.filter(|_| count == 0)
    }

    /// One of the profiles of a type, if all of them are known.
    pub(super) fn follows_one(
        &mut self,
        profiles: &[String],
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
        from: Option<usize>,
    ) {
        let mut candidates = Vec::new();
        for profile in profiles {
            let known = self.definitions.candidates(profile, from);
            if known.is_empty() {
                return; // it may be the one that is followed
            }
            candidates.extend(known);
        }
        self.any_of(&candidates, node, at, context);
    }
}
