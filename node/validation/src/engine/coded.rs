//! Required bindings, as far as somebody listed the codes.

use serde_json::Value;

use super::profile::Claim;
use super::session::Session;
use crate::issue::IssueCode;
use crate::model::Codes;
use crate::path::Path;
use crate::system::canonical;

impl Session<'_> {
    /// A coded value against the value set of a required binding.
    pub(super) fn bound(
        &mut self,
        set: &str,
        value: &Value,
        at: &Path<'_>,
        claim: Option<Claim<'_>>,
    ) {
        let Some(codes) = self.definitions.codes(set) else {
            return;
        };
        if !holds(codes, value) {
            let by = Claim::suffix(claim);
            let message = format!("the code is not in the required value set {set}{by}");
            self.error(IssueCode::CodeInvalid, at, message);
        }
    }
}

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// Whether a code, Coding, Quantity or CodeableConcept is in the set.
pub(super) fn holds(codes: &Codes, value: &Value) -> bool {
    match value {
        Value::String(code) => codes.0.values().any(|codes| codes.contains(code)),
        Value::Object(members) => match members.get("coding").and_then(Value::as_array) {
            Some(codings) => {
                codings.iter().any(|coding| holds_coding(codes, coding))
                    || !codings.is_empty() && codings.iter().all(is_known_to_be_absent)
            }
            // A Quantity without a code is bound to nothing; a concept in words only is outside.
            None if members.contains_key("value") && !members.contains_key("code") => true,
            None => holds_coding(codes, value) || is_known_to_be_absent(value),
        },
        _ => true, // of a wrong type, which was said already
    }
}

/// Whether there is no code and the reason for that is given. No other extension stands for a code.
fn is_known_to_be_absent(coded: &Value) -> bool {
    let extensions = coded.get("extension").and_then(Value::as_array);
    let urls = extensions.into_iter().flatten().map(|one| one.get("url"));
    let mut urls = urls.flatten().filter_map(Value::as_str);
    coded.get("code").is_none() && urls.any(|url| url == DATA_ABSENT_REASON)
}

fn holds_coding(codes: &Codes, coding: &Value) -> bool {
    let word = |member: &str| coding.get(member).and_then(Value::as_str);
    let (Some(system), Some(code)) = (word("system"), word("code")) else {
        return false;
    };
    let listed = codes.0.get(canonical(system));
    listed.is_some_and(|codes| codes.contains(code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_coding_of_the_set_is_enough() {
        let codes = Codes([("http://s".to_owned(), ["a".to_owned()].into())].into());
        let coding = |system: &str, code: &str| json!({"system": system, "code": code});
        assert!(holds(&codes, &json!("a")));
        assert!(holds(&codes, &coding("http://s", "a")));
        assert!(holds(
            &codes,
            &json!({"coding": [coding("x", "y"), coding("http://s", "a")]})
        ));
        let saying = |url: &str| json!([{"url": url, "valueCode": "unknown"}]);
        let absent = json!({"extension": saying(DATA_ABSENT_REASON)});
        assert!(holds(&codes, &absent));
        assert!(holds(&codes, &json!({"coding": [absent]})));
        for outside in [
            json!("b"),
            json!({"text": "foo", "extension": saying("http://x")}),
            json!({"code": "b", "system": "http://s", "extension": saying(DATA_ABSENT_REASON)}),
            json!({"coding": [absent, {"code": "b", "system": "http://s"}]}),
            json!({"coding": []}),
            json!({"text": "only words"}),
            json!({"coding": [coding("x", "a")]}),
            json!({"coding": [{"code": "a"}]}),
        ] {
            assert!(!holds(&codes, &outside), "{outside}");
        }
    }
}
