//! Any bytes as what an exporter app sends, alone and as the entries of a metric.

use apple_health::{Pseudonyms, is_patient_generated, read_exporter};

pub(crate) fn run(data: &[u8]) {
    judge(data);
    for name in [
        "heart_rate",
        "blood_pressure",
        "sleep_analysis",
        "step_count",
    ] {
        let head = format!(
            "{{\"data\":{{\"metrics\":[{{\"name\":\"{name}\",\"units\":\"count\",\"data\":["
        );
        judge(&[head.as_bytes(), data, b"]}]}}"].concat());
    }
}

fn judge(bytes: &[u8]) {
    let Ok((readings, summary)) = read_exporter(bytes, &Pseudonyms::under(b"key")) else {
        return;
    };
    assert_eq!(u64::try_from(readings.len()), Ok(summary.readings));
    let mut ids = std::collections::HashSet::new();
    for reading in readings {
        let observation = reading.observation("hana");
        let json: serde_json::Value = match serde_json::from_str(&observation.json) {
            Ok(json) => json,
            Err(error) => unreachable!("{error}"),
        };
        assert!(is_patient_generated(&json));
        assert!(ids.insert(observation.id), "twice");
    }
}
