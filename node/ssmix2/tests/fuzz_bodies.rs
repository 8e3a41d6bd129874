//! What the fuzz targets run (`fuzz/bodies`), compiled and run here over a few thousand inputs,
//! mutated messages among them: the targets themselves are for `tests/fuzz`.

#![allow(clippy::indexing_slicing, reason = "tests fail by panicking")]

mod common;
#[path = "../fuzz/bodies/file.rs"]
mod file;
#[path = "../fuzz/bodies/name.rs"]
mod name;

use common::{conformance, resources, yukimi};
use proptest::prelude::*;
use ssmix2::{Kind, read};

/// Lines of segments of which the rooms ask, filled with what the mapping looks at.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    const SEGMENTS: &[&str] = &[
        "ORC", "RXE", "TQ1", "RXR", "RXC", "RXA", "SPM", "OBR", "OBX", "PRB", "ZPR", "IAM", "AL1",
        "IN1", "NK1", "DB1", "NTE", "PV1",
    ];
    let value = prop_oneof![
        Just(String::new()),
        Just("\"\"".to_owned()),
        "[-0-9.<>/^&~ A-Z]{1,12}",
        "[漢カ\\\\|^~&a-z]{1,6}",
        Just("20260401103059".to_owned()),
        Just("A^亜^JC10^B^伊^99XYZ".to_owned()),
        Just("NM".to_owned()),
    ];
    let line = (
        proptest::sample::select(SEGMENTS),
        proptest::collection::vec(value, 0..28),
    );
    let line = line.prop_map(|(name, fields)| format!("{name}|{}\r", fields.join("|")));
    proptest::collection::vec(line, 0..10).prop_map(|lines| lines.concat().into_bytes())
}

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(0_u8.., 0..200),
        "[\\x1b$B(0-9A-Z|^~&\\\\\\r]{0,160}".prop_map(String::into_bytes),
        lines(),
    ]
}

/// What the validator says of all that is read from a message of these lines.
fn faults(kind: Kind, lines: &[u8]) -> Vec<String> {
    let mut file = common::File::of(kind, "", &[]);
    file.event = match kind {
        Kind::Ppr01 => "PPR^ZD1",
        Kind::Omp01 | Kind::Omp02 => "RDE^O11",
        Kind::Omp11 | Kind::Omp12 => "RAS^O17",
        Kind::Oml01 => "OML^O33",
        Kind::Oml11 => "OUL^R22",
        _ => "ADT^A08",
    };
    let bytes = [file.text().as_bytes(), lines].concat();
    let Ok(chapter) = read(&file.name(), &bytes, &yukimi()) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for resource in resources(&chapter) {
        conformance::check(&resource, &chapter.patient);
        faults.extend(common::faults(resource));
    }
    faults
}

#[test]
fn a_field_that_says_null_leaves_no_empty_extension() {
    let null = "ORC|\rRXE|||||||\"\"\r";
    assert_eq!(faults(Kind::Omp01, null.as_bytes()), [""; 0]);
}

proptest! {
    #[test]
    fn file_never_panics(data in inputs()) {
        file::run(&data);
    }

    #[test]
    fn name_never_panics(data in "[0-9A-Z_-]{0,80}") {
        name::run(data.as_bytes());
    }

    #[test]
    fn a_mutated_message_is_read_lawfully_or_refused(
        at in 0_usize..600, byte in 0_u8.., which in 0_usize..13
    ) {
        let file = common::samples().swap_remove(which);
        let mut bytes = file.bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(&file.name(), &bytes, &yukimi());
    }

    #[test]
    fn whatever_is_read_is_what_jp_core_allows(data in lines(), kind in proptest::sample::select(Kind::ALL)) {
        prop_assert_eq!(faults(kind, &data), [""; 0]);
    }
}
