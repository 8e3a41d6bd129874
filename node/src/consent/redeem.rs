//! From a visit code to the requester's tokens, and back for more.
//!
//! Source: CONSENT section 4.

use std::sync::Arc;

use federation_protocol::category::Scope;
use federation_protocol::consent::{DirectiveStatus, Practitioner};
use federation_protocol::directory::Membership;
use federation_protocol::grants::{GrantAnswer, GrantReply, GrantRequest, PlainCode, Witness};
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;

use super::change::{directives_of, first_version};
use super::grant::{CodeDigest, StoredGrant};
use super::mint::{Minted, Minting};
use super::paper::with_witness;
use super::pending::OpenCode;
use super::{
    ConsentError, Consents, Decision, DirectiveId, HomeLink, LinksOf, Subject, TickedResponder,
    store,
};
use crate::audit::{self, Kind, Line};
use crate::database::HospitalConnection;
use crate::identity::PersonId;

/// So many wrong codes of one requester within the window lock it.
pub(super) const MOST_MISSES: i64 = 5;
pub(super) const MISS_WINDOW_SECONDS: i64 = 600;

/// A requester with a code, or coming back with a grant: everything from its verified request.
pub struct Redemption {
    /// The exchange id.
    pub exchange: String,
    /// Who asks.
    pub requester: MemberId,
    /// The `sign` key that the request came with: the tokens are bound to it.
    pub requester_key: KeyId,
    /// What it sent.
    pub request: GrantRequest,
}

impl Redemption {
    fn categories(&self) -> Scope {
        self.request.categories.iter().copied().collect()
    }
}

/// How it ended for the requester: granted, to be waited for, or refused with a code. All are to be committed, for
/// both have their audit line; only an error rolls back.
pub type Answer = Result<GrantAnswer, Refusal>;

/// A code that stands here.
enum Known {
    /// The person said beforehand what it opens; its id.
    Decided(String, Box<Decision>),
    /// The person is asked.
    Open(OpenCode),
}

/// A decision that a code carried to its requester.
pub(super) struct Carried<'a> {
    /// The id under which its hospitals stand.
    pub(super) code: String,
    pub(super) decision: Decision,
    /// The paper code and who saw the person, where it came on paper.
    pub(super) paper: Option<(String, &'a Witness)>,
}

impl Carried<'_> {
    /// Takes the code for its one use; `false` if someone else was faster.
    fn spend(
        &self,
        connection: &mut HospitalConnection,
        grant: &StoredGrant,
        now: Timestamp,
    ) -> Result<bool, ConsentError> {
        let Some((paper, witness)) = &self.paper else {
            return Ok(store::codes::use_code(connection, &self.code, now)?);
        };
        let digests = [CodeDigest::of_nothing()?, CodeDigest::of_nothing()?];
        store::codes::insert_code(connection, &self.code, &digests, &self.decision, now, now)?;
        store::codes::use_code(connection, &self.code, now)?;
        Ok(store::paper::use_code(
            connection, paper, grant, witness, now,
        )?)
    }
}

impl Consents {
    /// [`Consents::redeem_in`] in a transaction of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn redeem(
        &self,
        redemption: Redemption,
        links_of: LinksOf,
        membership: Arc<Membership>,
    ) -> Result<Answer, ConsentError> {
        let consents = self.clone();
        self.database
            .transact(move |connection| {
                consents.redeem_in(connection, &redemption, links_of, &membership)
            })
            .await
    }

    /// Redeems a code, or renews a grant, in the caller's transaction, audit lines included.
    ///
    /// A redeemed code writes the Consent, the grant and the tokens; an open one asks the person,
    /// and only their answer writes anything. A wrong, expired, used or
    /// foreign code is one and the same `code_unknown`, and counts as a wrong try of the requester.
    /// A grant is renewed as the directives are now.
    ///
    /// # Errors
    /// Nothing was decided: roll back. What is refused is an [`Answer`], to be committed.
    pub fn redeem_in(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let request = &redemption.request;
        match (&request.code, &request.pending, &request.grant_id) {
            (Some(code), None, None) => match &request.witness {
                Some(witness) => {
                    let handed_in = (code, witness);
                    self.redeem_paper(connection, redemption, handed_in, links_of, membership)
                }
                None => self.open_grant(connection, redemption, code, links_of, membership),
            },
            (None, Some(pending), None) => {
                self.look_again(connection, redemption, pending, links_of, membership)
            }
            (None, None, Some(grant)) => {
                self.renew_grant(connection, redemption, grant, links_of, membership)
            }
            _none_or_several => {
                let now = self.clock.now();
                Asker(redemption).refuse(connection, Refusal::QueryNotAllowed, None, now)
            }
        }
    }

    fn open_grant(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        code: &PlainCode,
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let now = self.clock.now();
        let asker = Asker(redemption);
        let (code, decision) = match self.known_code(connection, redemption, code, now)? {
            Ok(Known::Decided(code, decision)) => (code, *decision),
            Ok(Known::Open(open)) => return self.ask_person(connection, redemption, &open, now),
            Err(refusal) => return asker.refuse(connection, refusal, None, now),
        };
        if let Err(refusal) = self.fits(redemption, &decision, membership, now) {
            return asker.refuse(connection, refusal, Some(&decision.person), now);
        }
        let links = links_of(connection, &decision.person)?;
        let carried = Carried {
            code,
            decision,
            paper: None,
        };
        self.carry_out(connection, redemption, &carried, &links, membership)
    }

    /// Does what a code in right hands says: Consent, grant and tokens, all or nothing.
    pub(super) fn carry_out(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        carried: &Carried<'_>,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let now = self.clock.now();
        let (asker, decision) = (Asker(redemption), &carried.decision);
        let practitioner = redemption.request.practitioner.clone();
        let draft = self.draft_of(decision, practitioner.as_ref(), membership, now)?;
        let subject = Subject::Person(decision.person.clone());
        let stored = first_version(&subject, &draft, now)?;
        let mut directives = directives_of(connection, &decision.person)?;
        directives.push(stored.directive()?);
        let code = carried.code.clone();
        let grant = StoredGrant::of(decision, code, practitioner, stored.id.clone());
        let asked = self.asked(&grant, redemption.categories(), membership);
        let minting = minting(
            &grant,
            &redemption.requester_key,
            asked,
            &decision.responders,
            links,
            membership,
            now,
        );
        let minted = match self.mint(connection, &minting, &directives)? {
            Ok(minted) => minted,
            Err(refusal) => return asker.refuse(connection, refusal, Some(&grant.person), now),
        };
        if !carried.spend(connection, &grant, now)? {
            return asker.refuse(connection, Refusal::CodeUnknown, None, now);
        }
        store::directives::write(connection, &stored)?;
        store::codes::insert_grant(connection, &grant, now)?;
        let line = match carried.paper {
            None => asker.line(Kind::Grant, &grant, "code_redeemed", now),
            Some((_, witness)) => with_witness(
                asker.line(Kind::Grant, &grant, "paper_redeemed", now),
                witness,
            ),
        };
        audit::append(connection, &line)?;
        self.hand_out(connection, &grant, minted, redemption)
    }

    pub(super) fn renew_grant(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        grant_id: &str,
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let now = self.clock.now();
        let asker = Asker(redemption);
        let grant = match store::codes::find_grant(connection, grant_id)? {
            Some(grant) => grant,
            None => return asker.refuse(connection, Refusal::ConsentNotGranted, None, now),
        };
        if let Err(refusal) = serves(connection, &grant, redemption, now)? {
            // A stranger to the grant is told, and recorded, like one with a wrong id.
            let of = (grant.requester == redemption.requester).then_some(&grant.person);
            return asker.refuse(connection, refusal, of, now);
        }
        let links = links_of(connection, &grant.person)?;
        let directives = directives_of(connection, &grant.person)?;
        let responders = store::codes::responders_of(connection, &grant.code)?;
        let asked = self.asked(&grant, redemption.categories(), membership);
        let minting = minting(
            &grant,
            &redemption.requester_key,
            asked,
            &responders,
            &links,
            membership,
            now,
        );
        let minted = match self.mint(connection, &minting, &directives)? {
            Ok(minted) => minted,
            Err(refusal) => return asker.refuse(connection, refusal, Some(&grant.person), now),
        };
        audit::append(
            connection,
            &asker.line(Kind::Grant, &grant, "grant_renewed", now),
        )?;
        self.hand_out(connection, &grant, minted, redemption)
    }

    /// Keeps a decision that no code carried, with its grant: the row of a code that nobody can
    /// have, used from the first.
    pub(super) fn keep_decided(
        &self,
        connection: &mut HospitalConnection,
        decision: &Decision,
        practitioner: Option<&Practitioner>,
        directive: &DirectiveId,
        now: Timestamp,
    ) -> Result<StoredGrant, ConsentError> {
        let code = uuid::Uuid::new_v4().to_string();
        let digests = [CodeDigest::of_nothing()?, CodeDigest::of_nothing()?];
        store::codes::insert_code(connection, &code, &digests, decision, now, now)?;
        store::codes::use_code(connection, &code, now)?;
        let grant = StoredGrant::of(decision, code, practitioner.cloned(), directive.clone());
        store::codes::insert_grant(connection, &grant, now)?;
        Ok(grant)
    }

    /// Whether the right code in the right hands is used for what it was made for. Nothing of it is
    /// spent where it is not.
    fn fits(
        &self,
        redemption: &Redemption,
        decision: &Decision,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if redemption.request.purpose != decision.purpose || decision.ends_at <= now {
            return Err(Refusal::ConsentNotGranted);
        }
        // What the phone signed names the practitioner, or that there is none: both bind.
        let bound =
            decision.practitioner.is_some() || self.needs_evidence(&decision.requester, membership);
        if bound && redemption.request.practitioner != decision.practitioner {
            return Err(Refusal::PractitionerMismatch);
        }
        if redemption.categories().and(decision.categories).is_empty() {
            return Err(Refusal::ScopeNotGranted);
        }
        Ok(())
    }

    /// The code's decision, if it is this requester's, unexpired and unused. Everything else is one
    /// refusal, and a wrong try.
    fn known_code(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        code: &PlainCode,
        now: Timestamp,
    ) -> Result<Result<Known, Refusal>, ConsentError> {
        let since = now.plus_seconds(-MISS_WINDOW_SECONDS);
        if store::codes::misses(connection, &redemption.requester, since)? >= MOST_MISSES {
            return Ok(Err(Refusal::CodeLocked));
        }
        let digest = CodeDigest::of(code, &self.keys);
        let decided = store::codes::find_code(connection, &digest, &redemption.requester, now)?;
        let open = store::pending::find_open_code(connection, &digest, now)?;
        match (decided, open) {
            (Some((code, decision)), _) => Ok(Ok(Known::Decided(code, Box::new(decision)))),
            (None, Some(open)) => Ok(Ok(Known::Open(open))),
            (None, None) => {
                store::codes::add_miss(connection, &redemption.requester, now, since)?;
                Ok(Err(Refusal::CodeUnknown))
            }
        }
    }

    /// Keeps what was minted and puts the reply together.
    fn hand_out(
        &self,
        connection: &mut HospitalConnection,
        grant: &StoredGrant,
        minted: Minted,
        redemption: &Redemption,
    ) -> Result<Answer, ConsentError> {
        let expires = minted.expires_at;
        let tokens = minted.keep(connection, &redemption.exchange)?;
        let (grant, purpose) = (grant.id.clone(), grant.purpose);
        Ok(Ok(GrantAnswer::Granted(GrantReply {
            grant,
            home: self.me.clone(),
            purpose,
            expires,
            tokens,
        })))
    }

    /// What a token is minted for. The phone signed over all that was decided, so where that
    /// signature is needed the token says exactly so; the query narrows it.
    fn asked(&self, grant: &StoredGrant, wanted: Scope, membership: &Membership) -> Scope {
        if self.needs_evidence(&grant.requester, membership) {
            grant.categories
        } else {
            wanted.and(grant.categories)
        }
    }
}

/// Whether a grant serves whoever came back with it.
fn serves(
    connection: &mut HospitalConnection,
    grant: &StoredGrant,
    redemption: &Redemption,
    now: Timestamp,
) -> Result<Result<(), Refusal>, ConsentError> {
    let theirs = grant.requester == redemption.requester
        && grant.purpose == redemption.request.purpose
        && now < grant.ends_at;
    if !theirs {
        return Ok(Err(Refusal::ConsentNotGranted));
    }
    if grant.practitioner != redemption.request.practitioner {
        return Ok(Err(Refusal::PractitionerMismatch));
    }
    if redemption.categories().and(grant.categories).is_empty() {
        return Ok(Err(Refusal::ScopeNotGranted));
    }
    let directive = store::directives::find(connection, grant.directive.as_str())?;
    let active = directive.is_some_and(|one| one.status == DirectiveStatus::Active.as_str());
    Ok(if active {
        Ok(())
    } else {
        Err(Refusal::ConsentNotGranted)
    })
}

fn minting<'a>(
    grant: &'a StoredGrant,
    requester_key: &'a KeyId,
    asked: Scope,
    responders: &'a [TickedResponder],
    links: &'a [HomeLink],
    membership: &'a Membership,
    now: Timestamp,
) -> Minting<'a> {
    Minting {
        grant_id: &grant.id,
        person: &grant.person,
        requester: &grant.requester,
        requester_key,
        practitioner: grant.practitioner.as_ref(),
        purpose: grant.purpose,
        asked,
        ends_at: grant.ends_at,
        responders,
        links,
        membership,
        now,
    }
}

/// Who asks, as the audit names them.
pub(super) struct Asker<'a>(pub(super) &'a Redemption);

impl Asker<'_> {
    pub(super) fn about(&self, kind: Kind, outcome: &'static str, now: Timestamp) -> Line {
        let practitioner = self.0.request.practitioner.as_ref();
        let role = practitioner.map_or("system", |known| known.role.as_str());
        let line = Line::new(kind, now, role)
            .exchange(&self.0.exchange)
            .peer(&self.0.requester)
            .purpose(self.0.request.purpose)
            .outcome(outcome);
        match practitioner {
            Some(practitioner) => line.actor_id(&practitioner.id),
            None => line,
        }
    }

    fn line(&self, kind: Kind, grant: &StoredGrant, outcome: &'static str, now: Timestamp) -> Line {
        self.about(kind, outcome, now)
            .person(grant.person.as_str())
            .detail("grant", grant.id.as_str())
            .detail("directive", grant.directive.as_str())
    }

    pub(super) fn refuse(
        &self,
        connection: &mut HospitalConnection,
        refusal: Refusal,
        person: Option<&PersonId>,
        now: Timestamp,
    ) -> Result<Answer, ConsentError> {
        let mut line = self.about(Kind::Refusal, refusal.code(), now);
        if let Some(person) = person {
            line = line.person(person.as_str());
        }
        audit::append(connection, &line)?;
        Ok(Err(refusal))
    }
}
