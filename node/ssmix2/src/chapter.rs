//! What reading a file yields: a chapter of a chart, or the reason why there is none.

use std::fmt;

/// The key of a unit of replacement. Everything that one unit put into the chart is replaced whole
/// by a newer chapter of the same key. The key never changes; store it beside the file's stem.
///
/// Of ADT-00, PPR-01 and ADT-61 without an order: the patient and the kind. Of an admission (ADT-22,
/// ADT-42, ADT-52): the patient and the minute of admission. Of the others: patient, kind, care
/// date and order number, or the department where there is no order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey(pub(crate) String);

impl UnitKey {
    /// As text, for storing. It contains the patient's number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The patient's number does not belong in logs.
impl fmt::Debug for UnitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnitKey(…)")
    }
}

/// Which of two chapters of one key is the newer: a discharge comes after its admission whenever
/// its file was written; otherwise the later occurrence wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence {
    /// 0; for an admission 1 when transferred, 2 when discharged.
    pub step: u8,
    /// [`crate::FileName::occurrence`].
    pub occurrence: String,
}

/// One FHIR resource.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    /// `Patient`, `Observation`, …
    pub resource_type: &'static str,
    /// The logical id: the same at every import, at most 64 of `A-Za-z0-9-.`.
    pub id: String,
    /// The resource as JSON, `id` and `meta.profile` included.
    pub json: String,
}

/// Content does not belong in logs.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Resource({}, {} bytes)",
            self.resource_type,
            self.json.len()
        )
    }
}

/// What one file says, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// What it replaces: resources that an older chapter of this key put in and this one lacks are
    /// to be deleted.
    pub key: UnitKey,
    /// Whether it may replace what is there: only a chapter that does not precede it.
    pub precedence: Precedence,
    /// The logical id of the patient to whom everything here belongs; only an ADT-00 brings the
    /// Patient itself.
    pub patient: String,
    /// The resources. Empty if the message takes the whole unit back.
    pub resources: Vec<Resource>,
    /// MSH-7 as a FHIR instant: when the hospital wrote the message.
    pub message_time: Option<String>,
    /// What was odd and read all the same.
    pub notes: Vec<Note>,
}

/// One oddity: what and where, never what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was odd.
    pub oddity: Oddity,
    /// The field, `PRB-16`; empty where it is the file as a whole.
    pub field: &'static str,
}

/// What a reader tolerates and reports.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Oddity {
    /// Written in UTF-8 or Shift_JIS instead of ISO-2022-JP.
    Encoding,
    /// Lines that are no segments: a text was broken without escaping. They are left out.
    StrayLines,
    /// MSH-9 names another event than the file's kind has. The kind counts.
    Event,
    /// The care date in the name is not the day in the message. The message counts.
    CareDate,
    /// A time that is on no calendar. It is left out.
    Time,
    /// A name's representation stands one component early. It was read.
    NameShifted,
    /// The sex has a code of no table. It is left out.
    Sex,
    /// An admission without the time that names it. It stands alone.
    AdmissionTime,
    /// A medicine without RP number. It was counted.
    RpNumber,
    /// A mandatory time is missing; the nearest other one stands for it.
    TimeSubstituted,
    /// A mandatory code is missing. Of a result without a name nothing is left; elsewhere the
    /// resource says that the code is unknown.
    CodeMissing,
    /// An amount without number or without unit: it is kept as text.
    Amount,
    /// A segment that the grammar wants is missing.
    SegmentMissing,
    /// Something ends before it begins. The end is left out.
    Reversed,
    /// A text, or a result, stands where no resource of this kind has a place for it. It is left
    /// out.
    LeftOut,
}

/// Why a file was not read. Nothing of it is imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}{detail}", if .detail.is_empty() { "" } else { ": " })]
pub struct Quarantine {
    /// The reason, for counting.
    pub reason: Reason,
    /// Where to look, without anything about the patient.
    pub detail: String,
}

/// Why files are not read.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The kind is not read at all: see [`crate::Kind::is_read`].
    #[error("this kind is not read")]
    NotRead,
    /// More bytes than [`crate::MAX_FILE_BYTES`], or resources out of proportion to them.
    #[error("the file is too large")]
    TooLarge,
    /// Neither ISO-2022-JP nor UTF-8 nor Shift_JIS.
    #[error("the bytes are no text")]
    Undecodable,
    /// No MSH with five delimiters, or more or longer segments than a message can have.
    #[error("no HL7 message")]
    NotHl7,
    /// MSH-9 names a message of another family: the file lies in the wrong folder.
    #[error("a message of another kind")]
    WrongMessage,
    /// No PID-3.
    #[error("the message names no patient")]
    NoPatient,
    /// PID-3 is not the patient of the file's name. Such a file would write into a stranger's
    /// chart.
    #[error("the message is about another patient than its name")]
    PatientDiffers,
    /// The segment that the kind is about is not there.
    #[error("the message says nothing")]
    Empty,
}

impl Reason {
    pub(crate) fn of(self, detail: impl Into<String>) -> Quarantine {
        Quarantine {
            reason: self,
            detail: detail.into(),
        }
    }
}
