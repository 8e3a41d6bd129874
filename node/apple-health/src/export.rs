//! An export from its first byte to its last.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use crate::archive::Archive;
use crate::bounded::Unpacked;
use crate::pressure::{Half, Pressures};
use crate::sleep::{Nights, Stage};
use crate::source::Sources;
use crate::steps::Steps;
use crate::unit::Measure;
use crate::xml::{Element, Record, Xml};
use crate::{
    ExportError, Kind, Limits, Meal, Moment, Pseudonyms, Reading, Skipped, Source, Summary, Value,
};

/// What an uploaded file is, by how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A ZIP archive: `export.zip`, 書き出したデータ.zip.
    Zip,
    /// The XML out of it, for someone who unpacked it.
    Xml,
    /// The JSON of an exporter app.
    Json,
}

impl Format {
    /// The format of a file that begins so; a few bytes are enough.
    #[must_use]
    pub fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.starts_with(b"PK\x03\x04") {
            return Some(Self::Zip);
        }
        let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
        match text.trim_ascii_start().first()? {
            b'<' => Some(Self::Xml),
            b'{' => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads an export, `export.zip` or the XML out of it, and hands out each reading once: what is
/// measured singly as it is met, then pressures, steps by day and periods of sleep.
///
/// Readings that were handed out before an error must not be kept. Memory grows with the number of
/// records that are taken (about 9 bytes each to know them again) and with pressures, steps and
/// sleep (at most 64 bytes each), never with the size of the file.
///
/// # Errors
/// [`ExportError`]; `Stopped` where `take` breaks off.
///
/// Source: facts section 5.
pub fn read_export<R: Read + Seek>(
    mut file: R,
    limits: &Limits,
    pseudonyms: &Pseudonyms,
    take: &mut dyn FnMut(Reading) -> ControlFlow<()>,
) -> Result<Summary, ExportError> {
    let io = |error: std::io::Error| ExportError::Io(error.kind());
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut beginning = Vec::with_capacity(64);
    file.by_ref()
        .take(64)
        .read_to_end(&mut beginning)
        .map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut summary = Summary::default();
    match Format::of(&beginning) {
        Some(Format::Zip) => {
            let mut archive = Archive::open(file, limits, &mut summary)?;
            let text = archive.xml(limits)?;
            Export::new(limits, pseudonyms, take, summary).read(text)
        }
        Some(Format::Xml) => {
            let text = Unpacked::new(file, limits.most_xml_bytes);
            let text = BufReader::with_capacity(64 << 10, text);
            Export::new(limits, pseudonyms, take, summary).read(text)
        }
        Some(Format::Json) | None => Err(ExportError::Format),
    }
}

struct Export<'e> {
    limits: &'e Limits,
    sources: Sources<'e>,
    take: &'e mut dyn FnMut(Reading) -> ControlFlow<()>,
    summary: Summary,
    taken: u64,
    /// Digests of the readings that were handed out.
    seen: HashSet<u64>,
    digests: RandomState,
    pressures: Pressures,
    steps: Steps,
    nights: Nights,
    /// A blood sugar whose meal follows inside it.
    open: Option<Reading>,
}

impl<'e> Export<'e> {
    fn new(
        limits: &'e Limits,
        pseudonyms: &'e Pseudonyms,
        take: &'e mut dyn FnMut(Reading) -> ControlFlow<()>,
        summary: Summary,
    ) -> Self {
        Self {
            limits,
            sources: Sources::new(pseudonyms, limits.most_sources),
            take,
            summary,
            taken: 0,
            seen: HashSet::new(),
            digests: RandomState::new(),
            pressures: Pressures::default(),
            steps: Steps::default(),
            nights: Nights::default(),
            open: None,
        }
    }

    fn read(mut self, text: impl BufRead) -> Result<Summary, ExportError> {
        let mut xml = Xml::new(text, self.limits);
        xml.read(&mut |element| self.element(element))?;
        self.summary.bytes = xml.position();
        self.finish()
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), ExportError> {
        match element {
            Element::Record(record, is_open) => {
                self.close()?;
                self.summary.records = self.summary.records.saturating_add(1);
                self.record(&record, is_open)
            }
            Element::RecordEnd => self.close(),
            Element::Metadata(key, value) => {
                let meal = match (&*key, &*value) {
                    ("HKBloodGlucoseMealTime", "1") => Meal::Before,
                    ("HKBloodGlucoseMealTime", "2") => Meal::After,
                    _ => return Ok(()),
                };
                self.open = self.open.map(|open| open.at_meal(meal));
                Ok(())
            }
            Element::Workout => {
                self.summary.skip(Skipped::Workout);
                Ok(())
            }
            Element::ExportDate(value) => {
                self.summary.exported_at = Moment::parse(&value).ok();
                Ok(())
            }
        }
    }

    fn record(&mut self, record: &Record<'_>, is_open: bool) -> Result<(), ExportError> {
        match self.understood(record)? {
            Ok(Some(reading)) if is_open && reading.kind() == Kind::BloodGlucose => {
                self.open = Some(reading);
                Ok(())
            }
            Ok(Some(reading)) => self.hand_out(reading),
            Ok(None) => Ok(()),
            Err(reason) => {
                self.summary.skip(reason);
                Ok(())
            }
        }
    }

    /// The reading of a record; `None` where it is kept until the end, or why it is skipped.
    fn understood(
        &mut self,
        record: &Record<'_>,
    ) -> Result<Result<Option<Reading>, Skipped>, ExportError> {
        let kind = Kind::of_apple(&record.kind);
        let half = Half::of_apple(&record.kind);
        let sleep = record.kind == "HKCategoryTypeIdentifierSleepAnalysis";
        if kind.is_none() && half.is_none() && !sleep {
            return Ok(Err(Skipped::Type));
        }
        self.count()?;
        let source = self.sources.source(&record.source, &record.device)?;
        let times = (Moment::parse(&record.start), Moment::parse(&record.end));
        let (Ok(start), Ok(end)) = times else {
            return Ok(Err(Skipped::Unreadable));
        };
        let time = (start, end);
        if sleep {
            let stage = Stage::of(&record.value).ok_or(Skipped::Unreadable);
            let added = stage.and_then(|stage| self.nights.add(stage, time, source));
            return Ok(added.map(|()| None));
        }
        let value = record.value.trim().parse::<f64>();
        let Some(value) = value.ok().filter(|value| value.is_finite()) else {
            return Ok(Err(Skipped::Unreadable));
        };
        Ok(match (half, kind) {
            (Some(half), _) => self.half(half, time, source, (value, &record.unit)),
            (None, Some(kind)) => self.quantity(kind, time, source, (value, &record.unit)),
            (None, None) => Err(Skipped::Type),
        })
    }

    fn half(
        &mut self,
        half: Half,
        time: (Moment, Moment),
        source: Source,
        (value, unit): (f64, &str),
    ) -> Result<Option<Reading>, Skipped> {
        let value = Measure::Pressure.converted(value, unit);
        self.pressures
            .add(half, time, source, value.ok_or(Skipped::Unit)?);
        Ok(None)
    }

    fn quantity(
        &mut self,
        kind: Kind,
        time: (Moment, Moment),
        source: Source,
        (value, unit): (f64, &str),
    ) -> Result<Option<Reading>, Skipped> {
        let value = kind.row().measure.converted(value, unit);
        let value = value.ok_or(Skipped::Unit)?;
        if kind == Kind::Steps {
            return self.steps.add(time, value, source).map(|()| None);
        }
        let reading = Reading::new(kind, time, Value::Quantity(value), source)?;
        Ok(Some(reading))
    }

    /// Another record of a kind that is taken.
    fn count(&mut self) -> Result<(), ExportError> {
        self.taken = self.taken.saturating_add(1);
        let kept = self.pressures.len() + self.steps.len() + self.nights.len();
        if self.taken > self.limits.most_records || kept > self.limits.most_kept {
            return Err(ExportError::TooMany);
        }
        Ok(())
    }

    /// Hands out the blood sugar that was open.
    fn close(&mut self) -> Result<(), ExportError> {
        match self.open.take() {
            Some(reading) => self.hand_out(reading),
            None => Ok(()),
        }
    }

    fn hand_out(&mut self, reading: Reading) -> Result<(), ExportError> {
        let said = match reading.value() {
            Value::Quantity(value) => (value.to_bits(), 0),
            Value::Pressure {
                systolic,
                diastolic,
            } => (systolic.to_bits(), diastolic.to_bits()),
        };
        let (start, end) = (reading.start().seconds(), reading.end().seconds());
        let what = (reading.kind(), start, end, said, reading.source());
        if !self.seen.insert(self.digests.hash_one(what)) {
            self.summary.duplicates = self.summary.duplicates.saturating_add(1);
            return Ok(());
        }
        self.summary.readings = self.summary.readings.saturating_add(1);
        match (self.take)(reading) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ExportError::Stopped),
        }
    }

    /// Hands out what was kept until the end.
    fn finish(mut self) -> Result<Summary, ExportError> {
        self.close()?;
        for one in std::mem::take(&mut self.pressures).finish() {
            self.kept(one)?;
        }
        for (one, twice) in std::mem::take(&mut self.steps).finish() {
            self.summary.duplicates = self.summary.duplicates.saturating_add(twice);
            self.kept(one)?;
        }
        for one in std::mem::take(&mut self.nights).finish() {
            self.kept(one)?;
        }
        Ok(self.summary)
    }

    fn kept(&mut self, one: Result<Reading, Skipped>) -> Result<(), ExportError> {
        match one {
            Ok(reading) => self.hand_out(reading),
            Err(reason) => {
                self.summary.skip(reason);
                Ok(())
            }
        }
    }
}
