use proptest::prelude::*;

use super::super::*;
use crate::keys::SecretKey;
use crate::sample::NOW;

const ORIGIN: &str = "urn:musubi:member:0110000001";
const WITNESS: &str = "urn:musubi:registry:sample";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.into(),
        size: 20_852_163,
        root: leaf_hash(b"any"),
    }
}

fn signed() -> SignedNote {
    checkpoint().sign(&key(1), &key(1).public())
}

/// The example of C2SP tlog-cosignature: a note of another log, read as it stands there.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

#[test]
fn the_example_of_the_specification_is_read_and_written_back() {
    let note = SignedNote::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(note.signatures.len(), 2);
    assert_eq!(note.signatures[0].bytes.len(), 64);
    assert_eq!(note.signatures[1].bytes.len(), 8 + 64);
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size, 20_852_163);
    assert_eq!(checkpoint.to_text(), note.text);
}

#[test]
fn a_checkpoint_is_believed_of_its_log_alone() {
    let note = SignedNote::parse(signed().to_string().as_bytes()).unwrap();
    let (right, other) = (key(1).public(), key(2).public());
    let opened = verify_checkpoint(&note, ORIGIN, [&other, &right]).unwrap();
    assert_eq!(*opened, checkpoint());
    let judge =
        |note: &SignedNote, origin, key| verify_checkpoint(note, origin, [key]).unwrap_err();
    assert_eq!(judge(&note, WITNESS, &right), CheckpointError::Origin);
    assert_eq!(judge(&note, ORIGIN, &other), CheckpointError::Unsigned);
    let mut larger = note.clone();
    larger.text = larger.text.replace("20852163", "20852164");
    assert_eq!(judge(&larger, ORIGIN, &right), CheckpointError::Signature);
    let mut flipped = note;
    flipped.signatures[0].bytes[5] ^= 1;
    assert_eq!(judge(&flipped, ORIGIN, &right), CheckpointError::Signature);
}

#[test]
fn a_cosignature_says_who_saw_it_when_and_cannot_be_moved() {
    let (witness, other) = (key(3), key(4));
    let mut note = signed();
    let at = |note: &SignedNote, name, key: &SecretKey| cosigned_at(note, name, [&key.public()]);
    assert_eq!(at(&note, WITNESS, &witness), Ok(None));
    let line = cosign(&note.text, WITNESS, &witness, &witness.public(), NOW);
    note.signatures.push(line);
    let note = SignedNote::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(at(&note, WITNESS, &witness), Ok(Some(NOW)));
    assert_eq!(at(&note, WITNESS, &other), Ok(None));
    assert_eq!(at(&note, ORIGIN, &witness), Ok(None));
    // The log's own signature goes on counting.
    assert!(verify_checkpoint(&note, ORIGIN, [&key(1).public()]).is_ok());
    let mut later = note.clone();
    later.signatures[1].bytes[7] ^= 1;
    assert_eq!(
        at(&later, WITNESS, &witness),
        Err(CheckpointError::Signature)
    );
    let mut moved = note;
    moved.text = moved.text.replace("20852163", "7");
    assert_eq!(
        at(&moved, WITNESS, &witness),
        Err(CheckpointError::Signature)
    );
}

/// A witness that has one key for both must not be made to sign a log's checkpoint by cosigning,
/// nor the other way round.
#[test]
fn neither_signature_passes_for_the_other() {
    let note = signed();
    let one = key(1);
    let line = cosign(&note.text, ORIGIN, &one, &one.public(), NOW);
    let mut swapped = SignedNote {
        text: note.text.clone(),
        signatures: vec![line],
    };
    let judged = verify_checkpoint(&swapped, ORIGIN, [&one.public()]);
    assert_eq!(judged.unwrap_err(), CheckpointError::Unsigned);
    swapped.signatures[0].key_id = note.signatures[0].key_id;
    let judged = verify_checkpoint(&swapped, ORIGIN, [&one.public()]);
    assert_eq!(judged.unwrap_err(), CheckpointError::Signature);
    assert_eq!(cosigned_at(&note, ORIGIN, [&one.public()]), Ok(None));
}

#[test]
fn only_the_one_spelling_of_a_checkpoint_is_read() {
    let right = checkpoint().to_text();
    assert_eq!(Checkpoint::parse(&right), Ok(checkpoint()));
    for text in [
        right.replace("20852163", "020852163"),
        right.replace("20852163", "+20852163"),
        right.replace("20852163", "-1"),
        right.replace("20852163", "9223372036854775808"),
        right.replace("20852163", ""),
        right.replace('=', ""),
        right.replacen(ORIGIN, "", 1),
        format!("{right}extension\n"),
        format!("\n{right}"),
        right.trim_end().to_owned(),
        String::new(),
    ] {
        assert_eq!(
            Checkpoint::parse(&text),
            Err(CheckpointError::Malformed),
            "{text:?}"
        );
    }
}

#[test]
fn what_is_no_note_is_refused() {
    let right = signed().to_string();
    for text in [
        right.replace("\u{2014} ", "- "),
        right.replace("\u{2014} urn", "\u{2014} +urn"),
        right.replace("\u{2014} urn", "\u{2014}  urn"),
        right.replace("\n\n", "\n"),
        right.replace('\n', "\r\n"),
        right.trim_end().to_owned(),
        format!("{right}\n"),
        format!("{right}{}", "\u{2014} a AAAAAAA=\n".repeat(64)),
        format!("{}{right}", "a".repeat(LONGEST_NOTE)),
        right.replace("\u{2014} urn:musubi:member:0110000001 ", "\u{2014} a A"),
    ] {
        assert_eq!(
            SignedNote::parse(text.as_bytes()),
            Err(NoteError),
            "{text:?}"
        );
    }
    assert_eq!(
        SignedNote::parse(b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n"),
        Err(NoteError)
    );
}

#[test]
fn a_submission_is_written_as_the_specification_shows() {
    let submission = Submission {
        old_size: 2,
        proof: vec![leaf_hash(b"a"), leaf_hash(b"b")],
        note: signed(),
    };
    let text = submission.to_string();
    assert!(text.starts_with(&format!(
        "old 2\n{}\n{}\n\n{ORIGIN}\n",
        leaf_hash(b"a"),
        leaf_hash(b"b")
    )));
    assert_eq!(Submission::parse(text.as_bytes()), Ok(submission));
    for broken in [
        text.replace("old 2", "old 02"),
        text.replace("old ", "OLD "),
        text.replace("\n\n", "\n"),
        text.replacen('=', "", 1),
        text.replace(
            "old 2\n",
            &format!("old 2\n{}", format!("{}\n", leaf_hash(b"a")).repeat(62)),
        ),
    ] {
        assert_eq!(
            Submission::parse(broken.as_bytes()),
            Err(SubmissionError),
            "{broken}"
        );
    }
}

proptest! {
    #[test]
    fn a_note_is_written_back_as_it_was_read(
        text in "[a-z0-9\\n\u{3042} ]{0,60}", name in "[a-z:+ ]{0,9}", bytes in proptest::collection::vec(0_u8.., 0..80), junk in "(\n|\u{2014}| |=){0,5}",
    ) {
        let line = NoteSignature { name, key_id: [1, 2, 3, 4], bytes };
        for note in [
            format!("{text}\n\n{line}{junk}"),
            format!("{text}{junk}\n{line}"),
            format!("old 1\n{junk}\n{text}\n\n{line}"),
        ] {
            if let Ok(read) = SignedNote::parse(note.as_bytes()) {
                prop_assert_eq!(read.to_string(), note.clone());
            }
            if let Ok(read) = Submission::parse(note.as_bytes()) {
                prop_assert_eq!(read.to_string(), note.clone());
            }
            if let Ok(read) = Checkpoint::parse(&note) {
                prop_assert_eq!(read.to_text(), note);
            }
        }
    }

    #[test]
    fn reading_notes_never_panics(bytes in proptest::collection::vec(0_u8.., 0..200)) {
        let _ = SignedNote::parse(&bytes);
        let _ = Submission::parse(&bytes);
    }
}
