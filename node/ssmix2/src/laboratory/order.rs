//! OML-01: a laboratory order, one ServiceRequest for each OBR, or for each ORC that has none.

use super::{by_specimen, put_specimen};
use crate::chapter::{Quarantine, Reason};
use crate::coded;
use crate::element::{Element, fhir};
use crate::encounter::replace_one;
use crate::hl7::{Segment, all, first, groups};
use crate::order::{authored_on, request_status};
use crate::reading::{Reading, reference};

/// Reads an OML-01.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    replace_one(reading, 0);
    let message = reading.message;
    let mut read_any = false;
    for run in by_specimen(message.segments(), "ORC") {
        let specimen = first(run, "SPM").map(|spm| {
            let taken = reading.time(spm, 17, "SPM-17");
            let departments = reading.departments(first(run, "ORC"));
            put_specimen(reading, spm, departments, taken.as_ref())
        });
        for order in groups(run, "ORC") {
            let tests: Vec<_> = groups(order, "OBR").collect();
            let tests = if tests.is_empty() { vec![order] } else { tests };
            for test in tests {
                read_any = true;
                put(reading, first(order, "ORC"), test, specimen.as_deref());
            }
        }
    }
    if read_any {
        Ok(())
    } else {
        Err(Reason::Empty.of("no ORC"))
    }
}

fn put(
    reading: &mut Reading<'_, '_>,
    orc: Option<Segment<'_>>,
    test: &[Segment<'_>],
    specimen: Option<&str>,
) {
    let obr = first(test, "OBR");
    let authored = authored_on(reading, orc).map(|time| time.date_time());
    let wanted = obr
        .and_then(|obr| reading.time(obr, 7, "OBR-7"))
        .map(|time| time.date_time());
    let number = |field| orc.and_then(|orc| orc.text(field));
    let details: Vec<Element> = all(test, "OBX")
        .map(|obx| reading.concept(obx.field(3)))
        .collect();
    reading.took_results(details.len());
    let notes = reading.annotations(test);
    let code = obr.map_or(Element::Nothing, |obr| reading.concept(obr.field(4)));
    // FHIR has no details of an order without a code.
    let code = code.or(|| coded::of_text(Some("検体検査".to_owned())));
    let body = fhir! {
        "identifier": Element::list([
            reading.local("order", number(2)),
            reading.local("filler-order", number(3)),
        ]),
        "status": request_status(orc, "revoked"),
        "intent": "order",
        "category": Element::one(coded::of_known(
            "http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory",
        )),
        "code": code,
        "orderDetail": Element::list(details),
        "subject": reading.subject(),
        "encounter": reading.encounter(),
        "occurrenceDateTime": wanted,
        "authoredOn": authored,
        "requester": orc.map(|orc| reading.practitioner(orc.field(12))),
        "note": Element::list(notes),
        "specimen": specimen.map(|id| Element::one(reference("Specimen", id))),
    };
    let departments = reading.departments(orc);
    let id = reading.id("R");
    reading.put(
        "ServiceRequest",
        &id,
        "JP_ServiceRequest_Common",
        departments,
        body,
    );
}
