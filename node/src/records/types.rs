//! The table of what is stored: which types, whose chart each belongs to, when it happened, and
//! what it can be searched by. There is no code per type; a new type or parameter is a line here.
//!
//! A path names elements from the resource's root; lists are walked. What an element's value means
//! (a coding, an identifier, a period, …) is seen from its shape.
//!
//! Source: FHIR R4 search parameter registry; JP Core 1.2.0 server CapabilityStatement.

use std::fmt;

/// One row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// Stored in the database: never changed, never reused.
    pub(super) code: i16,
    pub(super) name: &'static str,
    /// Where the patient is named; the first that names one decides. Empty: in no chart.
    pub(super) patient: &'static [&'static str],
    /// The clinical date: the first path with a date decides.
    pub(super) when: &'static [&'static str],
    /// Who wrote it, for `authoredby` in a consent.
    pub(super) authors: &'static [&'static str],
    pub(super) parameters: &'static [Parameter],
}

/// One search parameter of one type.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) paths: &'static [&'static str],
}

/// What a parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Codings, identifiers: `system|code`, `|code`, `code`.
    Token,
    /// A bare code whose system the element implies.
    Code,
    /// A date or a period.
    Date,
    /// The clinical date of [`Row::when`].
    When,
    /// Text, folded, by its beginning.
    Text,
    /// A reference to another resource.
    Reference,
    /// The patient of [`Row::patient`].
    Patient,
}

const fn token(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter {
        name,
        kind: Kind::Token,
        paths,
    }
}
const fn code(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter {
        name,
        kind: Kind::Code,
        paths,
    }
}
const fn date(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter {
        name,
        kind: Kind::Date,
        paths,
    }
}
const fn text(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        paths,
    }
}
const fn reference(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter {
        name,
        kind: Kind::Reference,
        paths,
    }
}
const WHEN: Parameter = Parameter {
    name: "date",
    kind: Kind::When,
    paths: &[],
};
const PATIENT: Parameter = Parameter {
    name: "patient",
    kind: Kind::Patient,
    paths: &[],
};
const SUBJECT: Parameter = Parameter {
    name: "subject",
    kind: Kind::Patient,
    paths: &[],
};
const IDENTIFIER: Parameter = token("identifier", &["identifier"]);
const STATUS: Parameter = code("status", &["status"]);
const CODE: Parameter = token("code", &["code"]);
const CATEGORY: Parameter = token("category", &["category"]);
const ENCOUNTER: Parameter = reference("encounter", &["encounter"]);

const NAME: Parameter = text(
    "name",
    &[
        "name.text",
        "name.family",
        "name.given",
        "name.prefix",
        "name.suffix",
    ],
);
const FAMILY: Parameter = text("family", &["name.family"]);
const GIVEN: Parameter = text("given", &["name.given"]);

const fn row(code: i16, name: &'static str) -> Row {
    Row {
        code,
        name,
        patient: &[],
        when: &[],
        authors: &[],
        parameters: &[],
    }
}

/// Every type that is served. `Consent` belongs to the consent room.
pub(super) static TABLE: &[Row] = &[
    Row {
        // A Patient's own chart is itself: see `extract`.
        parameters: &[
            IDENTIFIER,
            NAME,
            FAMILY,
            GIVEN,
            date("birthdate", &["birthDate"]),
            code("gender", &["gender"]),
            text("phonetic", &["name.text", "name.family", "name.given"]),
            text("address-postalcode", &["address.postalCode"]),
            reference("organization", &["managingOrganization"]),
        ],
        ..row(1, "Patient")
    },
    Row {
        parameters: &[IDENTIFIER, NAME, FAMILY, GIVEN],
        ..row(2, "Practitioner")
    },
    Row {
        parameters: &[
            IDENTIFIER,
            reference("practitioner", &["practitioner"]),
            reference("organization", &["organization"]),
            token("specialty", &["specialty"]),
            token("role", &["code"]),
        ],
        ..row(3, "PractitionerRole")
    },
    Row {
        parameters: &[
            IDENTIFIER,
            text("name", &["name", "alias"]),
            token("type", &["type"]),
        ],
        ..row(4, "Organization")
    },
    Row {
        parameters: &[IDENTIFIER, text("name", &["name", "alias"]), STATUS],
        ..row(5, "Location")
    },
    Row {
        patient: &["subject"],
        when: &["period"],
        authors: &["participant.individual"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            STATUS,
            token("class", &["class"]),
            token("type", &["type"]),
        ],
        ..row(6, "Encounter")
    },
    Row {
        patient: &["subject"],
        when: &["onsetDateTime", "onsetPeriod", "recordedDate"],
        authors: &["recorder", "asserter"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            CODE,
            CATEGORY,
            token("clinical-status", &["clinicalStatus"]),
            token("verification-status", &["verificationStatus"]),
            date("onset-date", &["onsetDateTime", "onsetPeriod"]),
            date("recorded-date", &["recordedDate"]),
            ENCOUNTER,
        ],
        ..row(7, "Condition")
    },
    Row {
        patient: &["patient"],
        when: &["onsetDateTime", "onsetPeriod", "recordedDate"],
        authors: &["recorder", "asserter"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            // In base FHIR `date` here is recordedDate alone; see `recorded-date` for just that.
            WHEN,
            token("code", &["code", "reaction.substance"]),
            code("category", &["category"]),
            token("clinical-status", &["clinicalStatus"]),
            token("verification-status", &["verificationStatus"]),
            code("criticality", &["criticality"]),
            code("type", &["type"]),
            date("recorded-date", &["recordedDate"]),
            date("onset", &["reaction.onset"]),
        ],
        ..row(8, "AllergyIntolerance")
    },
    Row {
        patient: &["subject"],
        when: &[
            "effectiveDateTime",
            "effectivePeriod",
            "effectiveInstant",
            "effectiveTiming",
            "issued",
        ],
        authors: &["performer"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            CODE,
            CATEGORY,
            STATUS,
            date("issued", &["issued"]),
            reference("specimen", &["specimen"]),
            ENCOUNTER,
        ],
        ..row(9, "Observation")
    },
    Row {
        patient: &["subject"],
        when: &["effectiveDateTime", "effectivePeriod", "issued"],
        authors: &["performer", "resultsInterpreter"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            CODE,
            CATEGORY,
            STATUS,
            date("issued", &["issued"]),
            reference("result", &["result"]),
            reference("specimen", &["specimen"]),
            ENCOUNTER,
        ],
        ..row(10, "DiagnosticReport")
    },
    Row {
        patient: &["subject"],
        when: &[
            "collection.collectedDateTime",
            "collection.collectedPeriod",
            "receivedTime",
        ],
        authors: &["collection.collector"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            STATUS,
            token("type", &["type"]),
            date(
                "collected",
                &["collection.collectedDateTime", "collection.collectedPeriod"],
            ),
        ],
        ..row(11, "Specimen")
    },
    Row {
        patient: &["subject"],
        when: &["authoredOn"],
        authors: &["requester", "recorder"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            token("code", &["medicationCodeableConcept"]),
            CATEGORY,
            STATUS,
            code("intent", &["intent"]),
            date("authoredon", &["authoredOn"]),
            reference("medication", &["medicationReference"]),
            reference("requester", &["requester"]),
            ENCOUNTER,
        ],
        ..row(12, "MedicationRequest")
    },
    Row {
        parameters: &[IDENTIFIER, CODE, STATUS],
        ..row(13, "Medication")
    },
    Row {
        patient: &["beneficiary"],
        when: &["period"],
        authors: &[],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            Parameter {
                name: "beneficiary",
                kind: Kind::Patient,
                paths: &[],
            },
            STATUS,
            token("type", &["type"]),
            reference("payor", &["payor"]),
        ],
        ..row(14, "Coverage")
    },
    Row {
        patient: &["patient"],
        when: &["occurrenceDateTime", "recorded"],
        authors: &["performer.actor"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            WHEN,
            token("code", &["vaccineCode"]),
            token("vaccine-code", &["vaccineCode"]),
            STATUS,
            text("lot-number", &["lotNumber"]),
        ],
        ..row(15, "Immunization")
    },
    Row {
        patient: &["subject"],
        when: &["performedDateTime", "performedPeriod"],
        authors: &["recorder", "asserter", "performer.actor"],
        parameters: &[
            IDENTIFIER, PATIENT, SUBJECT, WHEN, CODE, CATEGORY, STATUS, ENCOUNTER,
        ],
        ..row(16, "Procedure")
    },
    Row {
        patient: &["subject"],
        when: &["effectiveDateTime", "effectivePeriod", "dateAsserted"],
        authors: &["informationSource"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            token("code", &["medicationCodeableConcept"]),
            CATEGORY,
            STATUS,
            date("effective", &["effectiveDateTime", "effectivePeriod"]),
        ],
        ..row(17, "MedicationStatement")
    },
    Row {
        patient: &["subject"],
        when: &["whenHandedOver", "whenPrepared"],
        authors: &["performer.actor"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            token("code", &["medicationCodeableConcept"]),
            STATUS,
            date("whenhandedover", &["whenHandedOver"]),
            date("whenprepared", &["whenPrepared"]),
        ],
        ..row(18, "MedicationDispense")
    },
    Row {
        patient: &["subject"],
        when: &["effectiveDateTime", "effectivePeriod"],
        authors: &["performer.actor"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            token("code", &["medicationCodeableConcept"]),
            STATUS,
            date("effective-time", &["effectiveDateTime", "effectivePeriod"]),
        ],
        ..row(19, "MedicationAdministration")
    },
    Row {
        patient: &["subject"],
        when: &["started"],
        authors: &["referrer", "interpreter"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            STATUS,
            token("modality", &["series.modality"]),
            date("started", &["started"]),
            ENCOUNTER,
        ],
        ..row(20, "ImagingStudy")
    },
    Row {
        patient: &["subject"],
        when: &["createdDateTime", "createdPeriod", "issued"],
        authors: &["operator"],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            SUBJECT,
            WHEN,
            STATUS,
            token("modality", &["modality"]),
            token("type", &["type"]),
            date("created", &["createdDateTime", "createdPeriod"]),
        ],
        ..row(21, "Media")
    },
    Row {
        patient: &["patient"],
        when: &["date"],
        authors: &[],
        parameters: &[
            IDENTIFIER,
            PATIENT,
            WHEN,
            STATUS,
            token("code", &["condition.code"]),
            token("relationship", &["relationship"]),
        ],
        ..row(22, "FamilyMemberHistory")
    },
    Row {
        parameters: &[IDENTIFIER, STATUS, text("name", &["name"])],
        ..row(23, "Endpoint")
    },
];

/// A type of resource that this node serves.
#[derive(Clone, Copy)]
pub struct ResourceType(&'static Row);

impl ResourceType {
    /// The type of that name, if it is served.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(Self)
    }

    pub(super) fn coded(code: i16) -> Option<Self> {
        TABLE.iter().find(|row| row.code == code).map(Self)
    }

    /// Every type that is served, in the table's order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The FHIR name, as in `resourceType`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) fn code(self) -> i16 {
        self.0.code
    }

    pub(super) fn row(self) -> &'static Row {
        self.0
    }

    /// Whether resources of this type stand in a patient's chart.
    #[must_use]
    pub fn in_a_chart(self) -> bool {
        !self.0.patient.is_empty() || self.0.name == "Patient"
    }

    /// The search parameter of that name, and its slot in the index tables.
    pub(super) fn parameter(self, name: &str) -> Option<(i16, &'static Parameter)> {
        self.parameters()
            .find(|(_, parameter)| parameter.name == name)
    }

    /// Every search parameter with its slot.
    pub(super) fn parameters(self) -> impl Iterator<Item = (i16, &'static Parameter)> {
        let first = self.0.code.saturating_mul(SLOTS_PER_TYPE);
        (first..).zip(self.0.parameters)
    }
}

/// Room for this many parameters of one type in the numbering of slots.
const SLOTS_PER_TYPE: i16 = 128;

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for ResourceType {}

impl std::hash::Hash for ResourceType {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.code.hash(state);
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_names_and_parameters_are_unique() {
        let codes: BTreeSet<_> = TABLE.iter().map(|row| row.code).collect();
        let names: BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!((codes.len(), names.len()), (TABLE.len(), TABLE.len()));
        for kind in ResourceType::all() {
            let parameters: BTreeSet<_> = kind.parameters().map(|(_, p)| p.name).collect();
            assert_eq!(parameters.len(), kind.row().parameters.len(), "{kind}");
            assert!(parameters.len() < usize::try_from(SLOTS_PER_TYPE).unwrap_or(0));
        }
    }
}
