#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn patched(text: &str, operations: &Value) -> Result<String, PatchError> {
    Patch::parse(&operations.to_string())?.apply(text)
}

fn gives(text: &str, operations: &Value, expected: &str) {
    assert_eq!(patched(text, operations).unwrap(), expected, "{operations}");
}

fn fails(text: &str, operations: &Value) {
    let refused = patched(text, operations);
    let failed = matches!(refused, Err(PatchError::Operation { .. }));
    assert!(failed, "{operations}: {refused:?}");
}

#[test]
fn each_operation_does_what_its_rfc_says() {
    let add = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    gives("{\"a\":1}", &add("/b", json!("x")), "{\"a\":1,\"b\":\"x\"}");
    gives("{\"a\":1}", &add("/a", json!(null)), "{\"a\":null}");
    gives("{\"a\":[1,2]}", &add("/a/1", json!(9)), "{\"a\":[1,9,2]}");
    gives(
        "{\"a\":[1,2]}",
        &add("/a/-", json!([3])),
        "{\"a\":[1,2,[3]]}",
    );
    gives("{\"a\":1}", &add("", json!({"b": 2})), "{\"b\":2}");
    gives("{\"a~/b\":1}", &add("/a~0~1b", json!(2)), "{\"a~/b\":2}");
    fails("{\"a\":[1,2]}", &add("/a/3", json!(9)));
    fails("{\"a\":[1,2]}", &add("/a/01", json!(9)));
    fails("{\"a\":1}", &add("/a/b", json!(9)));
    fails("{\"a\":1}", &add("/b/c", json!(9)));

    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    gives(
        "{\"a\":1,\"b\":[1,2]}",
        &remove("/b/0"),
        "{\"a\":1,\"b\":[2]}",
    );
    fails("{\"a\":1}", &remove("/b"));
    fails("{\"a\":[1]}", &remove("/a/-"));
    fails("{\"a\":1}", &remove(""));

    let replace = json!([{"op": "replace", "path": "/a", "value": 2}]);
    gives("{\"a\":1,\"b\":3}", &replace, "{\"a\":2,\"b\":3}");
    fails("{\"b\":1}", &replace);

    let transfer =
        |op: &str, from: &str, path: &str| json!([{"op": op, "from": from, "path": path}]);
    gives(
        "{\"a\":{\"x\":1},\"b\":{}}",
        &transfer("move", "/a/x", "/b/y"),
        "{\"a\":{},\"b\":{\"y\":1}}",
    );
    gives(
        "{\"a\":[1,2,3]}",
        &transfer("move", "/a/0", "/a/2"),
        "{\"a\":[2,3,1]}",
    );
    gives(
        "{\"a\":[1]}",
        &transfer("copy", "/a", "/b"),
        "{\"a\":[1],\"b\":[1]}",
    );
    gives("{\"a\":1}", &transfer("move", "/a", "/a"), "{\"a\":1}");
    fails("{\"a\":{\"b\":1}}", &transfer("move", "/a", "/a/b"));
    fails("{}", &transfer("copy", "/a", "/b"));

    let test = |path: &str, value: Value| json!([{"op": "test", "path": path, "value": value}]);
    gives(
        "{\"a\":{\"x\":1,\"y\":[]}}",
        &test("/a", json!({"y": [], "x": 1.0})),
        "{\"a\":{\"x\":1,\"y\":[]}}",
    );
    fails("{\"a\":1}", &test("/a", json!("1")));
    fails("{\"a\":[1,2]}", &test("/a", json!([2, 1])));
    fails(
        "{\"a\":9007199254740993}",
        &test("/a", json!(9_007_199_254_740_992_i64)),
    );
    fails("{}", &test("/a", json!(null)));
}

#[test]
fn what_lies_beside_the_way_keeps_its_bytes() {
    let text = "{ \"z\" : 1.50, \"a\":[ {\"v\" :1e2,\"w\":\"\\u00e9\\/１\"}, 2.0 ],\"m\":-0.0 }";
    let operations = json!([
        {"op": "replace", "path": "/a/0/v", "value": 7},
        {"op": "test", "path": "/z", "value": 1.5}
    ]);
    gives(
        text,
        &operations,
        "{\"z\":1.50,\"a\":[{\"v\":7,\"w\":\"\\u00e9\\/１\"},2.0],\"m\":-0.0}",
    );
}

#[test]
fn a_failing_operation_is_named_and_a_malformed_patch_refused() {
    let operations = json!([
        {"op": "add", "path": "/b", "value": 1},
        {"op": "test", "path": "/b", "value": 2}
    ]);
    let refused = patched("{}", &operations);
    assert!(matches!(
        refused,
        Err(PatchError::Operation { operation: 1, .. })
    ));
    for malformed in [
        "{}",
        "[1]",
        "[",
        "[{\"op\":\"add\",\"path\":\"/a\"}]",
        "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]",
        "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]",
        "[{\"op\":\"move\",\"path\":\"/a\"}]",
        "[{\"op\":\"spam\",\"path\":\"/a\"}]",
        "[{\"op\":\"remove\",\"path\":\"/a\",\"path\":\"/b\"}]",
        "[{\"path\":\"/a\"}]",
    ] {
        let refused = Patch::parse(malformed);
        assert!(
            matches!(refused, Err(PatchError::Malformed(_))),
            "{malformed}"
        );
    }
    let many = vec![json!({"op": "remove", "path": "/a"}); MOST_OPERATIONS + 1];
    assert!(Patch::parse(&json!(many).to_string()).is_err());
}

#[test]
fn copies_of_copies_end_before_memory_does() {
    let mut operations = vec![json!({"op": "add", "path": "/a", "value": ["x".repeat(64)]})];
    operations.extend(vec![
        json!({"op": "copy", "from": "/a", "path": "/a/-"});
        40
    ]);
    fails("{}", &json!(operations));
}

proptest! {
    #[test]
    fn nothing_panics(text in any::<String>(), path in "(/[a-c0-2~-]{0,2}){0,3}", op in "add|remove|replace|test") {
        let _ = Patch::parse(&text);
        let operation = json!([{"op": op, "path": path, "from": path, "value": {"a": []}}]);
        if let Ok(patch) = Patch::parse(&operation.to_string()) {
            let _ = patch.apply(&text);
            if let Ok(done) = patch.apply("{\"a\":[{\"b\":1},[2]],\"b\":{\"c\":null}}") {
                prop_assert!(strict(&done).is_ok());
            }
        }
    }
}
