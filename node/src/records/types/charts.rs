//! What FHIR leaves open about a chart: the date that sorts it, and who wrote what is in it.
//!
//! A path names elements from the resource's root; lists are walked.

use fhir_search_parameters::{Catalogue, SearchParameter};

/// How resources of one type stand in a chart.
#[derive(Debug, Clone, Copy)]
pub(in crate::records) struct Chart {
    /// The clinical date: the first path with a date decides. Empty: the first of
    /// [`Chart::when_else`].
    pub(in crate::records) when: &'static [&'static str],
    /// Who wrote it, for `authoredby` in a consent.
    pub(in crate::records) authors: &'static [&'static str],
}

/// Whether resources of this type stand in no chart, though they may name patients.
pub(super) fn names_patients_in_no_chart(kind: &str) -> bool {
    IN_NO_CHART.contains(&kind)
}

/// Their `patient` parameter may name several people, or people whom the resource only mentions.
const IN_NO_CHART: [&str; 7] = [
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Group",
    "Person",
    "Provenance",
    "Schedule",
];

/// Their subject is a list, which may name several people.
const OF_SEVERAL: [&str; 2] = ["Account", "Contract"];

/// Search parameters that give the clinical date of a type without a row below.
const WHEN_ELSE: [&str; 10] = [
    "date",
    "authored",
    "authored-on",
    "created",
    "issued",
    "occurrence",
    "onset-date",
    "period",
    "recorded",
    "sent",
];

impl Chart {
    pub(super) fn of(name: &str) -> Self {
        let row = CHARTS.iter().find(|(of, _, _)| *of == name);
        row.map_or(
            Self {
                when: &[],
                authors: &[],
            },
            |(_, when, authors)| Self { when, authors },
        )
    }

    /// Whether this parameter of `kind` reads what dates it first.
    pub(super) fn is_dated_by(&self, kind: &str, definition: &SearchParameter) -> bool {
        match (self.when.first(), element(kind, definition)) {
            (None, _) => true,
            // `effectiveDateTime` is one form of `effective`.
            (Some(path), Some(element)) => path.starts_with(element),
            (Some(_), None) => false,
        }
    }

    /// The names of the parameters that date a type without paths of its own.
    pub(in crate::records) fn when_else(&self) -> &'static [&'static str] {
        if self.when.is_empty() {
            &WHEN_ELSE
        } else {
            &[]
        }
    }
}

/// Whether this parameter names the patient whose chart a resource is in: `patient`, and what reads
/// the same element.
pub(super) fn names_the_patient(kind: &str, definition: &SearchParameter) -> bool {
    if IN_NO_CHART.contains(&kind) {
        return false;
    }
    let Some(patient) = Catalogue::shipped().named(kind, "patient") else {
        return false;
    };
    let read = element(kind, definition);
    definition.code() == "patient" || (read.is_some() && read == element(kind, patient))
}

/// Whether resources of a type may be about several people.
pub(super) fn may_name_several(kind: &str) -> bool {
    OF_SEVERAL.contains(&kind)
}

/// The first element that a parameter reads: `effective` of `Observation.effective`.
fn element<'d>(kind: &str, definition: &'d SearchParameter) -> Option<&'d str> {
    let (_, path) = definition.expression().split_once(&format!("{kind}."))?;
    let end = path
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(path.len());
    path.get(..end)
}

/// (type, when, authors)
type Line = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip]
const CHARTS: &[Line] = &[
    ("Encounter", &["period"], &["participant.individual"]),
    ("Condition", &["onsetDateTime", "onsetPeriod", "recordedDate"], &["recorder", "asserter"]),
    ("AllergyIntolerance", &["onsetDateTime", "onsetPeriod", "recordedDate"], &["recorder", "asserter"]),
    ("Observation", &["effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming", "issued"], &["performer"]),
    ("DiagnosticReport", &["effectiveDateTime", "effectivePeriod", "issued"], &["performer", "resultsInterpreter"]),
    ("Specimen", &["collection.collectedDateTime", "collection.collectedPeriod", "receivedTime"], &["collection.collector"]),
    ("MedicationRequest", &["authoredOn"], &["requester", "recorder"]),
    ("Coverage", &["period"], &[]),
    ("Immunization", &["occurrenceDateTime", "recorded"], &["performer.actor"]),
    ("Procedure", &["performedDateTime", "performedPeriod"], &["recorder", "asserter", "performer.actor"]),
    ("MedicationStatement", &["effectiveDateTime", "effectivePeriod", "dateAsserted"], &["informationSource"]),
    ("MedicationDispense", &["whenHandedOver", "whenPrepared"], &["performer.actor"]),
    ("MedicationAdministration", &["effectiveDateTime", "effectivePeriod"], &["performer.actor"]),
    ("ImagingStudy", &["started"], &["referrer", "interpreter"]),
    ("Media", &["createdDateTime", "createdPeriod", "issued"], &["operator"]),
    ("FamilyMemberHistory", &["date"], &[]),
    ("DocumentReference", &["date", "context.period"], &["author", "authenticator"]),
    ("Composition", &["date"], &["author", "attester.party"]),
    ("CarePlan", &["period", "created"], &["author"]),
    ("ServiceRequest", &["authoredOn", "occurrenceDateTime", "occurrencePeriod"], &["requester", "performer"]),
    ("QuestionnaireResponse", &["authored"], &["author", "source"]),
    ("Goal", &["startDate", "statusDate"], &["expressedBy"]),
];
