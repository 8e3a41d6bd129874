//! OMP-01: a prescription, one MedicationRequest for each medicine.

use crate::chapter::{Oddity, Quarantine, Reason};
use crate::coded::{self, dose, identifier};
use crate::dosage::{self, Said};
use crate::element::{Decimal, Element, fhir};
use crate::encounter::replace_one;
use crate::hl7::{Segment, all, first, groups};
use crate::order::{self, Numbering};
use crate::reading::Reading;
use crate::systems::Place;

const INSTRUCTION: &str = "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/\
                           JP_MedicationRequest_DispenseRequest_InstructionForDispense";

/// Reads an OMP-01.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    replace_one(reading, 0);
    let mut numbering = Numbering::default();
    let message = reading.message;
    let mut read_any = false;
    for group in groups(message.segments(), "ORC") {
        let (Some(orc), Some(rxe)) = (first(group, "ORC"), first(group, "RXE")) else {
            reading.note(Oddity::SegmentMissing, "RXE");
            continue;
        };
        read_any = true;
        put(reading, &mut numbering, group, orc, rxe);
    }
    if read_any {
        Ok(())
    } else {
        Err(Reason::Empty.of("no ORC with RXE"))
    }
}

fn put(
    reading: &mut Reading<'_, '_>,
    numbering: &mut Numbering,
    group: &[Segment<'_>],
    orc: Segment<'_>,
    rxe: Segment<'_>,
) {
    let position = numbering.next(reading, orc);
    let prescription = identifier(&reading.institution.prescription_system(), rxe.text(15));
    let mut identifiers = position.identifiers(true, orc.text(2));
    identifiers.push(prescription);
    let authored = order::authored_on(reading, Some(orc)).map(|time| time.date_time());
    let medicine = medicine(reading, rxe);
    let dosages = dosages(reading, group, rxe);
    let notes = reading.annotations(group);
    let body = fhir! {
        "identifier": Element::list(identifiers),
        "status": order::request_status(Some(orc), "cancelled"),
        "intent": "order",
        "category": categories(reading, orc, rxe),
        "medicationCodeableConcept": medicine,
        "subject": reading.subject(),
        "encounter": reading.encounter(),
        "authoredOn": authored,
        "requester": reading.practitioner(orc.field(12)),
        "recorder": reading.practitioner(orc.field(10)),
        "groupIdentifier": reading.local("order", orc.text(2)),
        "note": Element::list(notes),
        "dosageInstruction": dosages,
        "dispenseRequest": dispense(reading, group, rxe),
    };
    let departments = reading.departments(Some(orc));
    let id = reading.id(&position.id());
    reading.put(
        "MedicationRequest",
        &id,
        "JP_MedicationRequest",
        departments,
        body,
    );
}

/// RXE-2 with the further codes of RXE-31.
fn medicine(reading: &mut Reading<'_, '_>, rxe: Segment<'_>) -> Element {
    let at = |piece, from| coded::coding(piece, from, Place::Plain, reading.institution);
    let mut codings = vec![at(rxe.field(2), 1), at(rxe.field(2), 4)];
    for piece in rxe.field(31).repeats() {
        codings.extend([at(piece, 1), at(piece, 4)]);
    }
    let field = rxe.field(2);
    let text = [2, 5, 9]
        .iter()
        .find_map(|place| field.component(*place).text());
    let concept = fhir! {"coding": Element::list(codings), "text": text};
    if concept.is_nothing() {
        reading.note(Oddity::CodeMissing, "RXE-2");
        return fhir! {"extension": coded::absent()};
    }
    concept
}

/// The kind of order (ORC-29) and of prescription (RXE-21).
fn categories(reading: &Reading<'_, '_>, orc: Segment<'_>, rxe: Segment<'_>) -> Element {
    let kinds = rxe.field(21).repeats();
    let kinds =
        kinds.map(|piece| coded::concept(piece, Place::PrescriptionCategory, reading.institution));
    Element::list([reading.concept(orc.field(29))].into_iter().chain(kinds))
}

fn dosages(reading: &mut Reading<'_, '_>, group: &[Segment<'_>], rxe: Segment<'_>) -> Element {
    let rxr = first(group, "RXR");
    let timings: Vec<_> = all(group, "TQ1").map(Some).collect();
    let timings = if timings.is_empty() {
        vec![None]
    } else {
        timings
    };
    let many = timings.len() > 1;
    let each = timings.into_iter().enumerate().map(|(at, tq1)| {
        let sequence = many.then(|| Decimal::of(at + 1));
        let said = dosage::oral(reading, Said { rxe, tq1, rxr });
        let known = !said.is_nothing();
        fhir! {"sequence": sequence}.and(said).when(known)
    });
    let each: Vec<Element> = each.collect();
    Element::list(each)
}

fn dispense(reading: &Reading<'_, '_>, group: &[Segment<'_>], rxe: Segment<'_>) -> Element {
    let instructions = reading.concepts(rxe.field(7));
    let instructions = instructions.map(|concept| {
        let known = !concept.is_nothing();
        fhir! {"url": INSTRUCTION, "valueCodeableConcept": concept}.when(known)
    });
    let repeats = rxe.text(12).and_then(|count| count.parse::<u16>().ok());
    fhir! {
        "extension": Element::list(instructions),
        "numberOfRepeatsAllowed": repeats.map(|count| Decimal::of(usize::from(count))),
        "quantity": dose(rxe.text(10), rxe.field(11), reading.institution),
        "expectedSupplyDuration": order::days(first(group, "TQ1")),
    }
}
