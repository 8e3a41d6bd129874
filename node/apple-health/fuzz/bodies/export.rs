//! Any bytes as an export, alone and as the records of one. Nothing panics, memory is bounded, and
//! what is read is what a chart may hold: resources that read back, with lawful ids.

use std::io::Cursor;
use std::ops::ControlFlow;

use apple_health::{Format, Limits, Pseudonyms, is_patient_generated, read_export};

pub(crate) fn run(data: &[u8]) {
    judge(data);
    let records = [b"<HealthData>".as_slice(), data, b"</HealthData>"].concat();
    judge(&records);
}

fn judge(bytes: &[u8]) {
    let limits = Limits {
        most_xml_bytes: 1 << 20,
        most_kept: 1_000,
        most_records: 10_000,
        ..Limits::default()
    };
    let pseudonyms = Pseudonyms::under(b"key");
    let mut readings = 0;
    let done = read_export(Cursor::new(bytes), &limits, &pseudonyms, &mut |reading| {
        readings += 1;
        let observation = reading.observation("hana");
        assert!(observation.id.len() <= 64 && observation.key.len() == 64);
        let json: serde_json::Value = match serde_json::from_str(&observation.json) {
            Ok(json) => json,
            Err(error) => unreachable!("{error}"),
        };
        assert!(is_patient_generated(&json));
        assert_eq!(json.get("id"), Some(&observation.id.into()));
        ControlFlow::Continue(())
    });
    if let Ok(summary) = done {
        assert_eq!(summary.readings, readings);
        assert!(Format::of(bytes).is_some());
    }
}
