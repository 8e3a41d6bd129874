//! OMP-11 and OMP-12: what was given, one MedicationAdministration for each RXA.

use crate::chapter::{Oddity, Quarantine, Reason};
use crate::coded::{self, dose};
use crate::dosage::{self, rate, way};
use crate::element::{Element, fhir};
use crate::encounter::replace_one;
use crate::hl7::{Segment, all, first, groups};
use crate::injection::Medication;
use crate::kind::Kind;
use crate::order::{self, Numbering, Position};
use crate::reading::Reading;

const EXTENSION: &str =
    "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_MedicationAdministration_";

/// Reads an OMP-11 or OMP-12.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    replace_one(reading, 0);
    let mut numbering = Numbering::default();
    let message = reading.message;
    let mut read_any = false;
    for group in groups(message.segments(), "ORC") {
        let Some(orc) = first(group, "ORC") else {
            continue;
        };
        // What stands before the first medicine is about all of them.
        let ahead = group.iter().position(|segment| segment.name == "RXA");
        let ahead = ahead.and_then(|at| group.get(..at)).unwrap_or_default();
        let of_order = reading.annotations(ahead);
        for run in groups(group, "RXA") {
            if let Some(rxa) = first(run, "RXA") {
                read_any = true;
                let position = numbering.next(reading, orc);
                put(
                    reading,
                    &position,
                    &Given {
                        orc,
                        rxa,
                        group,
                        run,
                        of_order: &of_order,
                    },
                );
            }
        }
    }
    if read_any {
        Ok(())
    } else {
        Err(Reason::Empty.of("no ORC with RXA"))
    }
}

/// One RXA with what stands around it.
struct Given<'s, 't> {
    orc: Segment<'t>,
    rxa: Segment<'t>,
    /// The order's segments, RXE and RXC among them.
    group: &'s [Segment<'t>],
    /// From this RXA to the next: its RXR.
    run: &'s [Segment<'t>],
    /// What the order says in words.
    of_order: &'s [Element],
}

fn put(reading: &mut Reading<'_, '_>, position: &Position, given: &Given<'_, '_>) {
    let Given { orc, rxa, run, .. } = *given;
    let injected = reading.name.kind() == Kind::Omp12;
    let mut identifiers = position.identifiers(!injected, None);
    identifiers.push(reading.local("order", orc.text(2)));
    let rxr = first(run, "RXR");
    let (contained, medicine) = medicine(reading, given, injected);
    let device = rxr.filter(|_| injected);
    let device = device.map_or(Element::Nothing, |rxr| dosage::device(reading, rxr));
    let device_extension = dosage::device_reference(&device);
    let effective = effective(reading, rxa);
    let notes = rxa.field(9).repeats().map(|note| {
        let text = note
            .component(2)
            .text()
            .or_else(|| note.component(1).text());
        fhir! {"text": text}
    });
    let notes: Vec<Element> = notes.chain(reading.annotations(run)).collect();
    let notes = notes.into_iter().chain(given.of_order.iter().cloned());
    let performer = rxa.field(10).repeats().map(|person| {
        let actor = reading.practitioner(person);
        fhir! {"actor": actor}
    });
    let head = fhir! {
        "contained": Element::list([contained, device]),
        "extension": extensions(reading, orc),
        "identifier": Element::list(identifiers),
        "status": status(orc, rxa),
        "category": reading.concept(orc.field(29)),
    };
    let tail = fhir! {
        "performer": Element::list(performer),
        "request": order::by_number(reading, "MedicationRequest", orc.text(2)),
        "note": Element::list(notes),
    };
    let body = head
        .and(medicine)
        .and(fhir! {"subject": reading.subject(), "context": reading.encounter()})
        .and(effective)
        .and(tail)
        .and(fhir! {"dosage": dosage_of(reading, rxa, rxr, device_extension)});
    let departments = reading.departments(Some(orc));
    let id = reading.id(&position.id());
    let profile = if injected {
        "JP_MedicationAdministration_Injection"
    } else {
        "JP_MedicationAdministration"
    };
    reading.put("MedicationAdministration", &id, profile, departments, body);
}

/// The medicine: a code, or a contained Medication of what was injected. Where RXA-5 repeats the
/// kind of injection (RXE-2), the medicines are the rows of RXC.
fn medicine(
    reading: &mut Reading<'_, '_>,
    given: &Given<'_, '_>,
    injected: bool,
) -> (Element, Element) {
    let rxa = given.rxa;
    if !injected {
        let code = reading.concept(rxa.field(5));
        if code.is_nothing() {
            reading.note(Oddity::CodeMissing, "RXA-5");
        }
        let code = code.or(|| fhir! {"extension": coded::absent()});
        return (Element::Nothing, fhir! {"medicationCodeableConcept": code});
    }
    let kind = first(given.group, "RXE").and_then(|rxe| rxe.text(2));
    let rows: Vec<_> = all(given.group, "RXC").collect();
    let medication = if !rows.is_empty() && rxa.text(5) == kind {
        Medication::of_rows(reading, &rows)
    } else {
        Medication::of_one(reading, rxa.field(5), rxa.text(6), rxa.field(7))
    };
    (
        medication.0,
        fhir! {"medicationReference": fhir! {"reference": "#medication"}},
    )
}

fn effective(reading: &mut Reading<'_, '_>, rxa: Segment<'_>) -> Element {
    let start = reading.time(rxa, 3, "RXA-3");
    reading.expect_care_date(start.as_ref(), "RXA-3");
    let end = reading.time(rxa, 4, "RXA-4");
    let entered = reading.time(rxa, 22, "RXA-22");
    let start = reading.some_time("RXA-3", start, [end.clone(), entered]);
    let end = reading.end(start.as_ref(), end, "RXA-4");
    let start = start.map(|time| time.date_time());
    match (start, end.map(|time| time.date_time())) {
        (Some(start), Some(end)) if start != end => {
            fhir! {"effectivePeriod": fhir! {"start": start, "end": end}}
        }
        (Some(start), _) => fhir! {"effectiveDateTime": start},
        (None, _) => fhir! {"_effectiveDateTime": fhir! {"extension": coded::absent()}},
    }
}

/// RXA-20 and RXA-21; an order taken back was entered in error.
fn status(orc: Segment<'_>, rxa: Segment<'_>) -> &'static str {
    let taken_back = matches!(orc.text(1).as_deref(), Some("CA" | "OC" | "CR"));
    match (rxa.text(20).as_deref(), rxa.text(21).as_deref()) {
        (_, Some("D")) => "entered-in-error",
        _ if taken_back => "entered-in-error",
        (Some("RE" | "NA"), _) => "not-done",
        (Some("PA"), _) => "stopped",
        _ => "completed",
    }
}

fn dosage_of(
    reading: &mut Reading<'_, '_>,
    rxa: Segment<'_>,
    rxr: Option<Segment<'_>>,
    device: Element,
) -> Element {
    let speed = rxa.text(12);
    let ratio = speed.as_deref().map(|text| rate(text, reading.institution));
    let unread = ratio.as_ref().is_some_and(Element::is_nothing);
    if unread {
        reading.note(Oddity::Amount, "RXA-12");
    }
    let amount = dose(rxa.text(6), rxa.field(7), reading.institution);
    let unmeasured = amount.is_nothing();
    let words = [rxa.text(6).filter(|_| unmeasured), speed.filter(|_| unread)];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let measured = fhir! {"dose": amount, "rateRatio": ratio};
    let stated = fhir! {
        "extension": Element::one(device),
        "text": Some(words.join(" ")).filter(|text| !text.is_empty()),
    }
    .and(way(reading, rxr));
    if stated.is_nothing() {
        return measured;
    }
    // FHIR wants an amount or a rate beside anything else (mad-1).
    stated.and(measured.or(|| fhir! {"rateRatio": fhir! {"extension": coded::absent()}}))
}

fn extensions(reading: &Reading<'_, '_>, orc: Segment<'_>) -> Element {
    let extension = |name: &str, value: Element| {
        let known = !value.is_nothing();
        fhir! {"url": format!("{EXTENSION}{name}")}
            .and(value)
            .when(known)
    };
    let department = reading.concept(orc.field(17));
    let requester = reading.practitioner(orc.field(12));
    Element::list([
        extension(
            "RequestDepartment",
            fhir! {"valueCodeableConcept": department},
        ),
        extension("Requester", fhir! {"valueReference": requester}),
    ])
}
