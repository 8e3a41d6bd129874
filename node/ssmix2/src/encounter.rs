//! ADT-12: a visit. ADT-22, ADT-42 and ADT-52: one admission, from its beginning to its end.
//!
//! The messages of one admission share a key, the patient and the minute of admission (PV1-44), and
//! each says all there is to say at its step: the newest step replaces the others. A message that
//! does not tell the minute cannot be joined to the others and stands alone.

use crate::chapter::{Oddity, Quarantine, Reason};
use crate::coded;
use crate::element::{Element, fhir};
use crate::hl7::{Piece, Segment};
use crate::kind::Kind;
use crate::moment::Moment;
use crate::reading::{Reading, minute};
use crate::systems::DEPARTMENT;

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Reads an ADT-12, ADT-22, ADT-42 or ADT-52.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    let kind = reading.name.kind();
    let pv1 = reading.message.first("PV1");
    let pv1 = pv1.ok_or_else(|| Reason::Empty.of("no PV1"))?;
    let start = reading.time(pv1, 44, "PV1-44");
    let end = reading.time(pv1, 45, "PV1-45");
    match kind {
        Kind::Adt12 => replace_one(reading, 0),
        _ => replace_admission(reading, start.as_ref()),
    }
    check_care_date(reading, start.as_ref(), end.as_ref());
    // A discharge that is taken back ends nothing.
    let end = end.filter(|_| !(reading.cancels && kind == Kind::Adt52));
    let end = reading.end(start.as_ref(), end, "PV1-45");
    let departments = reading.departments(None);
    let class = class(pv1, kind);
    let period = fhir! {
        "start": start.as_ref().map(Moment::date_time),
        "end": end.as_ref().map(Moment::date_time),
    };
    let body = fhir! {
        "identifier": Element::one(reading.local("visit", pv1.text(19))),
        "status": status(kind, reading.cancels),
        "class": coded::known(ACT, class.0, class.1),
        "serviceType": service(pv1),
        "subject": reading.subject(),
        "participant": Element::list([
            participant(reading, pv1.field(7).repeats().next(), "ATND", "attender"),
            participant(reading, pv1.field(17).repeats().next(), "ADM", "admitter"),
        ]),
        "period": period,
        "hospitalization": fhir! {"dischargeDisposition": disposition(reading, pv1)},
        "location": Element::one(place(reading, pv1, kind)),
    };
    let id = reading.id("");
    reading.put("Encounter", &id, "JP_Encounter", departments, body);
    Ok(())
}

/// The unit of a message that is about itself alone: kind, care date and order, or the department
/// where there is no order.
pub(crate) fn replace_one(reading: &mut Reading<'_, '_>, step: u8) {
    let name = reading.name;
    let date = name.care_date().unwrap_or("undated");
    let order = name.order().or(name.department()).unwrap_or("none");
    reading.replaces([name.kind().as_str(), date, order], step);
}

fn replace_admission(reading: &mut Reading<'_, '_>, start: Option<&Moment>) {
    let step = match reading.name.kind() {
        Kind::Adt42 => 1,
        Kind::Adt52 => 2,
        _ => 0,
    };
    match start {
        Some(start) => reading.replaces(["IMP", &minute(start)], step),
        None => {
            reading.note(Oddity::AdmissionTime, "PV1-44");
            replace_one(reading, step);
        }
    }
}

fn check_care_date(reading: &mut Reading<'_, '_>, start: Option<&Moment>, end: Option<&Moment>) {
    match reading.name.kind() {
        Kind::Adt52 => reading.expect_care_date(end, "PV1-45"),
        Kind::Adt42 => {
            let evn = reading.message.first("EVN");
            let moved = evn.and_then(|evn| reading.time(evn, 6, "EVN-6"));
            reading.expect_care_date(moved.as_ref(), "EVN-6");
        }
        _ => reading.expect_care_date(start, "PV1-44"),
    }
}

/// JAMI's table of events, by the kind of file.
const fn status(kind: Kind, cancels: bool) -> &'static str {
    match kind {
        Kind::Adt22 if cancels => "cancelled",
        Kind::Adt12 | Kind::Adt22 => "arrived",
        Kind::Adt52 if !cancels => "finished",
        _ => "in-progress",
    }
}

fn class(pv1: Segment<'_>, kind: Kind) -> (&'static str, &'static str) {
    match pv1.text(2).as_deref() {
        Some("I") => ("IMP", "inpatient encounter"),
        Some("E") => ("EMER", "emergency"),
        Some("O") => ("AMB", "ambulatory"),
        _ if matches!(kind, Kind::Adt12) => ("AMB", "ambulatory"),
        _ => ("IMP", "inpatient encounter"),
    }
}

/// PV1-3 is a clinic of the outpatient department, or a bed of a ward.
fn is_clinic(pv1: Segment<'_>) -> bool {
    pv1.field(3).component(6).text().as_deref() == Some("C")
}

fn service(pv1: Segment<'_>) -> Element {
    let clinic = || pv1.text(3).filter(|_| is_clinic(pv1));
    let code = pv1.text(10).or_else(clinic);
    code.map_or(Element::Nothing, |code| {
        coded::of_known(DEPARTMENT, &code, "")
    })
}

fn place(reading: &Reading<'_, '_>, pv1: Segment<'_>, kind: Kind) -> Element {
    let parts = [1, 2, 3].map(|at| pv1.field(3).component(at).text());
    let known: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
    if known.is_empty() || is_clinic(pv1) {
        return Element::Nothing;
    }
    let ended = matches!(kind, Kind::Adt52) && !reading.cancels;
    fhir! {
        "location": fhir! {
            "type": "Location",
            "identifier": reading.local("location", Some(known.join("-"))),
            "display": known.join("-"),
        },
        "status": if ended { "completed" } else { "active" },
    }
}

fn participant(
    reading: &Reading<'_, '_>,
    person: Option<Piece<'_>>,
    code: &str,
    display: &str,
) -> Element {
    let individual = person.map_or(Element::Nothing, |person| reading.practitioner(person));
    if individual.is_nothing() {
        return individual;
    }
    fhir! {
        "type": Element::one(coded::of_known(PARTICIPATION, code, display)),
        "individual": individual,
    }
}

/// PV1-36. Each hospital says what its codes mean: HL7 leaves table 0112 to the site.
fn disposition(reading: &Reading<'_, '_>, pv1: Segment<'_>) -> Element {
    let Some(code) = pv1.text(36) else {
        return Element::Nothing;
    };
    let system = reading.institution.local_system("HL70112");
    let display = pv1.field(36).component(2).text().unwrap_or_default();
    coded::of_known(&system, &code, &display)
}
