//! The table itself: data. A new type or parameter is a line here.

use super::{Kind, Parameter, Row};

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
const CONTEXT: Parameter = reference("context", &["context"]);

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
pub(in crate::records) static TABLE: &[Row] = &[
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
            CONTEXT,
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
            CONTEXT,
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
            CONTEXT,
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
