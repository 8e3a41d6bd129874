//! OMP-02: ordered injections, one MedicationRequest for each ORC. RXE-2 is the kind of injection,
//! not a medicine; the medicines are the rows of RXC, in one contained Medication.

use crate::chapter::{Oddity, Quarantine, Reason};
use crate::coded::{self, dose};
use crate::dosage::{self, Said};
use crate::element::{Decimal, Element, fhir};
use crate::encounter::replace_one;
use crate::hl7::{Piece, Segment, all, first, groups};
use crate::order::{self, Numbering};
use crate::reading::Reading;
use crate::systems::MERIT9_UNIT;

/// Reads an OMP-02.
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
    let authored = order::authored_on(reading, Some(orc)).map(|time| time.date_time());
    let rows: Vec<_> = all(group, "RXC").collect();
    let medication = if rows.is_empty() {
        // Some systems order a single medicine in RXE-2 itself.
        Medication::of_one(reading, rxe.field(2), rxe.text(3), rxe.field(5))
    } else {
        Medication::of_rows(reading, &rows)
    };
    let rxr = first(group, "RXR");
    let device = rxr.map_or(Element::Nothing, |rxr| dosage::device(reading, rxr));
    let tq1 = first(group, "TQ1");
    let said = dosage::injection(reading, Said { rxe, tq1, rxr });
    let form = fhir! {"form": reading.concept(rxe.field(6))};
    let notes = reading.annotations(group);
    let kinds = [
        reading.concept(orc.field(29)),
        reading.concept(rxe.field(2)),
    ];
    let body = fhir! {
        "contained": Element::list([medication.0.and(form), device]),
        "identifier": Element::list(position.identifiers(false, orc.text(2))),
        "status": order::request_status(Some(orc), "cancelled"),
        "intent": "order",
        "category": Element::list(kinds),
        "medicationReference": fhir! {"reference": "#medication"},
        "subject": reading.subject(),
        "encounter": reading.encounter(),
        "authoredOn": authored,
        "requester": reading.practitioner(orc.field(12)),
        "recorder": reading.practitioner(orc.field(10)),
        "groupIdentifier": reading.local("order", orc.text(2)),
        "note": Element::list(notes),
        "dosageInstruction": Element::one(said),
        "dispenseRequest": fhir! {
            "quantity": dose(rxe.text(10), rxe.field(11), reading.institution),
        },
    };
    let departments = reading.departments(Some(orc));
    let id = reading.id(&position.id());
    let profile = "JP_MedicationRequest_Injection";
    reading.put("MedicationRequest", &id, profile, departments, body);
}

/// A contained Medication, `#medication`.
pub(crate) struct Medication(pub(crate) Element);

impl Medication {
    /// Of the rows of RXC, base and additives alike.
    pub(crate) fn of_rows(reading: &mut Reading<'_, '_>, rows: &[Segment<'_>]) -> Self {
        let ingredients: Vec<Element> = rows
            .iter()
            .map(|rxc| ingredient(reading, rxc.field(2), rxc.text(3), rxc.field(4)))
            .collect();
        Self::of(ingredients)
    }

    /// Of one medicine.
    pub(crate) fn of_one(
        reading: &mut Reading<'_, '_>,
        medicine: Piece<'_>,
        amount: Option<String>,
        unit: Piece<'_>,
    ) -> Self {
        let only = ingredient(reading, medicine, amount, unit);
        Self::of(vec![only])
    }

    fn of(ingredients: Vec<Element>) -> Self {
        Self(fhir! {
            "resourceType": "Medication",
            "id": "medication",
            "meta": fhir! {"profile": Element::one(
                "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Medication"
            )},
            "status": "active",
            "ingredient": Element::list(ingredients),
        })
    }
}

/// One medicine and how much of it goes in at a time.
fn ingredient(
    reading: &mut Reading<'_, '_>,
    medicine: Piece<'_>,
    amount: Option<String>,
    unit: Piece<'_>,
) -> Element {
    let concept = reading.concept(medicine);
    if concept.is_nothing() {
        reading.note(Oddity::CodeMissing, "RXC-2");
    }
    let numerator = dose(amount, unit, reading.institution);
    let strength = if numerator.is_nothing() {
        reading.note(Oddity::Amount, "RXC-3");
        fhir! {"extension": coded::absent()}
    } else {
        let time = fhir! {
            "value": Decimal::of(1),
            "unit": "回",
            "system": MERIT9_UNIT,
            "code": "TIME",
        };
        fhir! {"numerator": numerator, "denominator": time}
    };
    let unknown = || fhir! {"extension": coded::absent()};
    fhir! {"itemCodeableConcept": concept.or(unknown), "strength": strength}
}
