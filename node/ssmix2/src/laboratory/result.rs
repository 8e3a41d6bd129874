//! OML-11: results. For each SPM a Specimen, for each OBX an Observation, for each OBR a
//! DiagnosticReport over its Observations.

use std::collections::HashMap;

use super::{by_specimen, put_specimen};
use crate::chapter::{Oddity, Quarantine, Reason};
use crate::coded;
use crate::element::{Element, fhir};
use crate::encounter::replace_one;
use crate::hl7::{Segment, first, groups};
use crate::moment::Moment;
use crate::observation::{category, code, outcome, status};
use crate::order::by_number;
use crate::reading::{Reading, reference};
use crate::systems::Place;

/// Which Observation says what, by the code of OBX-3 and the sub-id of OBX-4: the growth that a
/// susceptibility (OBR-26) is about.
type Rows = HashMap<(String, String), String>;

/// Reads an OML-11.
pub(crate) fn read(reading: &mut Reading<'_, '_>) -> Result<(), Quarantine> {
    replace_one(reading, 0);
    let message = reading.message;
    let spm = message.first("SPM");
    let taken = spm.and_then(|spm| Moment::parse(&spm.text(17)?));
    reading.expect_care_date(taken.as_ref(), "SPM-17");
    let mut rows = Rows::new();
    let mut read_any = false;
    for run in by_specimen(message.segments(), "OBR") {
        let specimen = Taken::put(reading, run);
        let reports: Vec<_> = groups(run, "OBR").collect();
        if reports.is_empty() {
            reading.note(Oddity::SegmentMissing, "OBR");
        }
        for group in reports {
            read_any = true;
            put_report(reading, &specimen, group, &mut rows);
        }
    }
    if read_any {
        Ok(())
    } else {
        Err(Reason::Empty.of("no OBR"))
    }
}

/// A specimen and when it was taken.
struct Taken {
    specimen: Element,
    at: Option<Moment>,
}

impl Taken {
    fn put(reading: &mut Reading<'_, '_>, run: &[Segment<'_>]) -> Self {
        let Some(spm) = first(run, "SPM") else {
            reading.note(Oddity::SegmentMissing, "SPM");
            // The profile wants a specimen; it is not known which.
            let specimen = fhir! {"extension": coded::absent()};
            return Self { specimen, at: None };
        };
        let at = reading.time(spm, 17, "SPM-17");
        let departments = reading.departments(first(run, "ORC"));
        let id = put_specimen(reading, spm, departments, at.as_ref());
        Self {
            specimen: reference("Specimen", &id),
            at,
        }
    }
}

/// One result on its way: its segments, its id, and those that stand under it.
struct Row<'t> {
    obx: Segment<'t>,
    notes: Vec<String>,
    codings: Vec<Element>,
    text: String,
    sub: Option<String>,
    id: String,
}

fn put_report(
    reading: &mut Reading<'_, '_>,
    taken: &Taken,
    group: &[Segment<'_>],
    rows: &mut Rows,
) {
    let (Some(obr), orc) = (first(group, "OBR"), first(group, "ORC")) else {
        return;
    };
    let found = rows_of(reading, group, rows);
    let parent = parent(obr, rows);
    let mut tied: HashMap<&str, Vec<&Row<'_>>> = HashMap::new();
    for row in &found {
        if let Some(sub) = &row.sub {
            tied.entry(sub).or_default().push(row);
        }
    }
    for row in &found {
        // The first row of a sub-id, the organism, holds the others.
        let rows = row
            .sub
            .as_deref()
            .and_then(|sub| tied.get(sub))
            .map(Vec::as_slice);
        let members = match rows {
            Some([first, others @ ..]) if first.id == row.id => others,
            _ => &[],
        };
        let members = members
            .iter()
            .map(|other| reference("Observation", &other.id));
        let links = fhir! {
            "hasMember": Element::list(members),
            "derivedFrom": Element::one(parent.clone()),
        };
        put_result(reading, taken, (obr, orc), row, links);
    }
    // What stands before the first result is about all of them.
    let ahead = group.iter().position(|segment| segment.name == "OBX");
    let ahead = group
        .get(..ahead.unwrap_or(group.len()))
        .unwrap_or_default();
    let conclusion = reading.texts(ahead).join("\n");
    let body = report(reading, taken, (obr, orc), &found);
    let body = body.and(fhir! {"conclusion": conclusion});
    let departments = reading.departments(orc);
    let id = reading.id("D");
    reading.put(
        "DiagnosticReport",
        &id,
        "JP_DiagnosticReport_LabResult",
        departments,
        body,
    );
}

fn rows_of<'t>(
    reading: &mut Reading<'_, '_>,
    group: &[Segment<'t>],
    rows: &mut Rows,
) -> Vec<Row<'t>> {
    let mut found = Vec::new();
    for run in groups(group, "OBX") {
        let Some(obx) = first(run, "OBX") else {
            continue;
        };
        reading.took_results(1);
        let notes = reading.texts(run);
        let Some((codings, text)) = code(reading, obx) else {
            continue;
        };
        let id = reading.id("O");
        let sub = obx.text(4);
        if let (Some(item), Some(sub)) = (obx.text(3), sub.clone()) {
            rows.insert((item, sub), id.clone());
        }
        found.push(Row {
            obx,
            notes,
            codings,
            text,
            sub,
            id,
        });
    }
    found
}

/// OBR-26, `6B010…&培養同定菌名&JC10^1^E.coli`: the result that this examination follows up.
fn parent(obr: Segment<'_>, rows: &Rows) -> Element {
    let field = obr.field(26);
    let item = field.component(1).sub(1).text();
    let key = item.and_then(|item| Some((item, field.component(2).text()?)));
    let known = key
        .and_then(|key| rows.get(&key))
        .map(|id| format!("Observation/{id}"));
    fhir! {"reference": known, "display": field.component(3).text()}
}

fn put_result(
    reading: &mut Reading<'_, '_>,
    taken: &Taken,
    (obr, orc): (Segment<'_>, Option<Segment<'_>>),
    row: &Row<'_>,
    links: Element,
) {
    let made = reading
        .time(row.obx, 14, "OBX-14")
        .or_else(|| taken.at.clone());
    let examined = reading.time(obr, 7, "OBR-7");
    let made = reading.some_time("SPM-17", made, [examined]);
    let number = orc.and_then(|orc| orc.text(2)).or_else(|| obr.text(2));
    let effective = match made {
        Some(made) => fhir! {"effectiveDateTime": made.date_time()},
        None => fhir! {"_effectiveDateTime": fhir! {"extension": coded::absent()}},
    };
    let performers = row.obx.field(16).repeats();
    let performers: Vec<Element> = performers
        .map(|person| reading.practitioner(person))
        .collect();
    let head = fhir! {
        "identifier": Element::list([
            reading.local("order", number.clone()),
            reading.local("observation-group", row.sub.clone()),
        ]),
        "basedOn": Element::one(by_number(reading, "ServiceRequest", number)),
        "status": status(row.obx),
        "category": category("laboratory"),
        "code": fhir! {
            "coding": Element::list(row.codings.iter().cloned()),
            "text": row.text.clone(),
        },
        "subject": reading.subject(),
        "encounter": reading.encounter(),
    };
    let tail = fhir! {
        "performer": Element::list(performers),
        "note": Element::list(row.notes.iter().map(|text| fhir! {"text": text.clone()})),
        "specimen": taken.specimen.clone(),
    };
    let body = head
        .and(effective)
        .and(outcome(reading.institution, row.obx))
        .and(tail)
        .and(links);
    let departments = reading.departments(orc);
    reading.put(
        "Observation",
        &row.id,
        "JP_Observation_LabResult",
        departments,
        body,
    );
}

fn report(
    reading: &mut Reading<'_, '_>,
    taken: &Taken,
    (obr, orc): (Segment<'_>, Option<Segment<'_>>),
    rows: &[Row<'_>],
) -> Element {
    let number = orc.and_then(|orc| orc.text(2)).or_else(|| obr.text(2));
    let start = reading.time(obr, 7, "OBR-7").or_else(|| taken.at.clone());
    let end = reading.time(obr, 8, "OBR-8");
    let end = reading.end(start.as_ref(), end, "OBR-8");
    let issued = reading
        .time(obr, 22, "OBR-22")
        .and_then(|time| time.instant());
    let (start, end) = (
        start.map(|time| time.date_time()),
        end.map(|time| time.date_time()),
    );
    let period = start.is_some() && end.is_some() && start != end;
    let document = "http://jpfhir.jp/fhir/core/CodeSystem/JP_DocumentCodes_CS";
    let group = coded::coding(obr.field(4), 1, Place::Plain, reading.institution);
    fhir! {
        "identifier": Element::list([
            reading.local("order", number.clone()),
            reading.local("filler-order", obr.text(3)),
        ]),
        "basedOn": Element::one(by_number(reading, "ServiceRequest", number)),
        "status": report_status(obr, rows),
        "category": Element::list([
            coded::of_known("http://loinc.org", "LP29693-6", "Laboratory"),
            reading.concept(obr.field(4)),
        ]),
        "code": fhir! {
            "coding": Element::list([
                coded::known(document, "11502-2", "検体検査報告書"),
                group,
            ]),
            "text": obr.field(4).component(2).text(),
        },
        "subject": reading.subject(),
        "encounter": reading.encounter(),
        "effectiveDateTime": start.clone().filter(|_| !period),
        "effectivePeriod": fhir! {"start": start, "end": end}.when(period),
        "issued": issued,
        "specimen": Element::one(taken.specimen.clone().when(taken.is_known())),
        "result": Element::list(rows.iter().map(|row| reference("Observation", &row.id))),
    }
}

impl Taken {
    fn is_known(&self) -> bool {
        matches!(&self.specimen, Element::Object(members)
            if members.iter().any(|(name, _)| *name == "reference"))
    }
}

/// OBR-25; without it, as far as the results are.
fn report_status(obr: Segment<'_>, rows: &[Row<'_>]) -> &'static str {
    match obr.text(25).as_deref() {
        Some("F") => return "final",
        Some("P") => return "preliminary",
        Some("C") => return "corrected",
        Some("X") => return "cancelled",
        Some("A" | "R") => return "partial",
        _ => {}
    }
    let unfinished =
        |row: &Row<'_>| matches!(status(row.obx), "preliminary" | "registered" | "unknown");
    match rows.iter().filter(|row| unfinished(row)).count() {
        // Of what has no result yet nothing is known but that it was asked for.
        _ if rows.is_empty() => "registered",
        0 => "final",
        all if all == rows.len() => "registered",
        _ => "partial",
    }
}
