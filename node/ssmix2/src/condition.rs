//! PPR-01: the patient's whole list of diagnoses, written anew each time. What a newer list lacks
//! is gone.

use crate::chapter::{Oddity, Quarantine};
use crate::coded;
use crate::element::{Element, fhir};
use crate::hl7::{Piece, Segment, first, groups};
use crate::institution::Institution;
use crate::reading::Reading;
use crate::systems::{
    DISEASE_EXCHANGE, DISEASE_NUMBER, ICD10_2003, ICD10_2013, MODIFIER_EXCHANGE, MODIFIER_NUMBER,
    OUTCOME, Place,
};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const EXTENSION: &str = "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_";

/// Reads a PPR-01.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    reading.replaces(["PPR-01"], 0);
    let message = reading.message;
    for group in groups(message.segments(), "PRB") {
        if let Some(prb) = first(group, "PRB") {
            put(reading, prb, group);
        }
    }
    Ok(())
}

fn put(reading: &mut Reading<'_, '_>, prb: Segment<'_>, group: &[Segment<'_>]) {
    let (zpr, orc) = (first(group, "ZPR"), first(group, "ORC"));
    let codes = Codes::of(reading, prb, zpr);
    if codes.codings.is_empty() && codes.text.is_none() {
        reading.note(Oddity::CodeMissing, "PRB-3");
    }
    // The profile allows one coding of each system; a double classification has two.
    let profile = if codes.repeats_a_system {
        "JP_Condition"
    } else {
        "JP_Condition_Diagnosis"
    };
    let recorded = reading.time(prb, 7, "PRB-7");
    let recorded = recorded.or_else(|| reading.time(prb, 2, "PRB-2"));
    let onset = reading.time(prb, 16, "PRB-16").map(|time| time.date_time());
    let ended = End::of(reading, prb);
    let outcome = outcome(reading, prb);
    let texts = [prb.text(17), zpr.and_then(|zpr| zpr.text(7))];
    let mut notes = texts.map(|text| fhir! {"text": text}).to_vec();
    notes.extend(reading.annotations(group));
    let standing = standing(prb, &ended, codes.is_suspected);
    // What never was has no end: FHIR wants one of what is resolved alone.
    let abatement = ended.at.filter(|_| !is_in_error(prb));
    let body = fhir! {
        "extension": Element::one(outcome),
        "identifier": Element::one(reading.local("problem", prb.text(4))),
    };
    let rest = fhir! {
        "category": categories(reading, prb),
        "code": codes.concept(),
        "subject": reading.subject(),
        "onsetDateTime": onset,
        "abatementDateTime": abatement,
        "recordedDate": recorded.map(|time| time.date_time()),
        "recorder": orc.map(|orc| reading.practitioner(orc.field(12))),
        "note": Element::list(notes),
    };
    let body = body.and(standing).and(rest);
    let departments = reading.departments(orc);
    let id = reading.id(&prb.text(4).unwrap_or_else(|| "PRB".to_owned()));
    reading.put("Condition", &id, profile, departments, body);
}

/// The disease as it is coded and named.
struct Codes {
    codings: Vec<Element>,
    extensions: Vec<Element>,
    text: Option<String>,
    repeats_a_system: bool,
    is_suspected: bool,
}

impl Codes {
    fn of(reading: &Reading<'_, '_>, prb: Segment<'_>, zpr: Option<Segment<'_>>) -> Self {
        let at = |from| coded::coding(prb.field(3), from, Place::Plain, reading.institution);
        let mut codings: Vec<Element> = vec![at(1), at(4)];
        let classes = prb
            .field(10)
            .repeats()
            .map(|class| classification(class, reading.institution));
        codings.extend(classes);
        if let Some(zpr) = zpr {
            let numbered = prb.field(3).component(3).text().as_deref() == Some("MDCDX2");
            let number = named_coding(DISEASE_NUMBER, zpr.field(2));
            codings.push(number.when(!numbered));
            codings.push(named_coding(DISEASE_EXCHANGE, zpr.field(5)));
        }
        codings.retain(|coding| !coding.is_nothing());
        let modifiers = |place: usize, name: &str| match zpr {
            Some(zpr) => modifiers(zpr.field(place), zpr.field(place + 3), name),
            None => Vec::new(),
        };
        let mut extensions = modifiers(1, "DiseasePrefixModifier");
        extensions.extend(modifiers(3, "DiseasePostfixModifier"));
        let text = [2, 5, 9]
            .iter()
            .find_map(|at| prb.field(3).component(*at).text());
        let said = [
            text.clone(),
            prb.field(13).text(),
            zpr.and_then(|zpr| zpr.field(3).text()),
        ];
        let is_suspected = said.iter().flatten().any(|text| text.contains("疑"));
        Self {
            repeats_a_system: repeats_a_system(&codings),
            codings,
            extensions,
            text: text.or_else(|| prb.text(17)),
            is_suspected,
        }
    }

    fn concept(self) -> Element {
        fhir! {
            "extension": Element::list(self.extensions),
            "coding": Element::list(self.codings),
            "text": self.text,
        }
    }
}

/// PRB-10: `K297^^I10^O^外来時^JHSD0004^2013`. The seventh component is the edition of the first.
fn classification(class: Piece<'_>, institution: &Institution) -> Element {
    let table = class.component(3).text().unwrap_or_default();
    if !matches!(table.as_str(), "" | "I10" | "ICD10") {
        return coded::coding(class, 1, Place::Plain, institution);
    }
    let edition = class.component(7).text();
    let is_2013 = edition.as_deref() == Some("2013");
    named_coding(if is_2013 { ICD10_2013 } else { ICD10_2003 }, class)
}

fn repeats_a_system(codings: &[Element]) -> bool {
    let systems = codings.iter().filter_map(|coding| match coding {
        Element::Object(members) => members.iter().find(|(name, _)| *name == "system"),
        _ => None,
    });
    let mut seen = Vec::new();
    for system in systems {
        if seen.contains(&system) {
            return true;
        }
        seen.push(system);
    }
    false
}

fn named_coding(system: &str, piece: Piece<'_>) -> Element {
    let text = |at| piece.component(at).text();
    let display = text(2).unwrap_or_default();
    text(1).map_or(Element::Nothing, |code| {
        coded::known(system, &code, &display)
    })
}

/// The modifiers before or behind the disease's name: numbers, and exchange codes in their places.
fn modifiers(numbers: Piece<'_>, exchanges: Piece<'_>, name: &str) -> Vec<Element> {
    let exchanges: Vec<Piece<'_>> = exchanges.all_repeats().collect();
    let numbers: Vec<Piece<'_>> = numbers.all_repeats().collect();
    let of = |at: usize| {
        let (number, exchange) = (numbers.get(at), exchanges.get(at));
        let concept = fhir! {
            "coding": Element::list([
                number.map(|piece| named_coding(MODIFIER_NUMBER, *piece)).into(),
                exchange.map(|piece| named_coding(MODIFIER_EXCHANGE, *piece)).into(),
            ]),
            "text": number.and_then(|piece| piece.component(2).text()),
        };
        let known = !concept.is_nothing();
        fhir! {"url": format!("{EXTENSION}{name}"), "valueCodeableConcept": concept}.when(known)
    };
    let all = (0..numbers.len().max(exchanges.len())).map(of);
    all.filter(|extension| !extension.is_nothing()).collect()
}

/// Whether and when the disease ended.
struct End {
    ended: bool,
    at: Option<String>,
}

impl End {
    /// PRB-9; or PRB-15, if PRB-14 says that it is over: recovered, healed, dead.
    fn of(reading: &mut Reading<'_, '_>, prb: Segment<'_>) -> Self {
        let actual = reading.time(prb, 9, "PRB-9");
        let over = matches!(prb.text(14).as_deref(), Some("D" | "R" | "F"));
        let changed = reading.time(prb, 15, "PRB-15").filter(|_| over);
        Self {
            ended: over || actual.is_some(),
            at: actual.or(changed).map(|time| time.date_time()),
        }
    }
}

fn is_in_error(prb: Segment<'_>) -> bool {
    prb.text(1).as_deref() == Some("DE")
}

/// FHIR forbids the clinical status for what was entered in error, and wants `resolved` of what
/// has an end.
fn standing(prb: Segment<'_>, end: &End, is_suspected: bool) -> Element {
    if is_in_error(prb) {
        let error = coded::of_known(VERIFICATION, "entered-in-error", "");
        return fhir! {"verificationStatus": error};
    }
    let clinical = if end.ended { "resolved" } else { "active" };
    let verification = match prb.text(13).as_deref() {
        _ if is_suspected => Some("provisional"),
        Some("C") => Some("confirmed"),
        _ => None,
    };
    fhir! {
        "clinicalStatus": coded::of_known(CLINICAL, clinical, ""),
        "verificationStatus": verification.map(|code| coded::of_known(VERIFICATION, code, "")),
    }
}

/// A problem of the list, and PRB-10's second code: at admission, final, of an outpatient.
fn categories(reading: &Reading<'_, '_>, prb: Segment<'_>) -> Element {
    let setting = coded::coding(prb.field(10), 4, Place::Plain, reading.institution);
    Element::list([
        coded::of_known(CATEGORY, "problem-list-item", ""),
        fhir! {"coding": Element::one(setting), "text": prb.field(10).component(5).text()},
    ])
}

/// PRB-14. A code without a table is HL7 table 0241's if it is one of its letters.
fn outcome(reading: &Reading<'_, '_>, prb: Segment<'_>) -> Element {
    let field = prb.field(14);
    let Some(code) = field.component(1).text() else {
        return Element::Nothing;
    };
    let letter = matches!(code.as_str(), "D" | "R" | "N" | "W" | "S" | "F" | "U");
    let concept = if letter && field.component(3).is_empty() {
        let display = field.component(2).text().unwrap_or_default();
        coded::of_known(OUTCOME, &code, &display)
    } else {
        reading.concept(field)
    };
    let known = !concept.is_nothing();
    fhir! {"url": format!("{EXTENSION}DiseaseOutcome"), "valueCodeableConcept": concept}.when(known)
}
