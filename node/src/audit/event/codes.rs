//! Which codes an act has in an AuditEvent.
//!
//! Source: FHIR R4 value sets audit-event-type and audit-event-sub-type; DICOM PS3.16 CID 400 and
//! 401; IHE BALP 1.1.

use serde_json::{Value, json};

use super::super::line::{Kind, Recorded};

/// System, code, display.
pub(super) type Code = (&'static str, &'static str, &'static str);

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const REST: Code = (
    "http://terminology.hl7.org/CodeSystem/audit-event-type",
    "rest",
    "RESTful Operation",
);
const EXPORT: Code = (DCM, "110106", "Export");
const IMPORT: Code = (DCM, "110107", "Import");
const DISCLOSE: Code = (
    "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle",
    "disclose",
    "Disclose Record Lifecycle Event",
);
const ALERT: Code = (DCM, "110113", "Security Alert");
const BY_CONSENT: Code = (
    "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType",
    "AuthZ-Consent",
    "Authorization Decision using Roles and Consent",
);
const AUTHENTICATION: Code = (DCM, "110114", "User Authentication");
const LOGIN: Code = (DCM, "110122", "Login");
const ATTRIBUTES: Code = (DCM, "110137", "User Security Attributes Changed");
const PATIENT_RECORD: Code = (DCM, "110110", "Patient Record");
const APPLICATION: Code = (DCM, "110100", "Application Activity");
const OVERRIDE: Code = (DCM, "110127", "Emergency Override Started");
const LOG_USED: Code = (DCM, "110101", "Audit Log Used");

/// The codes of an act, and the family of BALP profiles that it may fit.
#[derive(Copy, Clone, Debug)]
pub(super) struct Shape {
    pub(super) kind: Code,
    pub(super) subtype: Option<Code>,
    pub(super) action: &'static str,
    pub(super) balp: Option<&'static str>,
}

const fn of(kind: Code, subtype: Option<Code>, action: &'static str) -> Shape {
    Shape {
        kind,
        subtype,
        action,
        balp: None,
    }
}

pub(super) fn coding((system, code, display): Code) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

pub(super) fn shape(line: &Recorded) -> Shape {
    let act = line.detail.get("act").and_then(Value::as_str);
    // What was erased is told of as a use of the log.
    let Some(kind) = Kind::of(&line.kind) else {
        return of(LOG_USED, None, "D");
    };
    match kind {
        Kind::Read => read(act.unwrap_or_default()),
        Kind::Write => write(act.unwrap_or_default()),
        Kind::Query => of(IMPORT, Some(DISCLOSE), "C"),
        Kind::Disclosure => Shape {
            balp: Some("Source"),
            ..of(EXPORT, Some(DISCLOSE), "R")
        },
        Kind::Export => of(EXPORT, None, "R"),
        Kind::Refusal | Kind::TokenMinted | Kind::Grant => of(ALERT, Some(BY_CONSENT), "E"),
        Kind::Directive => of(ALERT, Some(BY_CONSENT), "U"),
        Kind::Revocation => of(ALERT, Some(BY_CONSENT), "D"),
        Kind::Login => of(AUTHENTICATION, Some(LOGIN), "E"),
        Kind::AccessToken => of(ALERT, Some(ATTRIBUTES), "U"),
        Kind::Link => of(PATIENT_RECORD, None, "U"),
        Kind::Directory | Kind::Witness => of(ALERT, None, "E"),
        Kind::Echo | Kind::Reconciliation => of(REST, Some(operation()), "E"),
        Kind::Configuration => of(APPLICATION, None, "E"),
        Kind::AuditRead => of(LOG_USED, None, "R"),
        Kind::Erasure => of(LOG_USED, None, "D"),
        Kind::Emergency => of(ALERT, Some(OVERRIDE), "E"),
    }
}

fn read(act: &str) -> Shape {
    match act {
        "read" => Shape {
            balp: Some("Read"),
            ..of(REST, Some((INTERACTION, "read", "read")), "R")
        },
        "search" => Shape {
            balp: Some("Query"),
            ..of(REST, Some((INTERACTION, "search-type", "search-type")), "E")
        },
        "history" => of(REST, Some((INTERACTION, "history", "history")), "R"),
        "read_audit" => of(LOG_USED, None, "R"),
        _ => of(REST, Some(operation()), "E"),
    }
}

fn write(act: &str) -> Shape {
    match act {
        "transaction" => of(REST, Some((INTERACTION, "transaction", "transaction")), "U"),
        "write" => of(REST, Some((INTERACTION, "update", "update")), "U"),
        _ => of(IMPORT, None, "C"),
    }
}

const fn operation() -> Code {
    (INTERACTION, "operation", "operation")
}
