//! Laboratory: what was ordered (OML-01) and what came out (OML-11), each with its specimens.

pub(crate) mod order;
pub(crate) mod result;

use crate::element::{Element, fhir};
use crate::hl7::{Segment, groups};
use crate::moment::Moment;
use crate::reading::Reading;

/// A message's segments by specimen. A message without SPM has one unnamed specimen.
fn by_specimen<'s, 't>(segments: &'s [Segment<'t>], start: &str) -> Vec<&'s [Segment<'t>]> {
    let specimens: Vec<_> = groups(segments, "SPM").collect();
    if !specimens.is_empty() {
        return specimens;
    }
    let at = segments.iter().position(|segment| segment.name == start);
    at.and_then(|at| segments.get(at..))
        .map(|rest| vec![rest])
        .unwrap_or_default()
}

/// Adds the specimen of SPM.
fn put_specimen(
    reading: &mut Reading<'_, '_>,
    spm: Segment<'_>,
    departments: Vec<Element>,
    taken: Option<&Moment>,
) -> String {
    let site = reading.concept(spm.field(8));
    let number = spm.field(2).component(1);
    // EIP: the placer's number, a sub-component of the first component.
    let number = number
        .sub(1)
        .text()
        .or_else(|| spm.field(2).component(2).sub(1).text());
    let body = fhir! {
        "identifier": Element::one(reading.local("specimen", number)),
        "type": reading.concept(spm.field(4)),
        "subject": reading.subject(),
        "collection": fhir! {
            "collectedDateTime": taken.map(Moment::date_time),
            "bodySite": site,
        },
    };
    let id = reading.id("S");
    reading.put("Specimen", &id, "JP_Specimen_Common", departments, body);
    id
}
