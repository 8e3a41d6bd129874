//! What was left out, and why.

use std::collections::BTreeMap;

use crate::Moment;

/// Why something of an upload is no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Skipped {
    /// A type that is not taken.
    Type,
    /// A unit that is not known here.
    Unit,
    /// A value that no living body shows.
    Impossible,
    /// A record without a value or a time that can be read.
    Unreadable,
    /// One pressure without the other.
    HalfPressure,
    /// Time in bed, without any sleep that was measured in it.
    InBed,
    /// A workout.
    Workout,
    /// An electrocardiogram: a curve of 512 points a second, which nobody here reads.
    Electrocardiogram,
    /// The route of a workout: where someone was is nobody's business here.
    Route,
    /// A record of a hospital, which its hospital has.
    ClinicalRecord,
    /// The same data once more, as a CDA document.
    CdaDocument,
}

impl Skipped {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Type,
        Self::Unit,
        Self::Impossible,
        Self::Unreadable,
        Self::HalfPressure,
        Self::InBed,
        Self::Workout,
        Self::Electrocardiogram,
        Self::Route,
        Self::ClinicalRecord,
        Self::CdaDocument,
    ];

    /// The word in tables and in the keys of words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Unit => "unit",
            Self::Impossible => "impossible",
            Self::Unreadable => "unreadable",
            Self::HalfPressure => "half-pressure",
            Self::InBed => "in-bed",
            Self::Workout => "workout",
            Self::Electrocardiogram => "electrocardiogram",
            Self::Route => "route",
            Self::ClinicalRecord => "clinical-record",
            Self::CdaDocument => "cda-document",
        }
    }
}

/// What an upload held, beside the readings that were handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records of every type.
    pub records: u64,
    /// Readings that were handed out.
    pub readings: u64,
    /// Records that say once more what another said.
    pub duplicates: u64,
    /// What was left out, by reason.
    pub skipped: BTreeMap<Skipped, u64>,
    /// When the phone made the export.
    pub exported_at: Option<Moment>,
    /// The bytes of XML or JSON that were read.
    pub bytes: u64,
}

impl Summary {
    pub(crate) fn skip(&mut self, reason: Skipped) {
        let count = self.skipped.entry(reason).or_default();
        *count = count.saturating_add(1);
    }
}
