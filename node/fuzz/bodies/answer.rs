//! Any bytes as the verified body of a member's answer: what is shown of it is JSON, no more than
//! was asked for, and each resource has an id. The same bytes as our own cursors sent back.

use federation_protocol::member::MemberId;
use musubi_node::federation::merge::{read_answer, split_cursors};
use musubi_node::federation::query::Question;

pub(crate) fn run(data: &[u8]) {
    let Ok(member) = "urn:musubi:member:0110000001".parse::<MemberId>() else {
        return;
    };
    let asked = Question::from_form("Observation", b"_count=3&_include=Observation:specimen");
    let asked = asked.expect("a question that may be asked");
    if let Ok(answer) = read_answer(data, &asked, &member) {
        assert!(answer.entries.len() <= 3);
        for entry in answer.entries.iter().chain(&answer.included) {
            let shown = serde_json::from_str::<serde_json::Value>(&entry.raw);
            let shown = shown.expect("shown, and no JSON");
            assert_eq!(shown["id"], entry.id.as_str());
            assert_eq!(shown["meta"]["source"], member.to_string().as_str());
        }
    }
    let _ = split_cursors(&String::from_utf8_lossy(data));
}
