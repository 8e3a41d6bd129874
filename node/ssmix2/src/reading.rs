//! One message being read: who and where it is about, what was made of it so far. The rooms share
//! it; it knows none of their segments but PV1 and the departments of ORC.

mod words;

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::chapter::{Chapter, Note, Oddity, Precedence, Quarantine, Reason, Resource, UnitKey};
use crate::coded;
use crate::element::{Element, fhir};
use crate::hl7::{Message, Piece, Segment};
use crate::institution::Institution;
use crate::moment::Moment;
use crate::name::FileName;
use crate::people;
use crate::systems::{DEPARTMENT, Place};

/// The most JSON that is made of one file, in bytes.
const MAX_CHAPTER_BYTES: usize = 64 << 20;

const PROFILE: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/";

/// One message being read.
pub(crate) struct Reading<'m, 't> {
    pub(crate) institution: &'m Institution,
    pub(crate) name: &'m FileName,
    pub(crate) message: &'m Message<'t>,
    /// Whether MSH-9 takes back what the kind is about.
    pub(crate) cancels: bool,
    unit: Vec<String>,
    step: u8,
    /// How often each thing was named.
    seen: HashMap<String, usize>,
    resources: Vec<Resource>,
    /// Bytes of JSON so far.
    made: usize,
    /// How many NTE and OBX found a place.
    placed: [usize; 2],
    notes: Vec<Note>,
}

impl<'m, 't> Reading<'m, 't> {
    pub(crate) fn of(
        institution: &'m Institution,
        name: &'m FileName,
        message: &'m Message<'t>,
        cancels: bool,
    ) -> Self {
        Self {
            institution,
            name,
            message,
            cancels,
            unit: Vec::new(),
            step: 0,
            seen: HashMap::new(),
            resources: Vec::new(),
            made: 0,
            placed: [0; 2],
            notes: Vec::new(),
        }
    }

    /// Says which unit of the patient's chart the message replaces, and at which step of it.
    pub(crate) fn replaces<'u>(&mut self, unit: impl IntoIterator<Item = &'u str>, step: u8) {
        self.unit = unit.into_iter().map(str::to_owned).collect();
        self.step = step;
    }

    pub(crate) fn note(&mut self, oddity: Oddity, field: &'static str) {
        let note = Note { oddity, field };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The id of something of this unit. `what` tells it from the others; a second one of the same
    /// name is counted.
    pub(crate) fn id(&mut self, what: &str) -> String {
        let seen = self.seen.entry(what.to_owned()).or_default();
        *seen += 1;
        let again = (*seen > 1).then(|| seen.to_string());
        let mut parts = self.unit_parts();
        parts.extend((!what.is_empty()).then_some(what));
        parts.extend(again.as_deref());
        id_of(&parts)
    }

    fn unit_parts(&self) -> Vec<&str> {
        let owner = [self.institution.as_str(), self.name.patient()];
        owner
            .into_iter()
            .chain(self.unit.iter().map(String::as_str))
            .collect()
    }

    /// The id of the patient, whichever message asks.
    pub(crate) fn patient(&self) -> String {
        id_of(&[self.institution.as_str(), self.name.patient()])
    }

    pub(crate) fn subject(&self) -> Element {
        reference("Patient", &self.patient())
    }

    /// The admission that the message's PV1 names, whether or not it was imported.
    pub(crate) fn encounter(&self) -> Element {
        let pv1 = self.message.first("PV1");
        let inpatient = pv1.filter(|pv1| pv1.text(2).as_deref() == Some("I"));
        let admitted = inpatient.and_then(|pv1| Moment::parse(&pv1.text(44)?));
        admitted.map_or(Element::Nothing, |admitted| {
            let minute = minute(&admitted);
            let parts = [
                self.institution.as_str(),
                self.name.patient(),
                "IMP",
                &minute,
            ];
            reference("Encounter", &id_of(&parts))
        })
    }

    /// Adds a resource to the chapter.
    ///
    /// `departments` go into `meta.tag`: where a resource comes from decides who may see it, and no
    /// element of most resources can say it.
    pub(crate) fn put(
        &mut self,
        resource_type: &'static str,
        id: &str,
        profile: &str,
        departments: Vec<Element>,
        body: Element,
    ) {
        if self.made > MAX_CHAPTER_BYTES {
            return;
        }
        let resource = fhir! {
            "resourceType": resource_type,
            "id": id,
            "meta": fhir! {
                "profile": Element::one(format!("{PROFILE}{profile}")),
                "tag": Element::list(departments),
            },
        };
        let mut json = String::new();
        resource.and(body).write(&mut json);
        self.made = self.made.saturating_add(json.len());
        if self.made > MAX_CHAPTER_BYTES {
            self.resources.clear();
            return;
        }
        self.resources.push(Resource {
            resource_type,
            id: id.to_owned(),
            json,
        });
    }

    /// A field's time. One that is on no calendar is noted and left out.
    pub(crate) fn time(
        &mut self,
        segment: Segment<'_>,
        field: usize,
        named: &'static str,
    ) -> Option<Moment> {
        let text = segment.text(field)?;
        let time = Moment::parse(&text);
        if time.is_none() {
            self.note(Oddity::Time, named);
        }
        time
    }

    /// An end, if it is not before the beginning: FHIR knows no such period.
    pub(crate) fn end(
        &mut self,
        start: Option<&Moment>,
        end: Option<Moment>,
        named: &'static str,
    ) -> Option<Moment> {
        let reversed = |end: &Moment| start.is_some_and(|start| start.is_after(end));
        if end.as_ref().is_some_and(reversed) {
            self.note(Oddity::Reversed, named);
            return None;
        }
        end
    }

    /// The first of several times for an element that must have one; none only if the file's name
    /// has no care date either.
    pub(crate) fn some_time(
        &mut self,
        named: &'static str,
        best: Option<Moment>,
        others: impl IntoIterator<Item = Option<Moment>>,
    ) -> Option<Moment> {
        best.or_else(|| {
            self.note(Oddity::TimeSubstituted, named);
            let other = others.into_iter().flatten().next();
            other.or_else(|| Moment::parse(self.name.care_date()?))
        })
    }

    /// Notes a care date that is not the day it should be.
    pub(crate) fn expect_care_date(&mut self, day: Option<&Moment>, field: &'static str) {
        let day = day.and_then(Moment::day);
        if day.is_some() && day != self.name.care_date() {
            self.note(Oddity::CareDate, field);
        }
    }

    pub(crate) fn concept(&self, piece: Piece<'_>) -> Element {
        coded::concept(piece, Place::Plain, self.institution)
    }

    /// One concept for each repetition of a field.
    pub(crate) fn concepts(&self, field: Piece<'_>) -> impl Iterator<Item = Element> {
        field.repeats().map(|piece| self.concept(piece))
    }

    pub(crate) fn practitioner(&self, field: Piece<'_>) -> Element {
        people::practitioner(field, self.institution)
    }

    /// An identifier of a number that only this hospital gives.
    pub(crate) fn local(&self, what: &str, number: Option<String>) -> Element {
        coded::identifier(&self.institution.local_system(what), number)
    }

    /// Every department that a message of an order names: ORC-17, PV1-10, the clinic of PV1-3, and
    /// the file's name. All of them, since a sensitive one among them must be seen.
    pub(crate) fn departments(&self, orc: Option<Segment<'_>>) -> Vec<Element> {
        let mut found = Vec::new();
        if let Some(orc) = orc {
            let entered = coded::coding(orc.field(17), 1, Place::Plain, self.institution);
            let national = orc.field(17).component(3).text().as_deref() == Some("HL70069");
            let code = orc.text(17).filter(|_| national);
            found.push(entered);
            found.extend(code.as_deref().and_then(main_department));
        }
        let pv1 = self.message.first("PV1");
        let clinic = pv1.filter(|pv1| pv1.field(3).component(6).text().as_deref() == Some("C"));
        let codes = [
            pv1.and_then(|pv1| pv1.text(10)),
            clinic.and_then(|pv1| pv1.text(3)),
            self.name.department().map(str::to_owned),
        ];
        for code in codes.into_iter().flatten() {
            found.push(coded::known(DEPARTMENT, &code, ""));
            found.extend(main_department(&code));
        }
        distinct(found)
    }

    /// The chapter, finished; `TooLarge` if it outgrew all bounds.
    pub(crate) fn chapter(mut self) -> Result<Chapter, Quarantine> {
        self.note_what_is_left_out();
        if self.made > MAX_CHAPTER_BYTES {
            return Err(Reason::TooLarge.of("too many resources"));
        }
        let sent = self.message.first("MSH").and_then(|msh| msh.text(7));
        Ok(Chapter {
            key: UnitKey(self.unit_parts().join("/")),
            precedence: Precedence {
                step: self.step,
                occurrence: self.name.occurrence().to_owned(),
            },
            patient: self.patient(),
            resources: self.resources,
            message_time: sent.and_then(|sent| Moment::parse(&sent)?.instant()),
            notes: self.notes,
        })
    }
}

/// The code of table 0069 that a code of three signs belongs to: `021` is a part of `02`.
fn main_department(code: &str) -> Option<Element> {
    let main = code.get(..2).filter(|_| code.len() == 3)?;
    Some(coded::known(DEPARTMENT, main, ""))
}

fn distinct(codings: Vec<Element>) -> Vec<Element> {
    let key = |coding: &Element| match coding {
        Element::Object(members) => {
            let named = |name| members.iter().find(|(own, _)| *own == name).cloned();
            (named("system"), named("code"))
        }
        _ => (None, None),
    };
    let mut kept: Vec<Element> = Vec::new();
    for coding in codings {
        if !kept.iter().any(|other| key(other) == key(&coding)) {
            kept.push(coding);
        }
    }
    kept
}

/// `{reference: "Type/id"}`.
pub(crate) fn reference(resource_type: &str, id: &str) -> Element {
    fhir! {"reference": format!("{resource_type}/{id}")}
}

/// The minute of a time, twelve digits: what an admission is known by, however precisely one
/// message or another says it.
pub(crate) fn minute(time: &Moment) -> String {
    format!("{:0<12.12}", time.digits())
}

/// A logical id of parts, with dots between them; their digest where they are too long or hold
/// signs that an id cannot.
fn id_of(parts: &[&str]) -> String {
    let plain = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|sign| sign.is_ascii_alphanumeric() || sign == '-')
    };
    let id = parts.join(".");
    if id.len() <= 64 && parts.iter().all(plain) {
        return id;
    }
    // The first 30 bytes: nobody makes two patients' numbers collide on purpose here, and by
    // accident it takes 2^120 of them.
    let digest = Sha256::digest(parts.join("\u{1f}").as_bytes());
    digest
        .iter()
        .take(30)
        .fold("x-".to_owned(), |mut id, byte| {
            // Writing to a String cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn ids_hold_what_ids_may_hold() {
        assert_eq!(
            id_of(&["0110000001", "007", "OML-11", "S1"]),
            "0110000001.007.OML-11.S1"
        );
        for odd in [
            &["a.b", "c"][..],
            &["a", "b.c"],
            &["患者"],
            &["a", ""],
            &["9"; 33],
        ] {
            let id = id_of(odd);
            assert!(id.starts_with("x-") && id.len() == 62, "{id}");
        }
        assert_ne!(id_of(&["a.b", "c"]), id_of(&["a", "b.c"]));
        assert!(id_of(&["a", "b"]).len() < 64);
    }

    #[test]
    fn an_admission_is_known_by_its_minute() {
        let of = |text: &str| minute(&Moment::parse(text).unwrap());
        assert_eq!(of("20211129140000"), of("202111291400"));
        assert_eq!(of("20211129"), "202111290000");
    }
}
