//! What the fuzz targets run (`fuzz/bodies`), compiled and run here over a few thousand inputs:
//! the targets themselves are for `tests/fuzz`.

use proptest::prelude::*;

#[path = "../fuzz/bodies/checkpoint.rs"]
mod checkpoint;
#[path = "../fuzz/bodies/directory.rs"]
mod directory;
#[path = "../fuzz/bodies/joining.rs"]
mod joining;
#[path = "../fuzz/bodies/linking.rs"]
mod linking;
#[path = "../fuzz/bodies/receipts.rs"]
mod receipts;
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
    fn linking_never_panics(data in inputs()) {
        linking::run(&data);
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

    #[test]
    fn receipts_never_panics(data in inputs(), prefix in "[0-9a-f]{0,7}", rest in "[\\[{}\\]\":,a-z0-9]{0,40}") {
        receipts::run(&data);
        let day = "{\"day\":\"2026-07-01\",\"prefix\":";
        receipts::run(format!("{day}\"{prefix}\"}}").as_bytes());
        receipts::run(format!("{day}\"{prefix}\",\"count\":0,\"items\":[],\"digest\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"}}").as_bytes());
        receipts::run(format!("{day}\"{prefix}\",{rest}").as_bytes());
    }
}
