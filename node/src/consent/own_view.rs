//! The person's own view of what other hospitals have of them: home asks for its own person, so the
//! person's device must have signed, one signature for each link.
//!
//! Source: PROTOCOL section 5, `pev`; CONSENT section 4, point 4.

use std::collections::BTreeSet;

use federation_protocol::category::Scope;
use federation_protocol::consent::LabelTerms;
use federation_protocol::directory::Membership;
use federation_protocol::evidence;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use super::change::{first_version, withdraw_in};
use super::grant::StoredGrant;
use super::visit::check_evidence;
use super::{
    ConsentError, Consents, Decision, DirectiveId, Evidence, EvidenceNeeded, HomeLink, Subject,
    TickedResponder, store,
};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

/// The longest that the person's signature may hold, seconds.
pub const LONGEST_OWN_VIEW_SECONDS: i64 = 366 * 86_400;
/// How long a fresh one holds, seconds.
const OWN_VIEW_SECONDS: i64 = 365 * 86_400;
/// With less than this left it is signed anew instead of gone on with, seconds.
const RENEWED_BEFORE_SECONDS: i64 = 30 * 86_400;

/// How a person's own view stands.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnView {
    /// Until when what is signed now will hold.
    pub until: Timestamp,
    /// Until when it is open; `None`: it is not.
    pub open_until: Option<Timestamp>,
    /// Every linked hospital.
    pub hospitals: Vec<OwnViewHospital>,
}

/// One linked hospital in a person's own view.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnViewHospital {
    /// Until when it is covered by a signature that fits; `None`: it is to be signed.
    pub covered_until: Option<Timestamp>,
    /// What the phone signs to have it covered.
    pub needed: EvidenceNeeded,
}

/// What a person hands in to open their own view.
#[derive(Clone, Debug)]
pub struct SignedOwnView {
    /// Until when, as it was signed.
    pub until: Timestamp,
    /// For each hospital the signature of that link's device key.
    pub signatures: Vec<(MemberId, [u8; 64])>,
}

/// The grant that an own view stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnViewGrant {
    /// Its id, as for any other grant.
    pub id: String,
    /// Whether it was not there before: what was held under an earlier one is over.
    pub is_new: bool,
    /// Until when.
    pub until: Timestamp,
}

/// What of an open own view is kept.
struct Open {
    grant: StoredGrant,
    ticked: Vec<TickedResponder>,
}

/// Whose own view it is, and with what.
struct Own<'a> {
    person: &'a PersonId,
    patient: &'a str,
    links: &'a [HomeLink],
    membership: &'a Membership,
}

impl Consents {
    /// How the own view of `person` stands, whose chart here is `Patient/<id>`, and what their phone
    /// signs to open it. With an open one the same end is offered, so that one more hospital needs
    /// one more signature alone.
    ///
    /// # Errors
    /// `Refused` if the person's directives leave nothing to see; `Database`.
    pub async fn own_view(
        &self,
        person: &PersonId,
        patient: &str,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<OwnView, ConsentError> {
        let (person, patient) = (person.clone(), patient.to_owned());
        let (links, membership) = (links.to_vec(), membership.clone());
        let consents = self.clone();
        self.database
            .read(move |connection| {
                let own = Own {
                    person: &person,
                    patient: &patient,
                    links: &links,
                    membership: &membership,
                };
                consents.own_view_of(connection, &own)
            })
            .await
    }

    fn own_view_of(
        &self,
        connection: &mut HospitalConnection,
        own: &Own<'_>,
    ) -> Result<OwnView, ConsentError> {
        let now = self.clock.now();
        let open = self.open_own_view(connection, own.person, now)?;
        let until = offered(open.as_ref(), now);
        let decision = self.own_decision(own, until, Vec::new());
        let scope = self.scope_of(connection, &decision, own.links, own.membership)?;
        let hospitals = self
            .evidence_for(&decision, scope, own.links, own.membership)?
            .into_iter()
            .map(|needed| OwnViewHospital {
                covered_until: self.covered(open.as_ref(), &needed),
                needed,
            });
        Ok(OwnView {
            until,
            hospitals: hospitals.collect(),
            open_until: open.map(|open| open.grant.ends_at),
        })
    }

    /// Opens or widens the person's own view in the caller's transaction: the Consent and the grant,
    /// or the signatures for more hospitals under the one that is open.
    ///
    /// # Errors
    /// Roll back. `Ended` if the end is not ahead, or further than
    /// [`LONGEST_OWN_VIEW_SECONDS`]; `NoLink`; `Evidence` if a signature does not fit; `Refused`.
    pub fn open_own_view_in(
        &self,
        connection: &mut HospitalConnection,
        (person, patient): (&PersonId, &str),
        signed: &SignedOwnView,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<OwnViewGrant, ConsentError> {
        let now = self.clock.now();
        if signed.until.seconds_since(now) > LONGEST_OWN_VIEW_SECONDS {
            return Err(ConsentError::Ended);
        }
        if signed.signatures.is_empty() {
            return Err(ConsentError::Evidence("nothing is signed"));
        }
        let own = Own {
            person,
            patient,
            links,
            membership,
        };
        let decision = self.checked_own_decision(connection, &own, signed)?;
        let open = self.open_own_view(connection, person, now)?;
        match open.filter(|open| open.grant.ends_at == decision.ends_at) {
            Some(open) => self.widen(connection, open.grant, &decision, now),
            None => self.begin(connection, &own, &decision, now),
        }
    }

    /// The decision that was signed, every signature checked.
    fn checked_own_decision(
        &self,
        connection: &mut HospitalConnection,
        own: &Own<'_>,
        signed: &SignedOwnView,
    ) -> Result<Decision, ConsentError> {
        let asked: Vec<_> = signed.signatures.iter().map(|(one, _)| one).collect();
        let once: BTreeSet<_> = asked.iter().collect();
        if once.len() != asked.len() {
            return Err(ConsentError::Evidence("a hospital is signed for twice"));
        }
        let mut decision =
            self.own_decision(own, signed.until, asked.into_iter().cloned().collect());
        let scope = self.scope_of(connection, &decision, own.links, own.membership)?;
        for (ticked, (_, signature)) in decision.responders.iter_mut().zip(&signed.signatures) {
            ticked.evidence = Some(Evidence {
                scope,
                until: signed.until,
                signature: *signature,
            });
        }
        for needed in self.evidence_for(&decision, scope, own.links, own.membership)? {
            check_evidence(&decision, &needed)?;
        }
        Ok(decision)
    }

    fn begin(
        &self,
        connection: &mut HospitalConnection,
        own: &Own<'_>,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<OwnViewGrant, ConsentError> {
        let former = own_grants(connection, &self.me, own.person, now)?;
        let draft = self.draft_of(decision, None, own.membership, now)?;
        let subject = Subject::Person(own.person.clone());
        let stored = first_version(&subject, &draft, now)?;
        store::directives::write(connection, &stored)?;
        let grant = self.keep_decided(connection, decision, None, &stored.id, now)?;
        for old in former {
            withdraw_in(connection, &old.directive, now)?;
        }
        audit::append(connection, &line(&grant, "own_view_opened", now))?;
        Ok(OwnViewGrant {
            id: grant.id,
            is_new: true,
            until: decision.ends_at,
        })
    }

    fn widen(
        &self,
        connection: &mut HospitalConnection,
        grant: StoredGrant,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<OwnViewGrant, ConsentError> {
        store::codes::sign_for(connection, &grant.code, &decision.responders)?;
        audit::append(connection, &line(&grant, "own_view_widened", now))?;
        Ok(OwnViewGrant {
            id: grant.id,
            is_new: false,
            until: decision.ends_at,
        })
    }

    /// Closes the person's own view in the caller's transaction; `false` if it is not open.
    ///
    /// # Errors
    /// Roll back.
    pub fn close_own_view_in(
        &self,
        connection: &mut HospitalConnection,
        person: &PersonId,
    ) -> Result<bool, ConsentError> {
        let now = self.clock.now();
        let open = own_grants(connection, &self.me, person, now)?;
        for grant in &open {
            withdraw_in(connection, &grant.directive, now)?;
            audit::append(connection, &line(grant, "own_view_closed", now))?;
        }
        Ok(!open.is_empty())
    }

    fn open_own_view(
        &self,
        connection: &mut HospitalConnection,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Option<Open>, DatabaseError> {
        let grants = own_grants(connection, &self.me, person, now)?;
        let Some(grant) = grants.into_iter().next() else {
            return Ok(None);
        };
        let ticked = store::codes::responders_of(connection, &grant.code)?;
        Ok(Some(Open { grant, ticked }))
    }

    /// Until when the hospital is covered: its signature still fits its link and what may be seen.
    fn covered(&self, open: Option<&Open>, needed: &EvidenceNeeded) -> Option<Timestamp> {
        let mut ticked = open?.ticked.iter();
        let signed = ticked.find(|ticked| ticked.responder == needed.responder)?;
        let signed = signed.evidence.as_ref()?;
        let message = evidence::Decision {
            client_id: self.me.clone(),
            purpose: Purpose::Patrqt,
            practitioner: None,
            scope: needed.scope,
            until: signed.until,
        }
        .bytes();
        let verified = needed.device_key.verify(&message, &signed.signature);
        (signed.scope == needed.scope && verified.is_ok()).then_some(signed.until)
    }

    /// Everything of the person's own, of every kind and label, for their own request. What their
    /// doctor has not told them yet stays where it is all the same (NOPAT).
    fn own_decision(&self, own: &Own<'_>, until: Timestamp, of: Vec<MemberId>) -> Decision {
        let every = own.links.iter().map(|link| link.responder.clone());
        let of = if of.is_empty() { every.collect() } else { of };
        Decision {
            person: own.person.clone(),
            patient: own.patient.to_owned(),
            requester: self.me.clone(),
            practitioner: None,
            purpose: Purpose::Patrqt,
            categories: Scope::ALL,
            labels: LabelTerms {
                normal: true,
                restricted: true,
                ..LabelTerms::default()
            },
            ends_at: until,
            responders: of
                .into_iter()
                .map(|responder| TickedResponder {
                    responder,
                    evidence: None,
                })
                .collect(),
        }
    }
}

/// The living grants of the home node for its own person, newest first.
fn own_grants(
    connection: &mut HospitalConnection,
    me: &MemberId,
    person: &PersonId,
    now: Timestamp,
) -> Result<Vec<StoredGrant>, DatabaseError> {
    let mut living = Vec::new();
    for grant in store::codes::grants_of(connection, person, me, Purpose::Patrqt, now)? {
        if grant.practitioner.is_none() && is_active(connection, &grant.directive)? {
            living.push(grant);
        }
    }
    Ok(living)
}

fn is_active(
    connection: &mut HospitalConnection,
    directive: &DirectiveId,
) -> Result<bool, DatabaseError> {
    let head = store::directives::find(connection, directive.as_str())?;
    Ok(head.is_some_and(|head| head.status == "active"))
}

/// The end that a signature of now would name: that of the open view while there is enough of it.
fn offered(open: Option<&Open>, now: Timestamp) -> Timestamp {
    let fresh = Timestamp::from_unix_seconds(now.unix_seconds()).plus_seconds(OWN_VIEW_SECONDS);
    match open.map(|open| open.grant.ends_at) {
        Some(end) if end.seconds_since(now) > RENEWED_BEFORE_SECONDS => end,
        _none_or_soon_over => fresh,
    }
}

fn line(grant: &StoredGrant, outcome: &'static str, now: Timestamp) -> Line {
    Line::new(Kind::Grant, now, "person")
        .person(grant.person.as_str())
        .peer(&grant.requester)
        .purpose(grant.purpose)
        .outcome(outcome)
        .detail("grant", grant.id.as_str())
        .detail("directive", grant.directive.as_str())
}
