#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use askama::Template as _;
use federation_protocol::time::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::json;

use super::pages::{AuditPage, Row};
use crate::audit::Recorded;
use crate::pages::{Audience, House, Pages, Sheet};
use crate::words::Language;

fn line(outcome: &str, detail: serde_json::Value) -> Recorded {
    Recorded {
        seq: 7,
        at: Timestamp::from_unix_seconds(1_782_864_000),
        kind: "refusal".into(),
        exchange: None,
        peer: Some("urn:musubi:member:0110000002".into()),
        actor_role: "physician".into(),
        actor_id: Some("dr-1".into()),
        purpose: None,
        patient: None,
        person: None,
        outcome: outcome.into(),
        shown: Some(3),
        withheld: None,
        detail,
    }
}

#[test]
fn a_line_is_text_whatever_stands_in_it() {
    let pages = Pages::open(House::default(), Audience::Staff, &mut Registry::default()).unwrap();
    let markup = json!({"code": "<script>alert(1)</script>\"><img src=x onerror=alert(1)>"});
    let page = AuditPage {
        page: Sheet::plain(&pages, Language::En),
        kinds: Vec::new(),
        lines: vec![Row::of(line("<b>", markup), |_| "<i>Minato</i>".to_owned())],
        older: None,
    };
    let html = page.render().unwrap();
    for bad in ["<script>alert", "<img", "<b>", "<i>Minato"] {
        assert!(!html.contains(bad), "{bad}");
    }
    assert!(html.contains("3 / 0") && html.contains("physician dr-1"));
}
