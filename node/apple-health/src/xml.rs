//! The XML of an export as a stream of what matters in it.

use std::borrow::Cow;
use std::io::{self, BufRead};

use quick_xml::errors::Error;
use quick_xml::escape::EscapeError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::bounded::{Bound, Pieces};
use crate::{ExportError, Limits};

/// Something of an export.
#[derive(Debug)]
pub(crate) enum Element<'e> {
    /// A `Record`. `is_open` where children and an `End` follow.
    Record(Record<'e>, bool),
    /// A `MetadataEntry`: key and value.
    Metadata(Cow<'e, str>, Cow<'e, str>),
    /// The end of a `Record` that was open.
    RecordEnd,
    /// A `Workout`.
    Workout,
    /// When the export was made.
    ExportDate(Cow<'e, str>),
}

/// The attributes of a `Record`.
#[derive(Debug, Default)]
pub(crate) struct Record<'e> {
    pub(crate) kind: Cow<'e, str>,
    pub(crate) unit: Cow<'e, str>,
    pub(crate) value: Cow<'e, str>,
    pub(crate) source: Cow<'e, str>,
    pub(crate) device: Cow<'e, str>,
    pub(crate) start: Cow<'e, str>,
    pub(crate) end: Cow<'e, str>,
}

/// Reads an export.
pub(crate) struct Xml<R> {
    reader: Reader<Pieces<R>>,
    deepest: usize,
    depth: usize,
    began: bool,
}

/// More attributes than any element of an export has.
const MOST_ATTRIBUTES: usize = 64;

impl<R: BufRead> Xml<R> {
    pub(crate) fn new(text: R, limits: &Limits) -> Self {
        Self {
            reader: Reader::from_reader(Pieces::new(text, limits.most_markup_bytes)),
            deepest: limits.deepest,
            depth: 0,
            began: false,
        }
    }

    /// How many bytes were read.
    pub(crate) fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// Hands every element to `take`, until the end.
    ///
    /// # Errors
    /// `Xml`, `Markup`, `Entities`, `Bomb`, `Archive` for packed bytes that do not unpack, `Io`, and
    /// those of `take`.
    pub(crate) fn read(
        &mut self,
        take: &mut impl FnMut(Element<'_>) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            let at = self.reader.buffer_position();
            let event = event.map_err(|error| broken(&error, at))?;
            match event {
                Event::Start(start) => {
                    self.open(&start, at)?;
                    self.depth = self.depth.saturating_add(1);
                    if self.depth > self.deepest {
                        return Err(ExportError::Markup(at));
                    }
                    element(&start, true, at)?.map_or(Ok(()), &mut *take)?;
                }
                Event::Empty(start) => {
                    self.open(&start, at)?;
                    element(&start, false, at)?.map_or(Ok(()), &mut *take)?;
                }
                Event::End(end) => {
                    self.depth = self.depth.checked_sub(1).ok_or(ExportError::Xml(at))?;
                    if end.name().as_ref() == "Record" {
                        take(Element::RecordEnd)?;
                    }
                }
                Event::DocType(text) => declared(&text, at)?,
                Event::Eof if self.began && self.depth == 0 => return Ok(()),
                Event::Eof => return Err(ExportError::Xml(at)),
                Event::GeneralRef(_) => return Err(ExportError::Entities),
                _text => {}
            }
            self.reader.get_mut().complete();
        }
    }

    /// An element begins: the first is `HealthData`, and the only one at its depth.
    fn open(&mut self, start: &BytesStart<'_>, at: u64) -> Result<(), ExportError> {
        if self.depth == 0 {
            if self.began || start.name().as_ref() != "HealthData" {
                return Err(ExportError::Xml(at));
            }
            self.began = true;
        }
        Ok(())
    }
}

/// A declaration with elements and attributes is Apple's; entities and other files are not.
fn declared(text: &str, at: u64) -> Result<(), ExportError> {
    let before = text.split('[').next().unwrap_or_default();
    if text.contains("<!ENTITY") || text.contains('%') {
        return Err(ExportError::Entities);
    }
    if before.contains("SYSTEM") || before.contains("PUBLIC") {
        return Err(ExportError::Entities);
    }
    if text.trim_start().starts_with("HealthData") {
        Ok(())
    } else {
        Err(ExportError::Xml(at))
    }
}

fn element<'e>(
    start: &'e BytesStart<'_>,
    is_open: bool,
    at: u64,
) -> Result<Option<Element<'e>>, ExportError> {
    let name = start.name();
    Ok(match name.as_ref() {
        "Record" => Some(Element::Record(record(start, at)?, is_open)),
        "MetadataEntry" => {
            let (mut key, mut value) = (Cow::default(), Cow::default());
            attributes(start, at, |name, text| match name {
                "key" => key = text,
                "value" => value = text,
                _ => {}
            })?;
            Some(Element::Metadata(key, value))
        }
        "Workout" => Some(Element::Workout),
        "ExportDate" => {
            let mut value = Cow::default();
            attributes(start, at, |name, text| {
                if name == "value" {
                    value = text;
                }
            })?;
            Some(Element::ExportDate(value))
        }
        _other => None,
    })
}

fn record<'e>(start: &'e BytesStart<'_>, at: u64) -> Result<Record<'e>, ExportError> {
    let mut record = Record::default();
    attributes(start, at, |name, text| {
        let place = match name {
            "type" => &mut record.kind,
            "unit" => &mut record.unit,
            "value" => &mut record.value,
            "sourceName" => &mut record.source,
            "device" => &mut record.device,
            "startDate" => &mut record.start,
            "endDate" => &mut record.end,
            _ => return,
        };
        *place = text;
    })?;
    Ok(record)
}

/// Each attribute with its value, references to characters resolved, to no other entities.
fn attributes<'e>(
    start: &'e BytesStart<'_>,
    at: u64,
    mut take: impl FnMut(&str, Cow<'e, str>),
) -> Result<(), ExportError> {
    // Whether a name is there twice costs a comparison with each before it.
    for (number, attribute) in start.attributes().with_checks(false).enumerate() {
        let Ok(attribute) = attribute else {
            return Err(ExportError::Xml(at));
        };
        if number >= MOST_ATTRIBUTES {
            return Err(ExportError::Markup(at));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| broken(&error, at))?;
        take(attribute.key.as_ref(), value);
    }
    Ok(())
}

fn broken(error: &Error, at: u64) -> ExportError {
    match error {
        Error::Io(error) => unread(error, at),
        Error::Escape(EscapeError::UnrecognizedEntity(..)) => ExportError::Entities,
        _ => ExportError::Xml(at),
    }
}

fn unread(error: &io::Error, at: u64) -> ExportError {
    match (Bound::of(error), error.kind()) {
        (Some(Bound::Total | Bound::Directory), _) => ExportError::Bomb,
        (Some(Bound::Markup), _) => ExportError::Markup(at),
        // Whoever packs so that it does not unpack, or to another check sum.
        (
            None,
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Other,
        ) => ExportError::Archive,
        (None, kind) => ExportError::Io(kind),
    }
}
