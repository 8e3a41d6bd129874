//! What the fuzz targets run (`fuzz/bodies`), compiled and run here over some hundred inputs: the
//! targets themselves are for `tests/fuzz`.

use proptest::prelude::*;

#[path = "../fuzz/bodies/definition.rs"]
mod definition;
#[path = "../fuzz/bodies/package.rs"]
mod package;
#[path = "../fuzz/bodies/resource.rs"]
mod resource;

/// The elements of a snapshot, of words that mean something there.
fn elements() -> impl Strategy<Value = Vec<u8>> {
    let id = "Basic(\\.(identifier|code|value\\[x\\]|a)(:[a-b])?){0,3}";
    let kind = prop::sample::select(vec!["value", "exists", "type", "profile"]);
    let path = "(\\$this|system|url|code\\.text|resolve\\(\\)|\\.){0,2}";
    let expression = "[a-z.()' =|$<0-9]{0,24}";
    let element = (id, 0..3_u32, kind, path, expression).prop_map(|(id, min, kind, path, x)| {
        serde_json::json!({"id": id, "min": min, "max": "1", "patternString": "c",
            "type": [{"code": "Identifier", "profile": ["http://example.org/any"]}],
            "slicing": {"discriminator": [{"type": kind, "path": path}], "rules": "closed"},
            "constraint": [{"key": "k", "severity": "error", "expression": x}]})
    });
    prop::collection::vec(element, 0..12)
        .prop_map(|elements| serde_json::Value::from(elements).to_string().into_bytes())
}

proptest! {
    #[test]
    fn a_definition_never_panics(data in elements()) {
        definition::run(&data);
    }

    #[test]
    fn a_package_never_panics(data in prop::collection::vec(0_u8.., 0..200)) {
        package::run(&data);
    }

    #[test]
    fn a_resource_never_panics(data in "[\\[{}\\]\":,a-zA-Z0-9 ]{0,120}") {
        resource::run(data.as_bytes());
    }
}
