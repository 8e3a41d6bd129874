//! What a person finds beside results and medicines: allergies, vaccinations, documents, visits and
//! the next appointment.

use jiff::civil::Date;
use serde_json::Value;

use super::fhir::{Exact, Held, When, clean, codes, concept, list, shown, text, when};

/// The most of each that is looked at.
const MOST: usize = 2_000;

/// An allergy or intolerance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Allergy {
    /// Which of the hospitals wrote it.
    pub(super) hospital: usize,
    /// What is not tolerated.
    pub(super) of: String,
    /// What happened; each a few words.
    pub(super) reactions: Vec<String>,
    /// The hospital calls it dangerous.
    pub(super) is_grave: bool,
    /// Suspected, not sure.
    pub(super) is_suspected: bool,
    /// When it was first seen, as exactly as it is known.
    pub(super) since: Option<When>,
}

/// The allergies among what is held: dangerous ones first. What was refuted is not one.
pub(super) fn allergies(held: &[Held]) -> Vec<Allergy> {
    let written = of_kind(held, "AllergyIntolerance");
    let mut allergies: Vec<Allergy> = written.filter_map(allergy).collect();
    allergies.sort_by(|a, b| (!a.is_grave, &a.of).cmp(&(!b.is_grave, &b.of)));
    allergies
}

fn allergy(held: &Held) -> Option<Allergy> {
    let said = &held.resource;
    let one_of = |member: &str, word: &str| {
        let concept = said.get(member);
        concept.is_some_and(|concept| codes(concept).any(|(_, code)| code == word))
    };
    let void = one_of("verificationStatus", "entered-in-error")
        || one_of("verificationStatus", "refuted")
        || one_of("clinicalStatus", "resolved");
    let reactions =
        list(said, "reaction").flat_map(|one| list(one, "manifestation").filter_map(concept));
    Some(Allergy {
        hospital: held.hospital,
        of: said.get("code").and_then(concept).filter(|_| !void)?,
        reactions: reactions.take(6).collect(),
        is_grave: text(said, "criticality") == Some("high"),
        is_suspected: one_of("verificationStatus", "unconfirmed"),
        since: when(said, &["onsetDateTime", "onsetPeriod"]),
    })
}

/// A vaccination.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Vaccination {
    /// Which of the hospitals wrote it.
    pub(super) hospital: usize,
    /// The vaccine.
    pub(super) vaccine: String,
    /// When it was given.
    pub(super) given: When,
    /// The number of the lot; empty where it is not said.
    pub(super) lot: String,
}

/// The vaccinations among what is held, newest first.
pub(super) fn vaccinations(held: &[Held]) -> Vec<Vaccination> {
    let written = of_kind(held, "Immunization");
    let given =
        written.filter(|one| !one.is_void() && text(&one.resource, "status") != Some("not-done"));
    let mut all: Vec<Vaccination> = given
        .filter_map(|one| {
            let said = &one.resource;
            Some(Vaccination {
                hospital: one.hospital,
                vaccine: said.get("vaccineCode").and_then(concept)?,
                given: when(said, &["occurrenceDateTime"])?,
                lot: text(said, "lotNumber").map(clean).unwrap_or_default(),
            })
        })
        .collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.given));
    all
}

/// What kind of paper a document is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Paper {
    /// A letter to another hospital.
    Referral,
    /// The summary at the end of a stay.
    Summary,
    /// The report of laboratory, image or another examination.
    Report,
    /// Any other.
    Other,
}

impl Paper {
    /// The word in keys of texts.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Referral => "referral",
            Self::Summary => "summary",
            Self::Report => "report",
            Self::Other => "other",
        }
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    /// Which of the hospitals wrote it.
    pub(super) hospital: usize,
    /// What kind it is.
    pub(super) paper: Paper,
    /// What it calls itself.
    pub(super) title: String,
    /// When it was written.
    pub(super) written: When,
    /// Who wrote it.
    pub(super) author: Option<String>,
    /// What it says in short; empty where it says nothing.
    pub(super) says: String,
}

/// The documents among what is held, newest first.
pub(super) fn documents(held: &[Held]) -> Vec<Document> {
    let wanted = ["DocumentReference", "Composition", "DiagnosticReport"];
    let written = held
        .iter()
        .filter(|one| wanted.contains(&one.kind()) && !one.is_void());
    let mut all: Vec<Document> = written.take(MOST).filter_map(document).collect();
    all.sort_by(|a, b| (b.written, &a.title).cmp(&(a.written, &b.title)));
    all
}

fn document(held: &Held) -> Option<Document> {
    let said = &held.resource;
    let kind = said.get("type").or_else(|| said.get("code"));
    let attachment = list(said, "content").find_map(|one| text(one.get("attachment")?, "title"));
    let title = text(said, "title")
        .or(attachment)
        .map(clean)
        .filter(|title| !title.is_empty())
        .or_else(|| kind.and_then(concept));
    let author = list(said, "author")
        .chain(list(said, "performer"))
        .find_map(shown);
    let says = text(said, "conclusion").or_else(|| text(said, "description"));
    Some(Document {
        hospital: held.hospital,
        paper: paper(held.kind(), kind),
        title: title?,
        written: when(
            said,
            &["date", "issued", "effectiveDateTime", "effectivePeriod"],
        )?,
        author,
        says: says.map(clean).unwrap_or_default(),
    })
}

/// Source: LOINC document types 57133-1 (referral note) and 18842-5 (discharge summary).
fn paper(kind: &str, of: Option<&Value>) -> Paper {
    if kind == "DiagnosticReport" {
        return Paper::Report;
    }
    let found = of
        .into_iter()
        .flat_map(codes)
        .find_map(|(_, code)| match code {
            "57133-1" | "57134-9" => Some(Paper::Referral),
            "18842-5" | "34105-7" => Some(Paper::Summary),
            "11502-2" | "18748-4" | "18725-2" => Some(Paper::Report),
            _ => None,
        });
    found.unwrap_or(Paper::Other)
}

/// A visit or a stay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Visit {
    /// Which of the hospitals.
    pub(super) hospital: usize,
    /// The department; empty where it is not said.
    pub(super) department: String,
    /// Who saw the person.
    pub(super) seen_by: Option<String>,
    /// When it began.
    pub(super) from: When,
    /// The last day of a stay.
    pub(super) until: Option<When>,
    /// In hospital overnight.
    pub(super) is_stay: bool,
}

/// The visits among what is held, newest first: what was, not what is planned.
pub(super) fn visits(held: &[Held]) -> Vec<Visit> {
    let written = of_kind(held, "Encounter");
    let was = written.filter(|one| {
        let status = text(&one.resource, "status").unwrap_or_default();
        !one.is_void() && !matches!(status, "planned" | "unknown")
    });
    let mut all: Vec<Visit> = was.filter_map(visit).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.from));
    all
}

fn visit(held: &Held) -> Option<Visit> {
    let said = &held.resource;
    let class = said.get("class").and_then(|class| text(class, "code"));
    let is_stay = matches!(class, Some("IMP" | "ACUTE" | "NONAC"));
    let until = when(said.get("period")?, &["end"]);
    Some(Visit {
        hospital: held.hospital,
        department: said
            .get("serviceType")
            .and_then(concept)
            .unwrap_or_default(),
        seen_by: list(said, "participant").find_map(|one| shown(one.get("individual")?)),
        from: when(said, &["period"])?,
        until: until.filter(|_| is_stay),
        is_stay,
    })
}

/// An appointment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Appointment {
    /// Which of the hospitals.
    pub(super) hospital: usize,
    /// When.
    pub(super) at: When,
    /// The department, or what it is for; empty where it is not said.
    pub(super) what: String,
    /// With whom.
    pub(super) with: Option<String>,
    /// What to know before, such as to come without breakfast; empty where nothing is said.
    pub(super) note: String,
}

/// The appointments from `today` on, the next first.
pub(super) fn appointments(held: &[Held], today: Date) -> Vec<Appointment> {
    let booked = held.iter().filter(|one| is_booked(one));
    let mut all: Vec<Appointment> = booked
        .take(MOST)
        .filter_map(appointment)
        .filter(|one| one.at.day >= today && one.at.exact == Exact::Day)
        .collect();
    all.sort_by_key(|one| one.at);
    all
}

fn is_booked(held: &Held) -> bool {
    let status = text(&held.resource, "status").unwrap_or_default();
    match held.kind() {
        "Appointment" => matches!(status, "booked" | "pending" | "arrived" | "checked-in"),
        "Encounter" => status == "planned",
        _ => false,
    }
}

fn appointment(held: &Held) -> Option<Appointment> {
    let said = &held.resource;
    let what = list(said, "serviceType")
        .find_map(concept)
        .or_else(|| said.get("serviceType").and_then(concept))
        .or_else(|| list(said, "specialty").find_map(concept))
        .or_else(|| text(said, "description").map(clean));
    let participants = list(said, "participant");
    let with = participants
        .filter_map(|one| one.get("actor").or_else(|| one.get("individual")))
        .find(|actor| !text(actor, "reference").is_some_and(|to| to.starts_with("Patient/")))
        .and_then(shown);
    Some(Appointment {
        hospital: held.hospital,
        at: when(said, &["start", "period"])?,
        what: what.unwrap_or_default(),
        with,
        note: text(said, "patientInstruction")
            .map(clean)
            .unwrap_or_default(),
    })
}

fn of_kind<'h>(held: &'h [Held], kind: &'static str) -> impl Iterator<Item = &'h Held> {
    held.iter().filter(move |one| one.kind() == kind).take(MOST)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::patient::testing::any_resource;

    fn one(resource: Value) -> [Held; 1] {
        [Held {
            hospital: 0,
            resource,
        }]
    }

    #[test]
    fn a_refuted_allergy_is_none() {
        let said = |status: &str| {
            one(json!({
                "resourceType": "AllergyIntolerance",
                "verificationStatus": {"coding": [{"code": status}]},
                "criticality": "high",
                "code": {"text": "ペニシリン系抗菌薬"},
                "reaction": [{"manifestation": [{"text": "全身性のじんま疹"}]}],
                "onsetDateTime": "1987",
            }))
        };
        assert!(allergies(&said("refuted")).is_empty());
        assert!(allergies(&said("entered-in-error")).is_empty());
        let found = allergies(&said("confirmed"));
        assert!(found[0].is_grave && found[0].reactions == ["全身性のじんま疹"]);
    }

    #[test]
    fn the_next_appointment_is_the_nearest_that_is_not_over() {
        let today = date(2026, 11, 30);
        let held: Vec<Held> = [
            "2026-12-08T10:00:00+09:00",
            "2026-11-29T10:00:00+09:00",
            "2026-11-30T08:00:00+09:00",
        ]
        .into_iter()
        .flat_map(|start| {
            one(json!({"resourceType": "Appointment", "status": "booked", "start": start}))
        })
        .collect();
        let days: Vec<i8> = appointments(&held, today)
            .iter()
            .map(|one| one.at.day.day())
            .collect();
        assert_eq!(days, [30, 8]);
        let cancelled = one(
            json!({"resourceType": "Appointment", "status": "cancelled", "start": "2026-12-08T10:00:00+09:00"}),
        );
        assert!(appointments(&cancelled, today).is_empty());
    }

    #[test]
    fn a_planned_visit_is_an_appointment_and_no_visit() {
        let held = one(json!({
            "resourceType": "Encounter", "status": "planned", "serviceType": {"text": "内科"},
            "participant": [{"individual": {"reference": "Practitioner/1", "display": "林 恵子"}}],
            "period": {"start": "2026-12-08T10:00:00+09:00"},
        }));
        assert!(visits(&held).is_empty());
        let next = &appointments(&held, date(2026, 11, 30))[0];
        assert_eq!(
            (next.what.as_str(), next.with.as_deref()),
            ("内科", Some("林 恵子"))
        );
    }

    #[test]
    fn a_letter_is_known_by_its_type() {
        let held = one(json!({
            "resourceType": "DocumentReference", "status": "current", "date": "2026-11-20",
            "type": {"coding": [{"code": "57133-1"}], "text": "診療情報提供書"},
        }));
        let found = &documents(&held)[0];
        assert_eq!(
            (found.paper, found.title.as_str()),
            (Paper::Referral, "診療情報提供書")
        );
    }

    proptest! {
        #[test]
        fn whatever_a_hospital_sends_is_shown_or_not(
            resources in prop::collection::vec(any_resource("Encounter"), 0..6),
            kind in prop::sample::select(vec!["AllergyIntolerance", "Immunization", "Appointment", "DocumentReference", "Composition", "DiagnosticReport", "Encounter"]),
        ) {
            let held: Vec<Held> = resources.into_iter().map(|mut resource| {
                resource["resourceType"] = json!(kind);
                Held { hospital: 0, resource }
            }).collect();
            let shown = allergies(&held).len() + vaccinations(&held).len() + documents(&held).len()
                + visits(&held).len() + appointments(&held, date(2026, 1, 1)).len();
            prop_assert!(shown <= held.len());
        }
    }
}
