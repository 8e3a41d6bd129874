//! What the fuzz target of `node/fuzz` does with this room: it fails by panicking.

#![allow(clippy::missing_panics_doc, reason = "failing is what it is for")]

use std::io::Cursor;

use crate::records::Validator;

use super::lines::Reader;

/// NDJSON: every byte is accounted for, and every line is taken, refused or empty.
pub fn lines(data: &[u8]) {
    let validator = Validator::off();
    let mut lines = Reader::anew("-", Box::new(Cursor::new(data.to_vec())));
    let (mut bytes, mut count) = (0, 0);
    while !lines.ended {
        let Ok(batch) = lines.next_batch(&validator) else {
            return;
        };
        bytes += batch.bytes;
        count += batch.lines;
        let held = u64::try_from(batch.taken.len() + batch.refused.len());
        assert!(held.is_ok_and(|held| held <= batch.lines));
    }
    assert_eq!(u64::try_from(data.len()), Ok(bytes));
    let whole = data.iter().filter(|byte| **byte == b'\n').count();
    let rest = usize::from(data.last().is_some_and(|last| *last != b'\n'));
    assert_eq!(u64::try_from(whole + rest), Ok(count));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_of_a_file_of_lines_is_accounted_for(
            data in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                "(\\{\"resourceType\":\"(Patient|Unicorn)\"(,\"id\":\"[a-c]{1,2}\")?\\}|[\\r\\n \\[x]){0,20}"
                    .prop_map(String::into_bytes),
            ]
        ) {
            lines(&data);
        }
    }
}
