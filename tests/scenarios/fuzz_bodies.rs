//! What the node's fuzz targets run with the help of its public rooms (`node/fuzz/bodies`), compiled
//! and run here over some hundred inputs. The others run beside the readers that they are about.

use proptest::prelude::*;

#[path = "../../node/fuzz/bodies/answer.rs"]
mod answer;
#[path = "../../node/fuzz/bodies/asked.rs"]
mod asked;
#[path = "../../node/fuzz/bodies/backup.rs"]
mod backup;
#[path = "../../node/fuzz/bodies/entry.rs"]
mod entry;
#[path = "../../node/fuzz/bodies/question.rs"]
mod question;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..200)
}

fn near(expression: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![bytes(), expression.prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn what_a_member_asks_is_asked_the_same_again(
        data in near("(code|date|_id|_count|_cursor|status|category)=[a-z0-9%|,:.-]{0,20}")
    ) {
        question::run(&data);
        let url = format!("Observation?{}", String::from_utf8_lossy(&data));
        question::run(format!("{url}\nCondition").as_bytes());
        let batch = serde_json::json!({"resourceType": "Bundle", "type": "batch",
            "entry": [{"request": {"method": "GET", "url": url}}]});
        question::run(batch.to_string().as_bytes());
    }

    #[test]
    fn what_is_shown_of_an_answer_is_sound(
        data in bytes(), member in "(,\"(meta|source|a)\":(\\{\\}|\\{\"source\":\"x\"\\}|1| \\[\\])){0,3}"
    ) {
        answer::run(&data);
        let body = format!(
            "{{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{{\"resource\":\
             {{\"resourceType\":\"Observation\",\"id\":\"a\"{member}}}}}]}}"
        );
        answer::run(body.as_bytes());
    }

    #[test]
    fn what_an_export_is_asked_for_never_panics(
        data in near("(_type|_since|_typeFilter|_elements|patient|_outputFormat)=[ -~]{0,30}&?")
    ) {
        asked::run(&data);
    }

    #[test]
    fn what_somebody_at_the_door_sends_never_panics(
        data in near("(/c|/p|S|昭和)?[0-9年月日./-]{0,16}")
    ) {
        entry::run(&data);
    }

    #[test]
    fn a_manifest_that_is_read_is_written_the_same(data in bytes(), bytes in any::<i64>(), at in "[0-9T:Z.-]{0,24}") {
        backup::run(&data);
        let manifest = serde_json::json!({"format": 1, "member": "m", "database": "sqlite",
            "made_at": at, "made_by": "b", "schema": ["0001"], "bytes": bytes, "sha256": "",
            "tables": {"resource": 1}});
        backup::run(manifest.to_string().as_bytes());
    }
}
