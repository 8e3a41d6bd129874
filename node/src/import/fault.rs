//! Why a resource that was taken does not conform, in words that can be counted.

use fhir_validation::{Issue, Severity};

/// The first fault of a resource, under the profile it counts under: `JP_Patient: Patient.gender:
/// the code …`. The places of repetitions are left out. None where it conforms.
pub(super) fn first(profile: &str, issues: &[Issue]) -> Option<String> {
    let is_fault = |issue: &&Issue| issue.severity == Severity::Error;
    let fault = issues.iter().find(is_fault)?;
    let place = without_places(&fault.expression);
    Some(format!("{profile}: {place}: {}", fault.message))
}

fn without_places(expression: &str) -> String {
    let mut inside = false;
    let kept = expression.chars().filter(|sign| {
        inside = match sign {
            '[' => true,
            ']' => {
                inside = false;
                return false;
            }
            _ => inside,
        };
        !inside
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use fhir_validation::IssueCode;

    use super::*;

    #[test]
    fn only_an_error_is_a_fault_and_repetitions_are_one() {
        let issue = |severity, place: &str| Issue {
            severity,
            code: IssueCode::Value,
            expression: place.to_owned(),
            message: "wrong".to_owned(),
        };
        let hint = issue(Severity::Information, "Patient.meta.profile[0]");
        let error = issue(Severity::Error, "Patient.name[12].given[0]");
        assert_eq!(first("p", std::slice::from_ref(&hint)), None);
        assert_eq!(
            first("p", &[hint, error]).as_deref(),
            Some("p: Patient.name.given: wrong")
        );
    }
}
