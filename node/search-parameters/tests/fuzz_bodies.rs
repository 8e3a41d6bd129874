//! What the fuzz target runs (`fuzz/bodies`), compiled and run here over a few hundred inputs: the
//! target itself is for `tests/fuzz`.

use proptest::prelude::*;

#[path = "../fuzz/bodies/expression.rs"]
mod expression;

proptest! {
    #[test]
    fn expression_never_panics(data in prop_oneof![
        proptest::collection::vec(0_u8.., 0..100),
        "[a-zA-Z.()' |=\\[\\]0-9]{0,80}".prop_map(String::into_bytes),
    ]) {
        expression::run(&data);
    }
}
