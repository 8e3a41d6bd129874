//! What becomes of an export, trap by trap.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and say when they are skipped"
)]

#[path = "shared/phone.rs"]
mod phone;

use std::io::{Cursor, Read as _};
use std::ops::ControlFlow;

use apple_health::{
    ExportError, Kind, Limits, Meal, Pseudonyms, Reading, Skipped, Summary, Value, read_export,
};
use phone::{pressure, record};

const AT: &str = "2026-01-14 07:00:58 +0900";
const BY: &str = "sourceName=\"花子のApple Watch\"";

fn read_bytes(bytes: &[u8], limits: &Limits) -> (Vec<Reading>, Result<Summary, ExportError>) {
    let mut readings = Vec::new();
    let pseudonyms = Pseudonyms::under(b"key");
    let done = read_export(Cursor::new(bytes), limits, &pseudonyms, &mut |reading| {
        readings.push(reading);
        ControlFlow::Continue(())
    });
    (readings, done)
}

fn read(records: &str) -> (Vec<Reading>, Summary) {
    let (readings, summary) = read_bytes(&phone::xml(records), &Limits::default());
    (readings, summary.unwrap())
}

fn refused(bytes: &[u8]) -> ExportError {
    let limits = Limits {
        most_xml_bytes: 32 << 20,
        ..Limits::default()
    };
    read_bytes(bytes, &limits).1.unwrap_err()
}

fn zipped(name: &str, xml: &[u8]) -> Vec<u8> {
    let mut archive = Cursor::new(Vec::new());
    phone::zip(&mut archive, name, |out| out.write_all(xml)).unwrap();
    archive.into_inner()
}

#[test]
fn a_blood_pressure_is_one_measurement_though_it_is_there_twice() {
    let (readings, summary) = read(&pressure(118, 76, AT));
    assert_eq!(readings.len(), 1);
    assert_eq!(
        readings[0].value(),
        Value::Pressure {
            systolic: 118.0,
            diastolic: 76.0
        }
    );
    assert_eq!((summary.records, summary.duplicates), (4, 0));
}

#[test]
fn an_app_without_correlations_gives_pairs_too_and_half_a_pair_is_none() {
    let half = |kind, value, at| record(kind, "mmHg", value, BY, at, at);
    let later = "2026-01-14 21:00:00 +0900";
    let (readings, summary) = read(
        &[
            half("BloodPressureDiastolic", "76", AT),
            half("BloodPressureSystolic", "118", AT),
            half("BloodPressureSystolic", "130", later),
        ]
        .concat(),
    );
    assert_eq!(readings.len(), 1);
    assert_eq!(summary.skipped[&Skipped::HalfPressure], 1);
}

#[test]
fn units_and_fractions_become_those_of_the_chart() {
    for (kind, unit, value, found) in [
        ("OxygenSaturation", "%", "0.96", 96.0),
        ("BodyFatPercentage", "%", "0.234", 23.4),
        ("BodyMass", "lb", "154.324", 70.0),
        ("BodyMass", "kg", "70", 70.0),
        ("Height", "ft", "5.5", 167.6),
        ("Height", "in", "65", 165.1),
        ("Height", "m", "1.65", 165.0),
        ("BodyTemperature", "degF", "98.6", 37.0),
        (
            "BloodGlucose",
            "mmol&lt;180.1558800000541&gt;/L",
            "5.5",
            99.1,
        ),
        ("BloodGlucose", "mg/dL", "99", 99.0),
        ("HeartRate", "count/s", "1.2", 72.0),
    ] {
        let (readings, _) = read(&record(kind, unit, value, BY, AT, AT));
        assert_eq!(readings[0].value(), Value::Quantity(found), "{kind} {unit}");
    }
}

#[test]
fn what_no_body_shows_and_what_cannot_be_read_is_counted_and_left_out() {
    let (readings, summary) = read(
        &[
            record("BodyMass", "kg", "7000", BY, AT, AT),
            record("BodyMass", "catty", "70", BY, AT, AT),
            record("BodyMass", "kg", "seventy", BY, AT, AT),
            record("BodyMass", "kg", "NaN", BY, AT, AT),
            record("BodyMass", "kg", "70", BY, "yesterday", AT),
            record("BodyMass", "kg", "70", BY, AT, "2020-01-01 00:00:00 +0900"),
            record("DietaryWater", "mL", "200", BY, AT, AT),
        ]
        .concat(),
    );
    assert!(readings.is_empty());
    let count = |reason| summary.skipped[&reason];
    assert_eq!(count(Skipped::Impossible), 1);
    assert_eq!(count(Skipped::Unit), 1);
    assert_eq!(count(Skipped::Unreadable), 4);
    assert_eq!(count(Skipped::Type), 1);
}

#[test]
fn the_same_record_twice_is_one_and_another_source_is_another() {
    let one = record("HeartRate", "count/min", "72", BY, AT, AT);
    let other = record(
        "HeartRate",
        "count/min",
        "72",
        "sourceName=\"OMRON\"",
        AT,
        AT,
    );
    let (readings, summary) = read(&[one.clone(), one, other].concat());
    assert_eq!(readings.len(), 2);
    assert_eq!(summary.duplicates, 1);
}

#[test]
fn a_meal_is_known_and_never_called_fasting() {
    let glucose = format!(
        "<Record type=\"HKQuantityTypeIdentifierBloodGlucose\" {BY} unit=\"mg/dL\" startDate=\"{AT}\" \
         endDate=\"{AT}\" value=\"99\"><MetadataEntry key=\"HKBloodGlucoseMealTime\" value=\"2\"/></Record>"
    );
    let (readings, _) = read(&glucose);
    assert_eq!(readings[0].meal(), Some(Meal::After));
    let json = readings[0].observation("hana").json;
    assert!(json.contains("食後") && !json.contains("1558-6"));
}

#[test]
fn a_name_of_a_person_is_nowhere_in_what_comes_out() {
    let by = "sourceName=\"花子のApple Watch\" device=\"&lt;&lt;HKDevice: 0x3012772a0&gt;, \
              name:花子の時計, model:Watch, hardware:Watch7,3&gt;\"";
    let (readings, _) = read(&record("HeartRate", "count/min", "72", by, AT, AT));
    let json = readings[0].observation("hana").json;
    for personal in ["花子", "0x3012772a0", "HKDevice", "Watch7,3"] {
        assert!(!json.contains(personal), "{personal}");
    }
    assert!(json.contains("Apple Watch "));
}

#[test]
fn names_and_devices_of_attackers_are_pseudonyms_like_any_other() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "' OR 1=1 --",
        "{{7*7}}",
        "\u{202e}hctaW elppA",
    ] {
        let escaped = hostile
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        let by = format!("sourceName=\"{escaped}\" device=\"{escaped}\"");
        let (readings, _) = read(&record("HeartRate", "count/min", "72", &by, AT, AT));
        let json = readings[0].observation("hana").json;
        assert!(!json.contains(hostile), "{hostile}");
        let label = readings[0].source().to_string();
        assert!(label.starts_with("アプリ・機器 "), "{label}");
    }
}

#[test]
fn the_same_measurement_is_the_same_resource_at_every_upload_and_another_person_s_is_not() {
    let one = |person| {
        let (readings, _) = read(&record("BodyMass", "kg", "70.5", BY, AT, AT));
        readings[0].observation(person)
    };
    assert_eq!(one("hana"), one("hana"));
    assert_ne!(one("hana").id, one("taro").id);
    // Another time zone on the wall is the same moment.
    let abroad = "2026-01-13 22:00:58 +0000";
    let (readings, _) = read(&record("BodyMass", "kg", "70.5", BY, abroad, abroad));
    assert_eq!(readings[0].observation("hana").id, one("hana").id);
}

#[test]
fn the_total_of_a_day_stays_one_resource_when_the_day_goes_on() {
    let steps = |count| {
        let (readings, _) = read(&record("StepCount", "count", count, BY, AT, AT));
        readings[0].observation("hana")
    };
    assert_eq!(steps("100").id, steps("200").id);
    assert_ne!(steps("100").json, steps("200").json);
}

#[test]
fn archives_of_phones_in_either_language_are_read_and_the_rest_of_them_is_named() {
    let xml = phone::xml(&record("BodyMass", "kg", "70", BY, AT, AT));
    for name in ["export.xml", "書き出したデータ.xml"] {
        let (readings, summary) = read_bytes(&zipped(name, &xml), &Limits::default());
        let summary = summary.unwrap();
        assert_eq!(readings.len(), 1, "{name}");
        assert_eq!(summary.skipped[&Skipped::Electrocardiogram], 1);
        assert_eq!(summary.skipped[&Skipped::Route], 1);
        assert_eq!(summary.skipped[&Skipped::CdaDocument], 1);
        assert_eq!(summary.exported_at.unwrap().date(), "2026-11-18");
    }
    assert!(matches!(
        refused(&zipped("other.xml", &xml)),
        ExportError::NoExport
    ));
}

#[test]
fn entities_are_neither_declared_nor_used() {
    for xml in [
        "<!DOCTYPE HealthData [<!ENTITY lol \"lol\">]><HealthData/>",
        "<!DOCTYPE HealthData [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><HealthData>&x;</HealthData>",
        "<!DOCTYPE HealthData SYSTEM \"http://evil.example/x.dtd\"><HealthData/>",
        "<!DOCTYPE HealthData PUBLIC \"-//x\" \"http://evil.example/x.dtd\"><HealthData/>",
        "<!DOCTYPE HealthData [<!ENTITY % p SYSTEM \"http://evil.example/\"> %p;]><HealthData/>",
        "<HealthData>&lol;</HealthData>",
        "<HealthData><Record type=\"HKQuantityTypeIdentifierBodyMass\" value=\"&lol;\"/></HealthData>",
    ] {
        assert!(
            matches!(refused(xml.as_bytes()), ExportError::Entities),
            "{xml}"
        );
    }
}

#[test]
fn broken_deep_and_giant_xml_is_refused() {
    let deep = format!("<HealthData>{}", "<a>".repeat(100_000));
    assert!(matches!(refused(deep.as_bytes()), ExportError::Markup(_)));
    let giant = format!(
        "<HealthData><Record type=\"{}\"/></HealthData>",
        "x".repeat(1 << 20)
    );
    assert!(matches!(refused(giant.as_bytes()), ExportError::Markup(_)));
    let many = format!(
        "<HealthData><Record {}/></HealthData>",
        "a=\"\" ".repeat(10_000)
    );
    assert!(matches!(refused(many.as_bytes()), ExportError::Markup(_)));
    for broken in [
        "<HealthData>",
        "<HealthData></Other>",
        "<ClinicalDocument/>",
        "<HealthData/><HealthData/>",
        "<HealthData><Record type=\"x</HealthData>",
        "<?xml version=\"1.0\"?>",
    ] {
        let error = refused(broken.as_bytes());
        assert!(matches!(error, ExportError::Xml(_)), "{broken}: {error}");
    }
    assert!(matches!(refused(b""), ExportError::Format));
    assert!(matches!(refused(b"\x89PNG"), ExportError::Format));
}

#[test]
fn bombs_are_refused_by_what_they_claim_and_by_what_they_become() {
    // A thousand spaces become one byte.
    let spaces = vec![b' '; 24 << 20];
    let xml = [b"<HealthData>".as_slice(), &spaces, b"</HealthData>"].concat();
    let bomb = zipped("export.xml", &xml);
    assert!(bomb.len() < 64 << 10);
    assert!(matches!(refused(&bomb), ExportError::Bomb));
    // The same with a lie about its size, in the directory and before the data.
    let mut liar = bomb;
    let size = u32::try_from(xml.len()).unwrap().to_le_bytes();
    let long = u64::try_from(xml.len()).unwrap().to_le_bytes();
    let mut at = 0;
    let mut lies = 0;
    while at + 8 <= liar.len() {
        if liar[at..at + 8] == long {
            liar[at..at + 8].copy_from_slice(&1_000_u64.to_le_bytes());
            lies += 1;
        } else if liar[at..at + 4] == size {
            liar[at..at + 4].copy_from_slice(&1_000_u32.to_le_bytes());
            lies += 1;
        }
        at += 1;
    }
    assert!(lies > 0);
    let error = refused(&liar);
    assert!(
        matches!(
            error,
            ExportError::Bomb | ExportError::Archive | ExportError::Xml(_)
        ),
        "{error}"
    );
}

#[test]
fn a_directory_of_a_million_files_is_not_read_to_its_end() {
    let limits = Limits {
        most_directory_bytes: 64 << 10,
        ..Limits::default()
    };
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 0..5_000 {
        archive.start_file(format!("{number}"), stored).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let error = read_bytes(&bytes, &limits).1.unwrap_err();
    assert!(matches!(error, ExportError::Bomb), "{error}");
}

#[test]
fn a_damaged_archive_is_refused() {
    let xml = phone::xml(&record("BodyMass", "kg", "70", BY, AT, AT).repeat(200));
    let good = zipped("export.xml", &xml);
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    assert!(matches!(refused(&cut), ExportError::Archive));
    let mut flipped = good;
    let middle = flipped.len() / 2;
    for byte in &mut flipped[middle..middle + 4] {
        *byte ^= 0x55;
    }
    let error = refused(&flipped);
    assert!(
        matches!(
            error,
            ExportError::Archive
                | ExportError::Xml(_)
                | ExportError::NoExport
                | ExportError::Entities
        ),
        "{error}"
    );
}

#[test]
fn who_takes_the_readings_can_stop() {
    let xml = phone::xml(&record("BodyMass", "kg", "70", BY, AT, AT));
    let stopped = read_export(
        Cursor::new(xml),
        &Limits::default(),
        &Pseudonyms::under(b"key"),
        &mut |_| ControlFlow::Break(()),
    );
    assert!(matches!(stopped, Err(ExportError::Stopped)));
}

#[test]
fn exports_that_others_publish_are_read_whole() {
    let data = "../shared/data/applehealth/fixtures.tgz";
    let packed = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(data);
    let Ok(packed) = std::fs::File::open(packed) else {
        eprintln!("SKIPPED: {data} is not here");
        return;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    let (mut found, mut taken) = (0, Vec::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let is_export = path
            .extension()
            .is_some_and(|end| end == "xml" || end == "zip");
        if !is_export {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let (readings, summary) = read_bytes(&bytes, &Limits::default());
        let summary = summary.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(summary.records > 0, "{}", path.display());
        taken.extend(readings.iter().map(Reading::kind));
        found += 1;
    }
    assert_eq!(found, 6);
    assert!(taken.contains(&Kind::HeartRate) && taken.contains(&Kind::Sleep));
}
