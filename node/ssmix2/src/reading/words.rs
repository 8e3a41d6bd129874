//! What stands beside orders and results in words (NTE), and whether all of it found a place.

use super::Reading;
use crate::chapter::Oddity;
use crate::element::{Element, fhir};
use crate::hl7::{Piece, Segment, all};

impl Reading<'_, '_> {
    /// The texts of every NTE of a run of segments.
    pub(crate) fn texts(&mut self, run: &[Segment<'_>]) -> Vec<String> {
        let [notes, _] = &mut self.placed;
        let texts = all(run, "NTE").map(text_of);
        let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        *notes = notes.saturating_add(texts.len());
        texts
    }

    /// As [`Reading::texts`], as FHIR's annotations.
    pub(crate) fn annotations(&mut self, run: &[Segment<'_>]) -> Vec<Element> {
        let texts = self.texts(run).into_iter();
        texts.map(|text| fhir! {"text": text}).collect()
    }

    /// Says that so many OBX were read.
    pub(crate) fn took_results(&mut self, count: usize) {
        let [_, results] = &mut self.placed;
        *results = results.saturating_add(count);
    }

    /// Notes what the message says and nothing was made of. A message that takes everything back
    /// need not be kept.
    pub(super) fn note_what_is_left_out(&mut self) {
        if self.cancels {
            return;
        }
        let [notes, results] = self.placed;
        let segments = self.message.segments();
        let said = all(segments, "NTE").filter(|nte| !text_of(*nte).is_empty());
        if said.count() > notes {
            self.note(Oddity::LeftOut, "NTE");
        }
        if all(segments, "OBX").count() > results {
            self.note(Oddity::LeftOut, "OBX");
        }
    }
}

/// NTE-3, a line each repetition.
fn text_of(nte: Segment<'_>) -> String {
    let lines = nte.field(3).repeats().filter_map(Piece::text);
    lines.collect::<Vec<_>>().join("\n")
}
