//! What the fuzz targets run (`fuzz/bodies`), compiled and run here over a few thousand inputs,
//! mutated exports among them: the targets themselves are for `tests/fuzz`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[path = "../fuzz/bodies/export.rs"]
mod export;
#[path = "../fuzz/bodies/exporter_json.rs"]
mod exporter_json;
#[path = "shared/phone.rs"]
mod phone;

use std::io::Cursor;

use proptest::prelude::*;

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "-?[0-9]{1,12}(\\.[0-9]{1,4})?",
        "[a-z花&<>;%#]{0,8}",
        Just("1e308".to_owned()),
        Just("2026-01-14 07:00:58 +0900".to_owned()),
        Just("2026-01-16 07:00:58 -0330".to_owned()),
        Just("HKCategoryValueSleepAnalysisAsleepCore".to_owned()),
        Just("count/min".to_owned()),
        Just("count".to_owned()),
        Just("mmHg".to_owned()),
    ]
}

fn records() -> impl Strategy<Value = String> {
    const KINDS: &[&str] = &[
        "HKQuantityTypeIdentifierHeartRate",
        "HKQuantityTypeIdentifierStepCount",
        "HKQuantityTypeIdentifierBodyMass",
        "HKQuantityTypeIdentifierBloodGlucose",
        "HKQuantityTypeIdentifierBloodPressureSystolic",
        "HKQuantityTypeIdentifierBloodPressureDiastolic",
        "HKCategoryTypeIdentifierSleepAnalysis",
    ];
    let day = (1_u32..28, 0_u32..24, 0_u32..24);
    let record = (
        proptest::sample::select(KINDS),
        value(),
        value(),
        value(),
        day,
    );
    let record = record.prop_map(|(kind, unit, value, source, (day, from, to))| {
        format!(
            "<Record type=\"{kind}\" unit=\"{unit}\" value=\"{value}\" sourceName=\"{source}\" \
             startDate=\"2026-01-{day:02} {from:02}:00:00 +0900\" \
             endDate=\"2026-01-{day:02} {to:02}:30:00 +0900\"/>"
        )
    });
    proptest::collection::vec(record, 0..12).prop_map(|records| records.concat())
}

proptest! {
    #[test]
    fn export_never_panics(data in proptest::collection::vec(0_u8.., 0..200)) {
        export::run(&data);
    }

    #[test]
    fn records_of_any_sort_are_read_lawfully_or_left_out(data in records()) {
        export::run(data.as_bytes());
    }

    #[test]
    fn a_mutated_archive_is_read_lawfully_or_refused(
        at in 0_usize..4_000, byte in 0_u8.., records in records()
    ) {
        let mut archive = Cursor::new(Vec::new());
        phone::zip(&mut archive, "export.xml", |out| out.write_all(&phone::xml(&records))).unwrap();
        let mut bytes = archive.into_inner();
        let at = at % bytes.len();
        bytes[at] = byte;
        export::run(&bytes);
    }

    #[test]
    fn exporter_json_never_panics(data in "[\\[\\]{}:,\"a-z0-9.eE -]{0,120}") {
        exporter_json::run(data.as_bytes());
    }

    #[test]
    fn entries_of_any_sort_are_read_lawfully_or_left_out(
        entries in proptest::collection::vec((value(), value(), value(), value()), 0..8)
    ) {
        let entries: Vec<String> = entries
            .into_iter()
            .map(|(date, qty, source, value)| {
                serde_json::json!({
                    "date": date, "qty": qty, "source": source, "value": value,
                    "systolic": qty, "diastolic": value, "sleepStart": date, "sleepEnd": value,
                    "totalSleep": qty,
                })
                .to_string()
            })
            .collect();
        exporter_json::run(entries.join(",").as_bytes());
    }

    #[test]
    fn no_total_of_a_day_is_more_than_what_was_counted(data in records()) {
        let mut total = 0.0;
        let mut counted = 0.0;
        for part in data.split("<Record").filter(|part| part.contains("StepCount")) {
            let value = part.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
            counted += value.parse::<f64>().unwrap_or(0.0).max(0.0);
        }
        let _ = apple_health::read_export(
            Cursor::new(phone::xml(&data)),
            &apple_health::Limits::default(),
            &apple_health::Pseudonyms::under(b"key"),
            &mut |reading| {
                if let (apple_health::Kind::Steps, apple_health::Value::Quantity(steps)) =
                    (reading.kind(), reading.value())
                {
                    total += steps;
                }
                std::ops::ControlFlow::Continue(())
            },
        );
        // Each day is rounded.
        prop_assert!(total <= counted + 28.0);
    }
}
