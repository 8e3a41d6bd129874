//! What is never imported, and what is tolerated.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod common;

use common::{ADMISSION, File, PATIENT, basic, only, results, yukimi};
use ssmix2::{Kind, Oddity, Reason, read};

fn refused(file: &File) -> Reason {
    file.read().unwrap_err().reason
}

fn with(file: &File, from: &str, to: &str) -> File {
    let mut changed = file.clone();
    for line in &mut changed.lines {
        *line = line.replace(from, to);
    }
    assert_ne!(file.lines, changed.lines);
    changed
}

#[test]
fn a_message_about_another_patient_is_quarantined() {
    let file = with(&results(), PATIENT, "00079014");
    let quarantine = file.read().unwrap_err();
    assert_eq!(quarantine.reason, Reason::PatientDiffers);
    assert!(!quarantine.to_string().contains("00079014"));
    assert_eq!(
        refused(&with(&results(), PATIENT, "79013")),
        Reason::PatientDiffers
    );
    assert_eq!(refused(&with(&results(), PATIENT, "")), Reason::NoPatient);
    // The hospital's own number counts, wherever it stands in the list.
    let second = with(&results(), "00079013^^^^PI", "9^^^^VN~00079013^^^^PI");
    assert!(second.read().is_ok());
}

#[test]
fn a_file_in_the_wrong_folder_is_quarantined() {
    let file = File {
        kind: Kind::Ppr01,
        ..results()
    };
    assert_eq!(refused(&file), Reason::WrongMessage);
    let file = File {
        kind: Kind::Omg11,
        ..results()
    };
    assert_eq!(refused(&file), Reason::NotRead);
}

#[test]
fn bytes_that_are_no_message_are_quarantined() {
    let name = results().name();
    let reason = |bytes: &[u8]| read(&name, bytes, &yukimi()).unwrap_err().reason;
    assert_eq!(reason(b""), Reason::NotHl7);
    assert_eq!(reason(b"<ClinicalDocument/>"), Reason::NotHl7);
    assert_eq!(reason(b"MSH|^~\\&|\x1b$B4"), Reason::Undecodable);
    assert_eq!(reason(b"MSH|^~\\&|||||||OUL^R22\r"), Reason::NoPatient);
    assert_eq!(
        reason(b"MSH|^~\\&|||||||OUL^R22\rPID|||00079013\r"),
        Reason::Empty
    );
    assert_eq!(
        reason(&vec![b' '; ssmix2::MAX_FILE_BYTES + 1]),
        Reason::TooLarge
    );
}

#[test]
fn a_small_file_cannot_become_a_huge_chapter() {
    // What the order says goes into each of its administrations.
    let order = format!(
        "ORC|SC|1||1{}01^{}^HL70069",
        "|".repeat(13),
        "内".repeat(15_000)
    );
    let mut file = File::of(Kind::Omp11, "RAS^O17", &[&order]);
    file.lines
        .extend((0..1_200).map(|_| "RXA|0|1|20260401||1^薬^99XYZ".to_owned()));
    assert!(file.bytes().len() < ssmix2::MAX_FILE_BYTES / 50);
    assert_eq!(refused(&file), Reason::TooLarge);
    file.lines.truncate(100);
    assert!(file.read().is_ok());
}

#[test]
fn every_encoding_and_line_end_of_the_field_says_the_same() {
    let file = basic();
    let expected = file.chapter();
    assert_eq!(expected.notes, []);
    let text = file.text();
    let (shift_jis, _, _) = encoding_rs::SHIFT_JIS.encode(&text);
    for (bytes, noted) in [
        (
            file.bytes()
                .iter()
                .map(|b| if *b == b'\r' { b'\n' } else { *b })
                .collect(),
            false,
        ),
        (text.replace('\r', "\r\n").into_bytes(), true),
        (shift_jis.into_owned(), true),
    ] {
        let chapter = read(&file.name(), &bytes, &yukimi()).unwrap();
        assert_eq!(chapter.resources, expected.resources);
        assert_eq!(
            chapter
                .notes
                .iter()
                .any(|note| note.oddity == Oddity::Encoding),
            noted
        );
    }
}

#[test]
fn kanji_made_of_delimiters_stay_kanji() {
    // Second bytes ^ | ~ & and backslash.
    let file = with(&basic(), "雪見^花^", "五日時^愛本^");
    let (bytes, text) = (file.bytes(), "五日時 愛本");
    assert!(bytes.windows(2).any(|pair| pair == b"F|"));
    assert_eq!(only(&file.chapter(), "Patient")["name"][0]["text"], text);
}

#[test]
fn the_care_date_of_the_message_counts() {
    let chapter = File {
        date: "20260402",
        ..results()
    }
    .chapter();
    assert!(
        chapter
            .notes
            .iter()
            .any(|note| note.oddity == Oddity::CareDate)
    );
    let report = &common::of_type(&chapter, "DiagnosticReport")[0];
    assert_eq!(report["effectiveDateTime"], "2026-04-01T08:30:00+09:00");
}

#[test]
fn what_is_quarantined_or_read_never_shows_in_debug() {
    let chapter = File::of(Kind::Adt22, "ADT^A01", &[ADMISSION]).chapter();
    let shown = format!("{chapter:?}").replace(&chapter.patient, "");
    assert!(
        !shown.contains(PATIENT) && !shown.contains("雪見"),
        "{shown}"
    );
}
