//! One walk over one resource: what was said so far, and how much work is left.

use serde_json::Value;

use crate::definitions::Definitions;
use crate::issue::{Issue, IssueCode, Severity};
use crate::path::Path;

/// No more issues than this are told.
const MAX_ISSUES: usize = 200;
/// How deep elements may nest. R4's own definitions nest 12 deep, questionnaires some more.
pub(super) const MAX_DEPTH: usize = 64;
/// Steps for each JSON value of the resource; real ones need about 20.
const STEPS_PER_VALUE: usize = 400;
/// Why a walk was cut for its length.
const TOO_MUCH: &str = "judging this resource takes too much work";
/// Steps that even the smallest resource may need.
const STEPS: usize = 50_000;

pub(super) struct Session<'d> {
    pub(super) definitions: &'d Definitions,
    pub(super) issues: Vec<Issue>,
    steps_left: usize,
    depth: usize,
    /// Why the walk did not come to its end. It is no issue of any candidate's: whichever of them is
    /// believed, what lies behind the cut was not looked at.
    cut: Option<Issue>,
}

impl<'d> Session<'d> {
    pub(super) fn new(definitions: &'d Definitions, resource: &Value) -> Self {
        Session {
            definitions,
            issues: Vec::new(),
            steps_left: STEPS + STEPS_PER_VALUE.saturating_mul(count(resource, 2 * MAX_DEPTH)),
            depth: 0,
            cut: None,
        }
    }

    /// Everything that is to be said. A walk that was cut says so: it never ends in a verdict that
    /// the resource conforms.
    pub(super) fn finish(mut self) -> Vec<Issue> {
        if self.steps_left == 0 {
            self.cut(&Path::root("Resource"), TOO_MUCH);
        }
        let most = MAX_ISSUES - usize::from(self.cut.is_some());
        if self.issues.len() > most {
            let is_error = |issue: &Issue| issue.severity == Severity::Error;
            // What may be left out is what weighs least.
            let mut over = self.issues.len() - most;
            self.issues.retain(|issue| {
                let leaves = over > 0 && !is_error(issue);
                over -= usize::from(leaves);
                !leaves
            });
            self.issues.truncate(most);
        }
        self.issues.extend(self.cut);
        self.issues
    }

    /// With so many steps to take, whatever the resource.
    #[cfg(test)]
    pub(super) fn within(self, steps: usize) -> Self {
        Session {
            steps_left: steps,
            ..self
        }
    }

    pub(super) fn error(&mut self, code: IssueCode, at: &Path<'_>, message: String) {
        self.say(Severity::Error, code, at, message);
    }

    pub(super) fn say(
        &mut self,
        severity: Severity,
        code: IssueCode,
        at: &Path<'_>,
        message: String,
    ) {
        let is_full = self.issues.len() >= MAX_ISSUES;
        if is_full && (severity != Severity::Error || self.is_told_enough()) {
            return;
        }
        self.issues.push(Issue {
            severity,
            code,
            expression: at.render(),
            message,
        });
    }

    /// Whether there is no use in looking further. Hints alone are never enough.
    fn is_told_enough(&self) -> bool {
        self.issues.len() >= MAX_ISSUES && errors(&self.issues) > 0
    }

    /// Whether the walk was cut: nothing behind that place was looked at.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Takes one step; false where the walk must end: too much work, or nothing more to tell.
    pub(super) fn step(&mut self, at: &Path<'_>) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 {
            self.cut(at, TOO_MUCH);
        }
        !self.is_cut() && !self.is_told_enough()
    }

    pub(super) fn steps_left(&self) -> usize {
        self.steps_left
    }

    /// Counts steps that were taken elsewhere; the next one tells if they were too many.
    pub(super) fn spend(&mut self, steps: usize) {
        self.steps_left = self.steps_left.saturating_sub(steps);
    }

    /// Runs one level deeper, unless that is too deep.
    pub(super) fn deeper(&mut self, at: &Path<'_>, walk: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            return self.cut(at, "elements nest too deep to be judged");
        }
        self.depth += 1;
        if self.step(at) {
            walk(self);
        }
        self.depth -= 1;
    }

    fn cut(&mut self, at: &Path<'_>, message: &str) {
        if self.cut.is_none() {
            self.cut = Some(Issue {
                severity: Severity::Error,
                code: IssueCode::TooCostly,
                expression: at.render(),
                message: message.to_owned(),
            });
        }
    }

    /// What a walk says, without saying it yet.
    pub(super) fn aside(&mut self, walk: impl FnOnce(&mut Self)) -> Vec<Issue> {
        let said = std::mem::take(&mut self.issues);
        walk(self);
        std::mem::replace(&mut self.issues, said)
    }
}

/// How many values a JSON value holds, down to a depth.
fn count(value: &Value, depth: usize) -> usize {
    let Some(depth) = depth.checked_sub(1) else {
        return 1;
    };
    let below: usize = match value {
        Value::Array(items) => items.iter().map(|v| count(v, depth)).sum(),
        Value::Object(members) => members.values().map(|v| count(v, depth)).sum(),
        _ => 0,
    };
    1 + below
}

/// How many of these mean that the resource does not conform.
pub(super) fn errors(issues: &[Issue]) -> usize {
    let errors = issues.iter().filter(|i| i.severity == Severity::Error);
    errors.count()
}
