//! What becomes of the JSON of exporter apps.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use apple_health::{
    ExporterError, Kind, MAX_EXPORTER_BYTES, Pseudonyms, Reading, Skipped, Summary, Value,
    read_exporter,
};
use serde_json::{Value as Json, json};

fn read(metrics: &Json) -> (Vec<Reading>, Summary) {
    let body = json!({"data": {"metrics": metrics, "workouts": []}}).to_string();
    read_exporter(body.as_bytes(), &Pseudonyms::under(b"key")).unwrap()
}

#[test]
fn every_metric_of_an_app_becomes_a_reading() {
    let at = "2026-01-14 07:00:00 +0900";
    let (readings, summary) = read(&json!([
        {"name": "heart_rate", "units": "count/min", "data": [
            {"date": at, "Min": 60, "Avg": 72.4, "Max": 90, "source": "花子のApple Watch"}]},
        {"name": "blood_pressure", "units": "mmHg", "data": [
            {"date": at, "systolic": 118, "diastolic": 76, "source": "OMRON"}]},
        {"name": "weight_body_mass", "units": "lb", "data": [{"date": at, "qty": 154.324}]},
        {"name": "blood_oxygen_saturation", "units": "%", "data": [{"date": at, "qty": 97}]},
        {"name": "blood_glucose", "units": "mmol/L", "data": [
            {"date": at, "qty": "5.5", "mealTime": "Before Meal"}]},
        {"name": "body_temperature", "units": "degF", "data": [{"date": at, "qty": 98.6}]},
        {"name": "sleep_analysis", "units": "hr", "data": [
            {"date": at, "sleepStart": "2026-01-13 23:00:00 +0900",
             "sleepEnd": "2026-01-14 06:00:00 +0900", "totalSleep": 6.5, "inBed": 7}]},
        {"name": "dietary_water", "units": "mL", "data": [{"date": at, "qty": 200}]},
    ]));
    let values: Vec<_> = readings
        .iter()
        .map(|one| (one.kind(), one.value()))
        .collect();
    assert_eq!(
        values,
        [
            (Kind::HeartRate, Value::Quantity(72.0)),
            (
                Kind::BloodPressure,
                Value::Pressure {
                    systolic: 118.0,
                    diastolic: 76.0
                }
            ),
            (Kind::BodyMass, Value::Quantity(70.0)),
            (Kind::OxygenSaturation, Value::Quantity(97.0)),
            (Kind::BloodGlucose, Value::Quantity(99.1)),
            (Kind::BodyTemperature, Value::Quantity(37.0)),
            (Kind::Sleep, Value::Quantity(6.5)),
        ]
    );
    assert_eq!(summary.skipped[&Skipped::Type], 1);
}

#[test]
fn steps_of_an_hour_by_two_devices_are_the_larger_and_hours_make_a_day() {
    let entry = |hour, qty, source| {
        json!({
            "date": format!("2026-01-14 {hour:02}:00:00 +0900"), "qty": qty, "source": source
        })
    };
    let (readings, _) = read(&json!([{"name": "step_count", "units": "count", "data": [
        entry(7, 1_000, "iPhone"), entry(7, 1_100, "Apple Watch"), entry(8, 50, "iPhone"),
    ]}]));
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].value(), Value::Quantity(1_150.0));
}

#[test]
fn the_same_measurement_in_an_export_and_from_an_app_is_one_resource() {
    let (readings, _) = read(
        &json!([{"name": "weight_body_mass", "units": "kg", "data": [
        {"date": "2026-01-14T07:00:58+09:00", "qty": 70.5, "source": "OMRON connect"}]}]),
    );
    let xml = "<HealthData><Record type=\"HKQuantityTypeIdentifierBodyMass\" unit=\"kg\" value=\"70.5\" \
               sourceName=\"OMRON connect\" startDate=\"2026-01-14 07:00:58 +0900\" \
               endDate=\"2026-01-14 07:00:58 +0900\"/></HealthData>";
    let mut exported = Vec::new();
    apple_health::read_export(
        std::io::Cursor::new(xml),
        &apple_health::Limits::default(),
        &Pseudonyms::under(b"key"),
        &mut |reading| {
            exported.push(reading);
            std::ops::ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert_eq!(
        exported[0].observation("hana"),
        readings[0].observation("hana")
    );
}

#[test]
fn what_is_no_such_json_is_refused() {
    let refused = |body: &[u8]| read_exporter(body, &Pseudonyms::under(b"k")).unwrap_err();
    assert_eq!(refused(b""), ExporterError::Json);
    assert_eq!(refused(b"[]"), ExporterError::Shape);
    assert_eq!(refused(b"{\"data\":{\"metrics\":7}}"), ExporterError::Shape);
    let deep = "[".repeat(100_000);
    assert_eq!(refused(deep.as_bytes()), ExporterError::Json);
    let large = vec![b' '; MAX_EXPORTER_BYTES + 1];
    assert_eq!(refused(&large), ExporterError::TooLarge);
}

#[test]
fn observations_of_other_systems_become_ours_and_nothing_else_of_them_is_kept() {
    let observation = |code: &str, value: &Json| {
        let mut one = json!({
            "resourceType": "Observation", "id": "lab-1", "status": "final",
            "meta": {"security": [{"system": "x", "code": "HIV"}]},
            "contained": [{"resourceType": "Patient", "id": "x"}],
            "text": {"status": "generated", "div": "<div><script>alert(1)</script></div>"},
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": "Patient/somebody-else"},
            "performer": [{"reference": "Practitioner/dr-1"}],
            "effectiveDateTime": "2026-01-14T07:00:58+09:00",
            "device": {"display": "<img src=x onerror=alert(1)>"},
        });
        for (name, value) in value.as_object().unwrap() {
            one[name] = value.clone();
        }
        json!({"resource": one})
    };
    let saturation = json!({"valueQuantity": {"value": 97, "code": "%"}});
    let body = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        observation("59408-5", &saturation),
        observation("59408-5", &saturation),
        observation("29463-7", &json!({"valueQuantity": {"value": 154.324, "unit": "lb"}})),
        observation("85354-9", &json!({"component": [
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
             "valueQuantity": {"value": 118, "code": "mm[Hg]"}},
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
             "valueQuantity": {"value": 76, "code": "mm[Hg]"}}]})),
        observation("4548-4", &json!({"valueQuantity": {"value": 7, "code": "%"}})),
    ]});
    let pseudonyms = Pseudonyms::under(b"key");
    let (readings, summary) = read_exporter(body.to_string().as_bytes(), &pseudonyms).unwrap();
    let values: Vec<_> = readings.iter().map(Reading::value).collect();
    assert_eq!(
        values,
        [
            Value::Quantity(97.0),
            Value::Quantity(70.0),
            Value::Pressure {
                systolic: 118.0,
                diastolic: 76.0
            },
        ]
    );
    assert_eq!(summary.duplicates, 1);
    assert_eq!(summary.skipped[&Skipped::Type], 1);
    for reading in readings {
        let json = reading.observation("hana").json;
        for foreign in [
            "script",
            "onerror",
            "somebody-else",
            "dr-1",
            "HIV",
            "lab-1",
            "final",
        ] {
            assert!(!json.contains(foreign), "{foreign}");
        }
        // What we write is read back the same.
        let again = apple_health::read_fhir(json.as_bytes(), &pseudonyms)
            .unwrap()
            .0;
        assert_eq!(again[0].value(), reading.value());
    }
}
