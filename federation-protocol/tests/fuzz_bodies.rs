//! What the fuzz targets run (`fuzz/bodies`), compiled and run here over a few thousand inputs:
//! the targets themselves are for `tests/fuzz`.

use proptest::prelude::*;

#[path = "../fuzz/bodies/checkpoint.rs"]
mod checkpoint;
#[path = "../fuzz/bodies/directory.rs"]
mod directory;
#[path = "../fuzz/bodies/joining.rs"]
mod joining;
#[path = "../fuzz/bodies/revocation.rs"]
mod revocation;
#[path = "../fuzz/bodies/signature_input.rs"]
mod signature_input;
#[path = "../fuzz/bodies/status_list.rs"]
mod status_list;
#[path = "../fuzz/bodies/token.rs"]
mod token;

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(0_u8.., 0..200),
        "[\\[{}\\]\":,()=;@a-z0-9 ]{0,120}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn signature_input_never_panics(data in inputs()) {
        signature_input::run(&data);
    }

    #[test]
    fn directory_never_panics(data in inputs()) {
        directory::run(&data);
    }

    #[test]
    fn joining_never_panics(data in inputs()) {
        joining::run(&data);
    }

    #[test]
    fn token_never_panics(data in inputs()) {
        token::run(&data);
    }

    #[test]
    fn status_list_never_panics(data in inputs()) {
        status_list::run(&data);
    }

    #[test]
    fn checkpoint_never_panics(data in inputs()) {
        checkpoint::run(&data);
    }

    #[test]
    fn revocation_never_panics(data in inputs()) {
        revocation::run(&data);
    }
}
