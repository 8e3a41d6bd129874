//! Codes on paper, for a visit without a phone (当日同意): a sheet that the person got at home, each
//! code good once. It counts only with a witness: a member of the requester's staff who saw the
//! person consent on the requester's own screen.
//!
//! What a paper code can open is narrow, for paper can be lost: normal data, for treatment, for at
//! most 12 hours, from the hospitals that the person chose when the sheet was made; never for a
//! requester that could mint for itself; a few a day. The person sees each use, with its witness,
//! and takes it back like any consent. See docs/adr/0012.

use federation_protocol::category::Scope;
use federation_protocol::consent::LabelTerms;
use federation_protocol::directory::Membership;
use federation_protocol::grants::{PlainCode, Witness};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;
use federation_protocol::{base64url, token};

use super::grant::CodeDigest;
use super::mint::random;
use super::redeem::{Asker, Carried, MISS_WINDOW_SECONDS, MOST_MISSES};
use super::{
    Answer, ConsentError, Consents, Decision, DirectiveId, HomeLink, LinksOf, Redemption,
    TickedResponder, store,
};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

/// Codes on one sheet.
pub const CODES_ON_A_SHEET: usize = 8;
/// How long a sheet is good, seconds.
const SHEET_SECONDS: i64 = 365 * 86_400;
/// How many paper codes of one person open something within [`DAY_SECONDS`].
const MOST_A_DAY: i64 = 3;
const DAY_SECONDS: i64 = 86_400;

/// A sheet that was just made: its codes are shown once, on paper.
pub struct NewSheet {
    /// Its id: revokes it.
    pub id: String,
    /// The codes, in their form for people.
    pub codes: Vec<PlainCode>,
    /// Until when they can be handed in.
    pub expires_at: Timestamp,
}

/// A sheet as its person sees it: everything but its codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: PersonId,
    /// What a Consent calls them: `Patient/<id>`.
    pub patient: String,
    /// From which hospitals its codes show something.
    pub hospitals: Vec<MemberId>,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when its codes can be handed in.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// How many of its codes are left.
    pub left: usize,
}

/// A paper code that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperUse {
    /// The directive that came of it: withdraws it.
    pub directive: DirectiveId,
    /// Which hospital.
    pub requester: MemberId,
    /// Which practitioner there.
    pub practitioner: String,
    /// Who of its staff saw the person consent, and their role.
    pub witness: (String, String),
    /// SHA-256 of the text that the person was shown.
    pub text: [u8; 32],
    /// Which kinds of data.
    pub categories: Scope,
    /// When.
    pub used_at: Timestamp,
    /// Until when it holds.
    pub ends_at: Timestamp,
}

/// A paper code that can be used, with its sheet.
pub(super) struct Usable {
    pub(super) code: String,
    pub(super) sheet: Sheet,
}

impl Consents {
    /// Makes a sheet for `person`, whose chart here is `Patient/<id>`, good for `hospitals`. `by` is
    /// the role and the id of who made it, for the audit.
    ///
    /// # Errors
    /// `NoLink` if a hospital is not linked; `Refused` without any; `Entropy`, `Database`.
    pub async fn make_sheet(
        &self,
        (person, patient): (&PersonId, &str),
        hospitals: Vec<MemberId>,
        links: &[HomeLink],
        by: (&'static str, Option<String>),
    ) -> Result<NewSheet, ConsentError> {
        let linked = |one: &MemberId| links.iter().any(|link| link.responder == *one);
        if let Some(unknown) = hospitals.iter().find(|one| !linked(one)) {
            return Err(ConsentError::NoLink(unknown.clone()));
        }
        if hospitals.is_empty() {
            return Err(ConsentError::Refused(Refusal::ConsentNotGranted));
        }
        let now = self.clock.now();
        let codes = (0..CODES_ON_A_SHEET).map(|_| Ok(PlainCode::short(random()?)));
        let codes = codes.collect::<Result<Vec<_>, ConsentError>>()?;
        let digests: Vec<_> = codes
            .iter()
            .map(|one| CodeDigest::of(one, &self.keys))
            .collect();
        let sheet = Sheet {
            id: uuid::Uuid::new_v4().to_string(),
            person: person.clone(),
            patient: patient.to_owned(),
            hospitals,
            made_at: now,
            expires_at: now.plus_seconds(SHEET_SECONDS),
            revoked_at: None,
            left: codes.len(),
        };
        let (id, expires_at) = (sheet.id.clone(), sheet.expires_at);
        self.database
            .transact(move |connection| {
                store::paper::insert_sheet(connection, &sheet, &digests)?;
                let (role, actor) = &by;
                let line = Line::new(Kind::Grant, now, role)
                    .person(sheet.person.as_str())
                    .outcome("paper_made")
                    .detail("sheet", sheet.id.as_str());
                let line = match actor {
                    Some(id) => line.actor_id(id),
                    None => line,
                };
                audit::append(connection, &line)?;
                Ok::<_, ConsentError>(())
            })
            .await?;
        Ok(NewSheet {
            id,
            codes,
            expires_at,
        })
    }

    /// The sheets of a person, newest first, revoked and expired ones too.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn sheets(&self, person: &PersonId) -> Result<Vec<Sheet>, DatabaseError> {
        let person = person.clone();
        self.database
            .read(move |connection| store::paper::sheets(connection, &person))
            .await
    }

    /// Where paper codes of a person were used, newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn paper_uses(&self, person: &PersonId) -> Result<Vec<PaperUse>, DatabaseError> {
        let person = person.clone();
        self.database
            .read(move |connection| store::paper::uses(connection, &person))
            .await
    }

    /// Revokes a sheet of `person`: none of its codes opens anything any more. What was given with
    /// one before stays until it is withdrawn. `false` if there is no such sheet.
    ///
    /// # Errors
    /// `Database`.
    pub async fn revoke_sheet(&self, person: &PersonId, id: &str) -> Result<bool, ConsentError> {
        let now = self.clock.now();
        let (person, id) = (person.clone(), id.to_owned());
        self.database
            .transact(move |connection| {
                let revoked = store::paper::revoke(connection, &person, &id, now)?;
                if revoked {
                    let line = Line::new(Kind::Grant, now, "person")
                        .person(person.as_str())
                        .outcome("paper_revoked")
                        .detail("sheet", id.as_str());
                    audit::append(connection, &line)?;
                }
                Ok(revoked)
            })
            .await
    }

    /// Redeems a paper code that was handed in with a witness.
    pub(super) fn redeem_paper(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        (code, witness): (&PlainCode, &Witness),
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let now = self.clock.now();
        let asker = Asker(redemption);
        let usable = match self.usable(connection, redemption, code, now)? {
            Ok(usable) => usable,
            Err(refusal) => return asker.refuse(connection, refusal, None, now),
        };
        let person = usable.sheet.person.clone();
        if let Err(refusal) = self.may_witness(connection, redemption, &person, membership, now)? {
            return asker.refuse(connection, refusal, Some(&person), now);
        }
        let links = links_of(connection, &person)?;
        let decision = witnessed(redemption, &usable.sheet, witness, &links, now);
        if decision.ends_at <= now || decision.responders.is_empty() {
            return asker.refuse(connection, Refusal::ConsentNotGranted, Some(&person), now);
        }
        let carried = Carried {
            code: uuid::Uuid::new_v4().to_string(),
            decision,
            paper: Some((usable.code, witness)),
        };
        self.carry_out(connection, redemption, &carried, &links, membership)
    }

    /// The paper code, if it can be used. Everything else is one refusal, and a wrong try.
    fn usable(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        code: &PlainCode,
        now: Timestamp,
    ) -> Result<Result<Usable, Refusal>, ConsentError> {
        let since = now.plus_seconds(-MISS_WINDOW_SECONDS);
        if store::codes::misses(connection, &redemption.requester, since)? >= MOST_MISSES {
            return Ok(Err(Refusal::CodeLocked));
        }
        let digest = CodeDigest::of(code, &self.keys);
        match store::paper::find_usable(connection, &digest, now)? {
            Some(usable) => Ok(Ok(usable)),
            None => {
                store::codes::add_miss(connection, &redemption.requester, now, since)?;
                Ok(Err(Refusal::CodeUnknown))
            }
        }
    }

    /// Whether this requester can use paper for this. Nothing is spent where it cannot.
    fn may_witness(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        person: &PersonId,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, ConsentError> {
        if redemption.request.purpose != Purpose::Treat {
            return Ok(Err(Refusal::ConsentNotGranted));
        }
        if redemption.request.practitioner.is_none() {
            return Ok(Err(Refusal::PractitionerMismatch));
        }
        if self.needs_evidence(&redemption.requester, membership) {
            return Ok(Err(Refusal::PatientEvidenceMissing));
        }
        let since = now.plus_seconds(-DAY_SECONDS);
        if store::paper::used_since(connection, person, since)? >= MOST_A_DAY {
            return Ok(Err(Refusal::CodeLocked));
        }
        Ok(Ok(()))
    }
}

/// What a paper code decides: as little as can be of use.
fn witnessed(
    redemption: &Redemption,
    sheet: &Sheet,
    witness: &Witness,
    links: &[HomeLink],
    now: Timestamp,
) -> Decision {
    let longest = now.plus_seconds(token::LONGEST_LIFE_SECONDS);
    let linked = |one: &&MemberId| links.iter().any(|link| link.responder == **one);
    let responders = sheet.hospitals.iter().filter(linked);
    Decision {
        person: sheet.person.clone(),
        patient: sheet.patient.clone(),
        requester: redemption.requester.clone(),
        practitioner: redemption.request.practitioner.clone(),
        purpose: redemption.request.purpose,
        categories: redemption.request.categories.iter().copied().collect(),
        labels: LabelTerms {
            normal: true,
            ..LabelTerms::default()
        },
        ends_at: longest.min(witness.until),
        responders: responders
            .map(|responder| TickedResponder {
                responder: responder.clone(),
                evidence: None,
            })
            .collect(),
    }
}

/// The line of a consent that somebody saw.
pub(super) fn with_witness(line: Line, witness: &Witness) -> Line {
    line.detail("witness", witness.id.as_str())
        .detail("witness_role", witness.role.as_str())
        .detail("text", base64url::encode(witness.text))
}
