#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::*;
use crate::signature::fields::signature_input;
use crate::{keys, vectors};

/// A message of the RFC's vectors: start line, fields, body.
struct Vector {
    start: String,
    headers: Vec<(String, String)>,
}

impl Vector {
    fn read(text: &str) -> Self {
        let head = text.split("\n\n").next().unwrap();
        let mut lines = head.lines();
        let start = lines.next().unwrap().to_string();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
            .collect();
        Self { start, headers }
    }

    fn lines(&self) -> Vec<(&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect()
    }

    fn base(&self, label: &str) -> String {
        let lines = self.lines();
        let mut words = self.start.split(' ');
        let (first, second) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = second.split_once('?').unwrap_or((second, ""));
        let message = Message {
            method: first,
            path,
            query,
            authority: field(&lines, "host").unwrap_or_default(),
            status: second.parse().unwrap_or_default(),
            headers: &lines,
            request: None,
        };
        let input = field(&lines, "signature-input").unwrap();
        let input = signature_input(input, label).unwrap();
        let parameters = parameters_text(&input.components, &input.parameters);
        signature_base(&input.components, &message, &parameters).unwrap()
    }
}

#[test]
fn rfc_9421_b_2_6_ed25519() {
    let Some(signed) = vectors::read("vectors/rfc9421/b26_request_signed.txt") else {
        return;
    };
    let Some(base) = vectors::read("vectors/rfc9421/b26_request_sigbase.txt") else {
        return;
    };
    let Some(pem) = vectors::read("vectors/rfc9421/test-key-ed25519.key") else {
        return;
    };
    let vector = Vector::read(&signed);
    assert_eq!(vector.base("sig-b26"), base);

    let secret = keys::SecretKey::from_pkcs8_pem(&pem).unwrap();
    let lines = vector.lines();
    let signature = field(&lines, "signature").unwrap();
    let signature = crate::digest::from_field::<64>("sig-b26", signature.as_bytes()).unwrap();
    assert_eq!(secret.public().verify(base.as_bytes(), &signature), Ok(()));
    assert_eq!(secret.sign(base.as_bytes()), signature);
}

#[test]
fn rfc_9421_b_2_bases_with_other_algorithms() {
    for (name, label) in [
        ("b22_request", "sig-b22"),
        ("b23_request", "sig-b23"),
        ("b24_response", "sig-b24"),
    ] {
        let Some(signed) = vectors::read(&format!("vectors/rfc9421/{name}_signed.txt")) else {
            return;
        };
        let Some(base) = vectors::read(&format!("vectors/rfc9421/{name}_sigbase.txt")) else {
            return;
        };
        if base.contains("@query-param") || base.contains("@target-uri") {
            continue; // components that this protocol has no use for
        }
        assert_eq!(Vector::read(&signed).base(label), base, "{name}");
    }
}

#[test]
fn a_repeated_or_missing_field_cannot_be_covered() {
    let headers: &[(&str, &[u8])] = &[
        ("a", b"1"),
        ("b", b"2"),
        ("b", b"3"),
        ("c", b"\xff"),
        ("d", b"a\tb"),
    ];
    assert_eq!(field(headers, "a"), Ok("1"));
    assert_eq!(field(headers, "b"), Err(BaseError::Repeated));
    assert_eq!(field(headers, "c"), Err(BaseError::Malformed));
    assert_eq!(field(headers, "d"), Err(BaseError::Malformed));
    assert_eq!(field(headers, "e"), Err(BaseError::Missing));
}

#[test]
fn an_unknown_derived_component_is_refused() {
    let message = Message::default();
    for name in ["@target-uri", "@request-target", "@scheme", "@query-param"] {
        let base = signature_base(&[Component::new(name)], &message, "()");
        assert_eq!(base, Err(BaseError::Unknown));
    }
    let of_request = [Component::of_request("content-digest", None)];
    assert_eq!(
        signature_base(&of_request, &message, "()"),
        Err(BaseError::Missing)
    );
}
