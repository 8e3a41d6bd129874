//! Making a visit code: the person decides, their phone signs where it must, the code is shown.
//!
//! Source: CONSENT section 4, points 1 and 4.

use std::sync::Arc;

use federation_protocol::category::Scope;
use federation_protocol::consent::{
    Actor, ConsentKind, Context, Criteria, Directive, DirectiveDraft, FhirTime, Performer, Period,
    Practitioner, Provision, ProvisionType, project,
};
use federation_protocol::directory::Membership;
use federation_protocol::evidence;
use federation_protocol::grants::ShownCode;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use super::change::directives_of;
use super::grant::CodeDigest;
use super::mint::random;
use super::pending::NewCode;
use super::{ConsentError, Consents, Decision, EvidenceNeeded, HomeLink, store, wording};
use crate::audit::{self, Kind, Line};
use crate::database::HospitalConnection;

/// Seconds that a code may be redeemed.
pub const CODE_LIFE_SECONDS: i64 = 300;

impl Consents {
    /// What the person's phone has to sign before a code of this decision can be made: nothing,
    /// unless the requester could otherwise mint for itself.
    ///
    /// # Errors
    /// `NoLink`, `Ended`, `Refused`; `Evidence` when care by this node's own staff names nobody.
    pub async fn evidence_needed(
        &self,
        decision: &Decision,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Vec<EvidenceNeeded>, ConsentError> {
        let (decision, links, membership) = (decision.clone(), links.to_vec(), membership.clone());
        let consents = self.clone();
        self.database
            .read(move |connection| {
                let scope = consents.scope_of(connection, &decision, &links, &membership)?;
                consents.evidence_for(&decision, scope, &links, &membership)
            })
            .await
    }

    /// [`Consents::make_code`], and the code alone.
    ///
    /// # Errors
    /// As there.
    pub async fn create_code(
        &self,
        decision: Decision,
        links: Vec<HomeLink>,
        membership: Arc<Membership>,
    ) -> Result<ShownCode, ConsentError> {
        Ok(self.make_code(decision, links, membership).await?.code)
    }

    /// Makes a visit code of the person's decision: 5 minutes, one use.
    ///
    /// # Errors
    /// `NoLink` if a ticked hospital is not linked; `Ended`; `Refused` if the decision leaves
    /// nothing to show; `Evidence` if a signature of the phone is missing or does not fit;
    /// `Entropy`, `Database`.
    pub async fn make_code(
        &self,
        decision: Decision,
        links: Vec<HomeLink>,
        membership: Arc<Membership>,
    ) -> Result<NewCode, ConsentError> {
        let now = self.clock.now();
        let code = ShownCode::new(random()?, random()?);
        let digests = CodeDigest::both(&code, &self.keys);
        let expires_at = now.plus_seconds(CODE_LIFE_SECONDS);
        let id = uuid::Uuid::new_v4().to_string();
        let (consents, made) = (self.clone(), id.clone());
        self.database
            .transact(move |connection| {
                let scope = consents.scope_of(connection, &decision, &links, &membership)?;
                for needed in consents.evidence_for(&decision, scope, &links, &membership)? {
                    check_evidence(&decision, &needed)?;
                }
                store::codes::insert_code(connection, &id, &digests, &decision, now, expires_at)?;
                let line = Line::new(Kind::Grant, now, "person")
                    .person(decision.person.as_str())
                    .peer(&decision.requester)
                    .purpose(decision.purpose)
                    .outcome("code_created")
                    .detail("code", id.as_str());
                audit::append(connection, &line)?;
                Ok::<(), ConsentError>(())
            })
            .await?;
        Ok(NewCode {
            id: made,
            code,
            expires_at,
        })
    }

    /// What the decision lets out today, with everything else the person has decided.
    pub(super) fn scope_of(
        &self,
        connection: &mut HospitalConnection,
        decision: &Decision,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Scope, ConsentError> {
        let now = self.clock.now();
        if decision.ends_at <= now {
            return Err(ConsentError::Ended);
        }
        let linked = |ticked: &MemberId| links.iter().any(|link| link.responder == *ticked);
        let mut ticked = decision.responders.iter().map(|ticked| &ticked.responder);
        if let Some(unknown) = ticked.find(|ticked| !linked(ticked)) {
            return Err(ConsentError::NoLink(unknown.clone()));
        }
        let practitioner = decision.practitioner.as_ref();
        let draft = self.draft_of(decision, practitioner, membership, now)?;
        let mut directives: Vec<Directive> = directives_of(connection, &decision.person)?;
        directives.push(draft.directive());
        let context = Context {
            requester: decision.requester.clone(),
            practitioner: decision.practitioner.clone(),
            purpose: decision.purpose,
            at: now,
        };
        match project(&directives, &context, decision.categories) {
            Ok(projection) => Ok(projection.scope),
            Err(refusal) => Err(ConsentError::Refused(refusal)),
        }
    }

    pub(super) fn evidence_for(
        &self,
        decision: &Decision,
        scope: Scope,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Vec<EvidenceNeeded>, ConsentError> {
        if !self.needs_evidence(&decision.requester, membership) {
            return Ok(Vec::new());
        }
        let care = matches!(decision.purpose, Purpose::Treat | Purpose::Etreat);
        if care && decision.practitioner.is_none() {
            return Err(ConsentError::Evidence(
                "name the practitioner (--practitioner)",
            ));
        }
        let until = Timestamp::from_unix_seconds(decision.ends_at.unix_seconds());
        let message = evidence::Decision {
            client_id: decision.requester.clone(),
            purpose: decision.purpose,
            practitioner: decision.practitioner.clone(),
            scope,
            until,
        }
        .bytes();
        let needed = decision.responders.iter().filter_map(|ticked| {
            let link = links
                .iter()
                .find(|link| link.responder == ticked.responder)?;
            Some(EvidenceNeeded {
                responder: link.responder.clone(),
                device_key: link.device_key.clone(),
                scope,
                until,
                message: message.clone(),
            })
        });
        Ok(needed.collect())
    }

    /// The Consent that redeeming this decision writes, in force from `now`: the moment at which it
    /// is judged too, or a running clock would put its beginning after its first use.
    pub(super) fn draft_of(
        &self,
        decision: &Decision,
        practitioner: Option<&Practitioner>,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<DirectiveDraft, ConsentError> {
        let member = decision.requester.clone();
        let actor = match practitioner {
            Some(known) => Actor::Practitioner {
                member,
                id: known.id.clone(),
            },
            None => Actor::Organization(member),
        };
        let root = Provision {
            kind: ProvisionType::Permit,
            period: Some(Period {
                start: fhir_time(now)?,
                end: fhir_time(decision.ends_at)?,
            }),
            actors: vec![actor],
            purposes: vec![decision.purpose],
            criteria: Criteria {
                classes: Some(decision.categories),
                labels: Some(decision.labels),
                ..Criteria::default()
            },
        };
        let kind = match decision.purpose {
            Purpose::Patrqt => ConsentKind::StorePhr,
            Purpose::Hresch => ConsentKind::Research,
            Purpose::Treat | Purpose::Etreat | Purpose::Pubhlth | Purpose::Btg => {
                ConsentKind::ShareCare
            }
        };
        let name_of = |id: &_| match membership.member(id) {
            Some(member) => member.names.ja.clone(),
            None => id.to_string(),
        };
        Ok(DirectiveDraft {
            kind,
            patient: decision.patient.clone(),
            performer: Performer::Person,
            date_time: now,
            organization: self.me.clone(),
            source: wording::shown(kind, &root, &[], &name_of),
            policy_uri: wording::POLICY_URI.to_owned(),
            root,
            nested: Vec::new(),
        })
    }
}

pub(super) fn check_evidence(
    decision: &Decision,
    needed: &EvidenceNeeded,
) -> Result<(), ConsentError> {
    let mut ticked = decision.responders.iter();
    let signed = ticked
        .find(|ticked| ticked.responder == needed.responder)
        .and_then(|ticked| ticked.evidence.as_ref())
        .ok_or(ConsentError::Evidence("the phone has not signed (--phone)"))?;
    let fits = signed.scope == needed.scope
        && signed.until == needed.until
        && needed
            .device_key
            .verify(&needed.message, &signed.signature)
            .is_ok();
    if fits {
        Ok(())
    } else {
        Err(ConsentError::Evidence("the phone's signature does not fit"))
    }
}

fn fhir_time(at: Timestamp) -> Result<Option<FhirTime>, ConsentError> {
    match FhirTime::parse(&at.to_string()) {
        Ok(time) => Ok(Some(time)),
        Err(_) => Err(ConsentError::Signing("a time beyond the calendar")),
    }
}
