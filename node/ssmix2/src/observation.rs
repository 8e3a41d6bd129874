//! OBX, wherever it stands: the result, its status and what it is compared with. Owns the
//! observations of ADT-00 too: body measurements and blood groups.

use crate::chapter::Oddity;
use crate::coded::{self, quantity, reference_range, unit_of};
use crate::element::{Decimal, Element, fhir};
use crate::hl7::{Piece, Segment};
use crate::institution::Institution;
use crate::moment::Moment;
use crate::reading::Reading;
use crate::systems::Place;

const CATEGORY: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
const BODY: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS";
const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

/// Adds an observation of an ADT-00. When it was made is often not said: then it has no time, but
/// that of the message as `issued`.
pub(crate) fn put_basic(reading: &mut Reading<'_, '_>, obx: Segment<'_>) {
    let Some(code) = code(reading, obx) else {
        return;
    };
    let item = obx.text(3).unwrap_or_default();
    // JLAC10: 9N001 height, 9N006 weight; the nursing codes beside them are JP Core's own.
    let body = match item.get(..5) {
        Some("9N001") => Some(coded::known(BODY, "31000298", "身長")),
        Some("9N006") => Some(coded::known(BODY, "31000296", "体重")),
        _ => None,
    };
    let (profile, group) = match (&body, item.get(..1)) {
        (Some(_), _) => ("JP_Observation_BodyMeasurement", "body-measurement"),
        (None, Some("9")) => ("JP_Observation_Common", "exam"),
        (None, _) => ("JP_Observation_Common", "laboratory"),
    };
    let made = reading.time(obx, 14, "OBX-14").map(|time| time.date_time());
    let sent = reading.message.first("MSH");
    let issued = sent.and_then(|msh| Moment::parse(&msh.text(7)?)?.instant());
    let status = status(obx);
    let (codings, text) = code;
    let head = fhir! {
        "status": status,
        "category": category(group),
        "code": fhir! {"coding": Element::list(codings.into_iter().chain(body)), "text": text},
        "subject": reading.subject(),
        "effectiveDateTime": made,
        "issued": issued,
    };
    let id = reading.id("OBX");
    let body = head.and(outcome(reading.institution, obx));
    reading.put("Observation", &id, profile, Vec::new(), body);
}

/// The first category of an observation.
pub(crate) fn category(code: &str) -> Element {
    Element::one(coded::of_known(CATEGORY, code, ""))
}

/// OBX-3 as codings and the text that JP Core wants beside them; none, noted, if there is none.
pub(crate) fn code(
    reading: &mut Reading<'_, '_>,
    obx: Segment<'_>,
) -> Option<(Vec<Element>, String)> {
    let field = obx.field(3);
    let codings = [1, 4].map(|from| coded::coding(field, from, Place::Plain, reading.institution));
    let codings: Vec<Element> = codings
        .into_iter()
        .filter(|coding| !coding.is_nothing())
        .collect();
    let text = [9, 2, 5, 1, 4]
        .iter()
        .find_map(|at| field.component(*at).text());
    let Some(text) = text else {
        reading.note(Oddity::CodeMissing, "OBX-3");
        return None;
    };
    // A name without any code is a coding too: the profile wants one.
    let named = || vec![fhir! {"display": text.clone()}];
    let codings = if codings.is_empty() { named() } else { codings };
    Some((codings, text))
}

/// OBX-11.
pub(crate) fn status(obx: Segment<'_>) -> &'static str {
    match obx.text(11).as_deref() {
        Some("F" | "U") => "final",
        Some("P" | "R" | "S") => "preliminary",
        Some("C") => "corrected",
        Some("X") => "cancelled",
        Some("D" | "W") => "entered-in-error",
        Some("O" | "I") => "registered",
        _ => "unknown",
    }
}

/// The members that say what came out: value, interpretation, range, method.
pub(crate) fn outcome(institution: &Institution, obx: Segment<'_>) -> Element {
    let unit = unit_of(obx.field(6), institution);
    let flags = obx.field(8).repeats().map(|flag| interpretation(flag));
    let value = value(institution, obx);
    let missing = value.is_nothing() && matches!(status(obx), "final" | "corrected");
    let reason = coded::of_known(
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "unknown",
        "Unknown",
    );
    value.and(fhir! {
        "dataAbsentReason": reason.when(missing),
        "interpretation": Element::list(flags),
        "method": coded::concept(obx.field(17), Place::Plain, institution),
        "referenceRange": reference_range(obx.text(7), &unit),
    })
}

/// OBX-5 by OBX-2. What is no number stays the text that it is.
fn value(institution: &Institution, obx: Segment<'_>) -> Element {
    let field = obx.field(5);
    let text = || {
        let lines: Vec<String> = field.repeats().filter_map(Piece::text).collect();
        fhir! {"valueString": lines.join("\n")}
    };
    match obx.text(2).as_deref() {
        Some("NM") => match field
            .component(1)
            .text()
            .as_deref()
            .and_then(Decimal::parse)
        {
            Some(value) => measured(institution, None, value, obx),
            None => text(),
        },
        Some("SN") => structured(institution, obx).or(|| {
            let parts = (1..=4).filter_map(|at| field.component(at).text());
            fhir! {"valueString": parts.collect::<Vec<_>>().join(" ")}
        }),
        Some("CWE" | "CE" | "CNE" | "CF") => {
            fhir! {"valueCodeableConcept": coded::concept(field, Place::Plain, institution)}
        }
        _ => text(),
    }
}

fn measured(
    institution: &Institution,
    comparator: Option<&str>,
    value: Decimal,
    obx: Segment<'_>,
) -> Element {
    fhir! {"valueQuantity": quantity(comparator, value, obx.field(6), institution)}
}

/// SN `<^0.5` as a quantity with a comparator; a ratio or a range is none.
fn structured(institution: &Institution, obx: Segment<'_>) -> Element {
    let part = |at| obx.field(5).component(at).text();
    let comparator = match part(1).as_deref() {
        None | Some("=") => None,
        Some("<") => Some("<"),
        Some("<=") => Some("<="),
        Some(">") => Some(">"),
        Some(">=") => Some(">="),
        Some(_) => return Element::Nothing,
    };
    match (
        part(2).as_deref().and_then(Decimal::parse),
        part(3),
        part(4),
    ) {
        (Some(value), None, None) => measured(institution, comparator, value, obx),
        _ => Element::Nothing,
    }
}

/// OBX-8: HL7 table 0078, whose codes FHIR shares; others are text.
fn interpretation(flag: Piece<'_>) -> Element {
    let Some(code) = flag.component(1).text() else {
        return Element::Nothing;
    };
    let shared = matches!(
        code.as_str(),
        "H" | "L"
            | "N"
            | "A"
            | "HH"
            | "LL"
            | "AA"
            | "S"
            | "I"
            | "R"
            | "U"
            | "D"
            | "B"
            | "W"
            | "<"
            | ">"
    );
    if shared {
        coded::of_known(INTERPRETATION, &code, "")
    } else {
        coded::of_text(Some(code))
    }
}
