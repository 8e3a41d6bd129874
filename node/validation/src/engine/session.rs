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
/// Steps that even the smallest resource may need.
const STEPS: usize = 50_000;

pub(super) struct Session<'d> {
    pub(super) definitions: &'d Definitions,
    pub(super) issues: Vec<Issue>,
    steps_left: usize,
    depth: usize,
    cut_short: bool,
}

impl<'d> Session<'d> {
    pub(super) fn new(definitions: &'d Definitions, resource: &Value) -> Self {
        Session {
            definitions,
            issues: Vec::new(),
            steps_left: STEPS + STEPS_PER_VALUE.saturating_mul(count(resource, 2 * MAX_DEPTH)),
            depth: 0,
            cut_short: false,
        }
    }

    pub(super) fn finish(mut self) -> Vec<Issue> {
        self.issues.truncate(MAX_ISSUES);
        self.issues
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
        if self.issues.len() < MAX_ISSUES {
            self.issues.push(Issue {
                severity,
                code,
                expression: at.render(),
                message,
            });
        }
    }

    /// Takes one step; false where the walk must end: too much work, or nothing more to tell.
    pub(super) fn step(&mut self, at: &Path<'_>) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 {
            self.cut(at, "judging this resource takes too much work");
        }
        !self.cut_short && self.issues.len() < MAX_ISSUES
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
        if !self.cut_short {
            self.cut_short = true;
            self.error(IssueCode::TooCostly, at, message.to_owned());
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
