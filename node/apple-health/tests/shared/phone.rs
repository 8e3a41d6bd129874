//! Exports of any size, the same for the same number of days: what a phone and a watch write.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests and examples fail by panicking; not every one needs everything"
)]

use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What Apple puts in front, shortened: elements and attributes, comments, no entities.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<!DOCTYPE HealthData [\n\
<!-- HealthKit Export Version: 14 -->\n\
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>\n\
<!ATTLIST HealthData\n  locale CDATA #REQUIRED\n>\n\
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>\n\
<!ATTLIST Record\n  type          CDATA #REQUIRED\n  unit          CDATA #IMPLIED\n  value         CDATA #IMPLIED\n>\n\
<!-- Note: Any Records that appear as children of a correlation also appear as top-level records in this document. -->\n\
<!ELEMENT Correlation ((MetadataEntry|Record)*)>\n\
]>\n\
<HealthData locale=\"ja_JP\">\n\
 <ExportDate value=\"2026-11-18 20:00:00 +0900\"/>\n\
 <Me HKCharacteristicTypeIdentifierDateOfBirth=\"1958-04-01\" HKCharacteristicTypeIdentifierBiologicalSex=\"HKBiologicalSexFemale\"/>\n";

const WATCH: &str = "sourceName=\"花子のApple\u{a0}Watch\" sourceVersion=\"11.2\" device=\"&lt;&lt;HKDevice: 0x30AAAAAAA&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch7,3, software:11.2&gt;\"";
const PHONE: &str = "sourceName=\"花子のiPhone\" sourceVersion=\"18.2\" device=\"&lt;&lt;HKDevice: 0x30BBBBBBB&gt;, name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone15,4, software:18.2&gt;\"";
const CUFF: &str = "sourceName=\"OMRON connect\" sourceVersion=\"7.1\"";

/// One record of a quantity.
pub(crate) fn record(
    kind: &str,
    unit: &str,
    value: &str,
    by: &str,
    from: &str,
    to: &str,
) -> String {
    format!(
        " <Record type=\"HKQuantityTypeIdentifier{kind}\" {by} unit=\"{unit}\" creationDate=\"{to}\" \
         startDate=\"{from}\" endDate=\"{to}\" value=\"{value}\"/>\n"
    )
}

/// A day of everything, about 190 kB; days count from 2016-01-01.
pub(crate) fn day(number: u32, out: &mut impl Write) -> io::Result<()> {
    let date = jiff::civil::date(2016, 1, 1) + jiff::Span::new().days(number);
    let at = |minute: u32| {
        let (hour, minute) = (minute / 60, minute % 60);
        format!("{date} {hour:02}:{minute:02}:11 +0900")
    };
    for minute in (0..1_435).step_by(4) {
        let value = 55 + (minute * 7 + number * 13) % 80;
        let (from, by) = (at(minute), WATCH);
        writeln!(
            out,
            " <Record type=\"HKQuantityTypeIdentifierHeartRate\" {by} unit=\"count/min\" \
             creationDate=\"{from}\" startDate=\"{from}\" endDate=\"{from}\" value=\"{value}\">\n  \
             <MetadataEntry key=\"HKMetadataKeyHeartRateMotionContext\" value=\"0\"/>\n </Record>"
        )?;
    }
    for minute in (420..1_320).step_by(10) {
        let (from, to) = (at(minute), at(minute + 9));
        let steps = (minute + number) % 900;
        let (steps, fewer) = (steps.to_string(), (steps / 2).to_string());
        out.write_all(record("StepCount", "count", &steps, WATCH, &from, &to).as_bytes())?;
        out.write_all(record("StepCount", "count", &fewer, PHONE, &from, &to).as_bytes())?;
    }
    for minute in (0..1_380).step_by(60) {
        let (from, value) = (at(minute), format!("0.9{}", (minute + number) % 9));
        out.write_all(record("OxygenSaturation", "%", &value, WATCH, &from, &from).as_bytes())?;
        out.write_all(
            record("RespiratoryRate", "count/min", "14.5", WATCH, &from, &from).as_bytes(),
        )?;
        out.write_all(
            record(
                "ActiveEnergyBurned",
                "kcal",
                "3.2",
                WATCH,
                &from,
                &at(minute + 5),
            )
            .as_bytes(),
        )?;
    }
    let stages = ["AsleepCore", "AsleepDeep", "AsleepREM", "Awake"];
    for (minute, stage) in (0..360).step_by(45).zip(stages.iter().cycle()) {
        let (from, to, by) = (at(minute), at(minute + 45), WATCH);
        writeln!(
            out,
            " <Record type=\"HKCategoryTypeIdentifierSleepAnalysis\" {by} creationDate=\"{to}\" \
             startDate=\"{from}\" endDate=\"{to}\" value=\"HKCategoryValueSleepAnalysis{stage}\"/>"
        )?;
    }
    let morning = at(430);
    let weight = format!("{}.{}", 130 + number % 20, number % 10);
    out.write_all(record("BodyMass", "lb", &weight, CUFF, &morning, &morning).as_bytes())?;
    out.write_all(pressure(118 + number % 30, 70 + number % 20, &morning).as_bytes())?;
    let (from, by) = (at(440), CUFF);
    writeln!(
        out,
        " <Record type=\"HKQuantityTypeIdentifierBloodGlucose\" {by} unit=\"mmol&lt;180.1558800000541&gt;/L\" \
         startDate=\"{from}\" endDate=\"{from}\" value=\"5.5\">\n  \
         <MetadataEntry key=\"HKBloodGlucoseMealTime\" value=\"1\"/>\n </Record>"
    )
}

/// A blood pressure as exports have it: both records beside a correlation of the two.
pub(crate) fn pressure(systolic: u32, diastolic: u32, at: &str) -> String {
    let half = |kind: &str, value: u32| {
        record(
            &format!("BloodPressure{kind}"),
            "mmHg",
            &value.to_string(),
            CUFF,
            at,
            at,
        )
    };
    let (upper, lower) = (half("Systolic", systolic), half("Diastolic", diastolic));
    format!(
        "{upper}{lower} <Correlation type=\"HKCorrelationTypeIdentifierBloodPressure\" {CUFF} \
         startDate=\"{at}\" endDate=\"{at}\">\n{upper}{lower} </Correlation>\n"
    )
}

/// The XML of an export with these records.
pub(crate) fn xml(records: &str) -> Vec<u8> {
    format!("{HEAD}{records}</HealthData>\n").into_bytes()
}

/// Writes the XML of days until it is this large; how many bytes and days it became.
pub(crate) fn write_days(out: &mut impl Write, bytes: u64) -> io::Result<(u64, u32)> {
    let mut out = Counted(out, 0);
    out.write_all(HEAD.as_bytes())?;
    let mut days = 0;
    while out.1 < bytes {
        day(days, &mut out)?;
        days += 1;
    }
    out.write_all(b"</HealthData>\n")?;
    Ok((out.1, days))
}

struct Counted<W>(W, u64);

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.0.write(buffer)?;
        self.1 += u64::try_from(written).unwrap();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An archive as a phone makes it, the XML written by `write`.
pub(crate) fn zip<T>(
    out: impl Write + Seek,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> T,
) -> T {
    let mut zip = ZipWriter::new(out);
    let packed = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(true);
    zip.start_file(
        "apple_health_export/workout-routes/route_2026-01-14_7.10am.gpx",
        packed,
    )
    .unwrap();
    zip.write_all(b"<gpx/>").unwrap();
    zip.start_file(
        "apple_health_export/electrocardiograms/ecg_2026-01-14.csv",
        packed,
    )
    .unwrap();
    zip.write_all("名前,花子\n生年月日,1958年4月1日\n".as_bytes())
        .unwrap();
    zip.start_file("apple_health_export/export_cda.xml", packed)
        .unwrap();
    zip.write_all(b"<ClinicalDocument/>").unwrap();
    zip.start_file(format!("apple_health_export/{name}"), packed)
        .unwrap();
    let done = write(&mut zip);
    zip.finish().unwrap();
    done
}

/// Resident memory of this process, in bytes: now, and at its most.
pub(crate) fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1_024
    };
    (of("VmRSS:"), of("VmHWM:"))
}
