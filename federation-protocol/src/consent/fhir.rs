//! Reading a FHIR R4 Consent, strictly: what we do not understand could be a limit that the
//! person set, so it is refused, never skipped.

use serde_json::Value;

use crate::base64url;
use crate::category::{CATEGORY_SYSTEM, Scope};
use crate::label::{CONFIDENTIALITY_SYSTEM, LABEL_SYSTEM};
use crate::purpose::{PURPOSE_SYSTEM, Purpose};

use super::{
    Actor, ConsentKind, Criteria, DataMeaning, DataReference, Directive, DirectiveStatus, FhirTime,
    LabelTerms, Provision, ProvisionType,
};

mod element;

use self::element::{At, Fields};

pub(super) const SCOPE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
pub(super) const KIND_SYSTEM: &str = "urn:musubi:consent-kind";
pub(super) const LOINC: &str = "http://loinc.org";
pub(super) const LOINC_CONSENT: &str = "59284-0";
pub(super) const ROLE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
pub(super) const ROLE: &str = "IRCP";
/// The identifier system of member ids.
pub(super) const URI_SYSTEM: &str = "urn:ietf:rfc:3986";
/// Scheme of a name by hash (RFC 6920).
pub(super) const HASH_NAME: &str = "ni:///sha-256;";

/// Why a Consent was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ConsentError {
    /// The element: `Consent.provision.provision[1].actor[0].role`.
    pub path: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

type Parsed<T> = Result<T, ConsentError>;

impl Directive {
    /// Reads a FHIR R4 Consent of the shape of CONSENT section 2.
    ///
    /// Required: `status`, `scope` patient-privacy, `category` (LOINC 59284-0 and one
    /// `urn:musubi:consent-kind` code), `patient`, `dateTime`, `performer`, `organization`,
    /// `sourceAttachment` or `sourceReference`, `policy.uri`, one `provision` with at most one
    /// level below it. A source named by its hash must have that hash.
    ///
    /// # Errors
    /// [`ConsentError`] with the first element that is missing, unknown or not understood.
    pub fn from_fhir(consent: &Value) -> Parsed<Self> {
        let root = At {
            path: "Consent".into(),
            value: consent,
        };
        let fields = root.object(&[
            "resourceType",
            "id",
            "meta",
            "language",
            "text",
            "extension",
            "identifier",
            "status",
            "scope",
            "category",
            "patient",
            "dateTime",
            "performer",
            "organization",
            "sourceAttachment",
            "sourceReference",
            "policy",
            "verification",
            "provision",
        ])?;
        fields.need("resourceType")?.is("Consent")?;
        let status = fields.need("status")?;
        let status = DirectiveStatus::from_code(status.text()?)
            .ok_or_else(|| status.wrong("no such consent state"))?;
        fields
            .need("scope")?
            .concept(SCOPE_SYSTEM, "patient-privacy")?;
        kind(&fields)?;
        fields.need("patient")?.reference(&["Patient"])?;
        let date = fields.need("dateTime")?;
        FhirTime::parse(date.text()?).map_err(|error| date.wrong(&error.to_string()))?;
        for performer in fields.need("performer")?.list()? {
            performer.reference(&["Patient", "RelatedPerson"])?;
        }
        for organization in fields.need("organization")?.list()? {
            organization.reference(&["Organization"])?;
        }
        source(&fields)?;
        for policy in fields.need("policy")?.list()? {
            policy.object(&["authority", "uri"])?.need("uri")?.text()?;
        }
        let provision = fields.need("provision")?;
        let stated = read_provision(&provision, true)?;
        let nested = match provision.object(PROVISION)?.get("provision") {
            None => Vec::new(),
            Some(list) => list
                .list()?
                .iter()
                .map(|it| read_provision(it, false))
                .collect::<Parsed<_>>()?,
        };
        Ok(Self::new(status, stated, nested))
    }

    /// The kind that the category of a Consent names.
    ///
    /// # Errors
    /// [`ConsentError`] when there is none.
    pub fn kind_of_fhir(consent: &Value) -> Parsed<ConsentKind> {
        let root = At {
            path: "Consent".into(),
            value: consent,
        };
        match root.value {
            Value::Object(map) => kind(&Fields { at: &root, map }),
            _ => Err(root.wrong("expected an object")),
        }
    }
}

fn kind(fields: &Fields<'_, '_>) -> Parsed<ConsentKind> {
    let category = fields.need("category")?;
    let (mut is_consent, mut kinds) = (false, Vec::new());
    for concept in category.list()? {
        for coding in concept
            .object(&["coding", "text"])?
            .need("coding")?
            .list()?
        {
            match coding.coding()? {
                (LOINC, LOINC_CONSENT) => is_consent = true,
                (KIND_SYSTEM, code) => kinds.push(
                    ConsentKind::from_code(code)
                        .ok_or_else(|| coding.wrong("no such kind of consent"))?,
                ),
                _ => {}
            }
        }
    }
    match kinds.as_slice() {
        [kind] if is_consent => Ok(*kind),
        _ => Err(category.wrong("expected LOINC 59284-0 and one code of urn:musubi:consent-kind")),
    }
}

fn source(fields: &Fields<'_, '_>) -> Parsed<()> {
    let attachment = match (
        fields.get("sourceAttachment"),
        fields.get("sourceReference"),
    ) {
        (Some(attachment), None) => attachment,
        (None, Some(reference)) => {
            return reference
                .reference(&["DocumentReference", "Consent"])
                .map(drop);
        }
        _ => {
            return Err(fields
                .at
                .wrong("expected one of sourceAttachment and sourceReference"));
        }
    };
    let parts = attachment.object(&[
        "contentType",
        "language",
        "data",
        "url",
        "size",
        "hash",
        "title",
        "creation",
    ])?;
    let (data, url) = (parts.need("data")?, parts.need("url")?);
    let bytes = decode_base64(data.text()?).ok_or_else(|| data.wrong("expected base64"))?;
    if url.text()? == name_by_hash(&bytes) {
        return Ok(());
    }
    Err(url.wrong("expected ni:///sha-256; and the hash of data: the text shown to the person"))
}

/// The name of a text by its hash. Source: RFC 6920 section 3.
pub(super) fn name_by_hash(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("{HASH_NAME}{}", base64url::encode(Sha256::digest(bytes)))
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

const PROVISION: &[&str] = &[
    "id",
    "type",
    "period",
    "actor",
    "securityLabel",
    "purpose",
    "class",
    "dataPeriod",
    "data",
    "provision",
];

fn read_provision(at: &At<'_>, is_root: bool) -> Parsed<Provision> {
    let fields = at.object(PROVISION)?;
    let kind = fields.need("type")?;
    let kind = match kind.text()? {
        "permit" => ProvisionType::Permit,
        "deny" => ProvisionType::Deny,
        _ => return Err(kind.wrong("expected permit or deny")),
    };
    if let (false, Some(deeper)) = (is_root, fields.get("provision")) {
        return Err(deeper.wrong("only one level of provisions below the root is understood"));
    }
    Ok(Provision {
        kind,
        period: fields.get("period").map(|it| it.period()).transpose()?,
        actors: fields.each("actor", read_actor)?,
        purposes: fields.each("purpose", read_purpose)?,
        criteria: Criteria {
            classes: read_classes(&fields)?,
            labels: read_labels(&fields)?,
            data_period: fields.get("dataPeriod").map(|it| it.period()).transpose()?,
            data: fields.each("data", read_data)?,
        },
    })
}

fn read_actor(at: &At<'_>) -> Parsed<Actor> {
    let fields = at.object(&["role", "reference"])?;
    fields.need("role")?.concept(ROLE_SYSTEM, ROLE)?;
    let reference = fields.need("reference")?;
    let parts = reference.object(&["type", "identifier", "display"])?;
    let identifier = parts.need("identifier")?;
    let names = identifier.object(&["system", "value"])?;
    let (system, value) = (names.need("system")?, names.need("value")?);
    let member = |at: &At<'_>| {
        at.text()?
            .parse()
            .map_err(|_none| at.wrong("expected a member id"))
    };
    match parts.need("type")?.text()? {
        "Organization" => {
            system.is(URI_SYSTEM)?;
            Ok(Actor::Organization(member(&value)?))
        }
        "Practitioner" => Ok(Actor::Practitioner {
            member: member(&system)?,
            id: value.text()?.to_owned(),
        }),
        _ => Err(reference.wrong("expected type Organization or Practitioner: never everyone")),
    }
}

fn read_purpose(at: &At<'_>) -> Parsed<Purpose> {
    match at.coding()? {
        (PURPOSE_SYSTEM, code) => code
            .parse()
            .map_err(|_none| at.wrong("no such purpose of use")),
        _ => Err(at.wrong("expected a code of v3-ActReason")),
    }
}

fn read_classes(fields: &Fields<'_, '_>) -> Parsed<Option<Scope>> {
    let classes = fields.each("class", |at| match at.coding()? {
        (CATEGORY_SYSTEM, code) => code
            .parse()
            .map_err(|_none| at.wrong("no such kind of data")),
        _ => Err(at.wrong("expected a code of urn:musubi:category")),
    })?;
    Ok((!classes.is_empty()).then(|| classes.into_iter().collect()))
}

fn read_labels(fields: &Fields<'_, '_>) -> Parsed<Option<LabelTerms>> {
    let words = fields.each("securityLabel", |at| match at.coding()? {
        (CONFIDENTIALITY_SYSTEM, code @ ("N" | "R")) => Ok(code),
        (LABEL_SYSTEM, "TBOO") => Ok("NOPAT"),
        (LABEL_SYSTEM, code @ ("PSY" | "HIV" | "SDV" | "ETH" | "GDIS")) => Ok(code),
        _ => Err(at.wrong(
            "expected v3-Confidentiality N or R, or v3-ActCode PSY, HIV, SDV, ETH, GDIS or TBOO",
        )),
    })?;
    let terms = words
        .into_iter()
        .fold(LabelTerms::default(), |terms, word| {
            terms.with_word(word).unwrap_or(terms)
        });
    Ok((!terms.is_empty()).then_some(terms))
}

fn read_data(at: &At<'_>) -> Parsed<DataReference> {
    let fields = at.object(&["meaning", "reference"])?;
    let meaning = fields.need("meaning")?;
    let meaning = match meaning.text()? {
        "instance" => DataMeaning::Instance,
        "related" => DataMeaning::Related,
        "authoredby" => DataMeaning::Authoredby,
        _ => return Err(meaning.wrong("expected instance, related or authoredby")),
    };
    Ok(DataReference {
        meaning,
        reference: fields.need("reference")?.target()?.to_owned(),
    })
}

#[cfg(test)]
mod tests;
