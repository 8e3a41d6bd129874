//! What the fuzz targets run (`fuzz/bodies`), compiled and run here over a few thousand inputs:
//! the targets themselves are for `tests/fuzz`.

use proptest::prelude::*;

#[path = "../fuzz/bodies/accesses.rs"]
mod accesses;
#[path = "../fuzz/bodies/checkpoint.rs"]
mod checkpoint;
#[path = "../fuzz/bodies/directory.rs"]
mod directory;
#[path = "../fuzz/bodies/emergency.rs"]
mod emergency;
#[path = "../fuzz/bodies/grants.rs"]
mod grants;
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
    fn emergency_never_panics(
        data in inputs(), insured in "[0-9:あ]{0,12}:[0-9]{0,3}:[0-9]{0,3}",
        kana in "[ア-ン ぁ-ん]{0,12}", born in "[0-9-]{8,11}", rest in "(,\"[a-z]{1,9}\":[0-9\\[\\]\"]{0,4}){0,2}",
    ) {
        emergency::run(&data);
        let why = "\"reason\":{\"code\":\"other\",\"text\":\"搬送時に意識がなく家族にも\"}";
        let asked = format!("{why},\"queries\":[\"Condition\"]{rest}");
        emergency::run(format!("{{\"patient\":{{\"insured\":\"{insured}\"}},{asked}}}").as_bytes());
        let person = format!("{{\"kana\":\"{kana}\",\"birthDate\":\"{born}\",\"gender\":\"male\"}}");
        emergency::run(format!("{{\"patient\":{person},{asked}}}").as_bytes());
        let notice = "\"id\":\"0197c000-0000-7000-8000-000000000001\",\"patient\":\"pp:BwcHBwcHBwcHBwcHBwcHBw\"";
        let asker = "\"asker\":\"urn:musubi:member:0110000001\",\"practitioner\":\"dr-1\"";
        emergency::run(format!("{{{notice},{asker},{why},\"at\":1,\"shown\":2{rest}}}").as_bytes());
    }

    #[test]
    fn accesses_never_panics(data in inputs(), rest in "(,\"[a-z_]{1,9}\":[0-9\\[\\]\"a-z]{0,9}){0,2}") {
        accesses::run(&data);
        let asked = "\"patient\":\"pp:BwcHBwcHBwcHBwcHBwcHBw\",\"since\":5,\"known\":7";
        accesses::run(format!("{{{asked}{rest}}}").as_bytes());
        let note = "urn:x\\n5\\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\\n\\n\u{2014} urn:x AAAAAA==\\n";
        let told = format!("\"checkpoint\":\"{note}\",\"consistency\":[],\"accesses\":[],\"more\":false");
        accesses::run(format!("{{{told}{rest}}}").as_bytes());
    }

    #[test]
    fn grants_never_panics(data in inputs(), rest in "(,\"[a-z_]{1,9}\":[0-9\\[\\]\"a-z]{0,9}){0,2}") {
        grants::run(&data);
        let asked = "\"code\":\"7K2QX9D4HM\",\"purpose\":\"TREAT\",\"categories\":[\"lab\"]";
        grants::run(format!("{{{asked}{rest}}}").as_bytes());
        let told = "\"pending\":\"EhISEhISEhISEhISEhISEg\",\"home\":\"urn:musubi:member:0110000001\"";
        grants::run(format!("{{{told},\"purpose\":\"TREAT\",\"expires\":5{rest}}}").as_bytes());
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
