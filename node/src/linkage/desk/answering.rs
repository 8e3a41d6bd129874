//! A home node comes back with a code: commitments, then proofs, then the link. Each step is one
//! transaction with its audit line, and can be asked again: the same question has the same answer.
//!
//! A code serves one home, one commitment, one proof. Wrong, expired, used, withdrawn and another
//! member's are one refusal, and a wrong try of who came.

use federation_protocol::grants::PlainCode;
use federation_protocol::linking::comparison::{Blind, Meeting};
use federation_protocol::linking::{LinkBegin, LinkBegun, LinkConfirm, LinkMade};
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;
use zeroize::Zeroizing;

use super::store::{Begun, Known};
use super::{CodeDigest, Desk, DeskError, Ended, facts_of, patient, store};
use crate::access;
use crate::audit::{self, Line};
use crate::database::HospitalConnection;
use crate::linkage::code::{MOST_MISSES, Trier, random, window};
use crate::linkage::{self, LinkageError};

/// How a step ended for who came: answered, or refused with a code. Both are to be committed, for
/// both have their audit line; only an error rolls back.
pub type Answer<T> = Result<T, Refusal>;

/// Who came, and the audit line of it.
pub struct Visit<'a> {
    /// The home node.
    pub home: &'a MemberId,
    /// Completed and written by each step.
    pub line: Line,
    /// When.
    pub now: Timestamp,
}

impl Visit<'_> {
    fn written<T>(
        &self,
        connection: &mut HospitalConnection,
        line: Line,
        answer: T,
    ) -> Result<T, DeskError> {
        audit::append(connection, &line)?;
        Ok(answer)
    }

    fn refused<T>(
        &self,
        connection: &mut HospitalConnection,
        refusal: Refusal,
    ) -> Result<Answer<T>, DeskError> {
        let line = self.line.clone().outcome(refusal.code());
        self.written(connection, line, Err(refusal))
    }

    /// Nothing tells which of the reasons it was.
    fn missed<T>(&self, connection: &mut HospitalConnection) -> Result<Answer<T>, DeskError> {
        let who = Trier::Member(self.home);
        store::add_miss(connection, &who, self.now, window(self.now))?;
        self.refused(connection, Refusal::CodeUnknown)
    }

    fn of(&self, known: &Known, outcome: &'static str) -> Line {
        let line = self.line.clone().patient(known.offer.patient);
        line.outcome(outcome)
            .detail("offer", known.offer.id.as_str())
    }

    fn is_locked(&self, connection: &mut HospitalConnection) -> Result<bool, DeskError> {
        let who = Trier::Member(self.home);
        Ok(store::misses(connection, &who, window(self.now))? >= MOST_MISSES)
    }

    /// Whether the offer serves this home now: made for it or for nobody in particular, begun by it
    /// or by nobody; alive, or a link already.
    fn is_served_by(&self, known: &Known) -> bool {
        let offer = &known.offer;
        let is_theirs =
            |member: &Option<MemberId>| member.as_ref().is_none_or(|one| one == self.home);
        let lives = match offer.ended {
            None => self.now < offer.expires_at,
            Some(ended) => ended == Ended::Linked,
        };
        is_theirs(&offer.named_home) && is_theirs(&offer.home) && lives
    }
}

impl Desk {
    /// Takes a home's commitment, and gives this chart's.
    ///
    /// # Errors
    /// Roll back. What is refused is an [`Answer`], to be committed.
    pub fn begin_in(
        &self,
        connection: &mut HospitalConnection,
        visit: &Visit<'_>,
        begin: &LinkBegin,
    ) -> Result<Answer<LinkBegun>, DeskError> {
        if visit.is_locked(connection)? {
            return visit.refused(connection, Refusal::CodeLocked);
        }
        let Some(known) = self.served(connection, visit, &begin.code)? else {
            return visit.missed(connection);
        };
        if let Some(begun) = &known.begun {
            // The same question has the same answer; another would be a second guess.
            let same = begun.theirs == begin.commitment && begun.device_key == begin.device_key;
            if !same {
                return visit.missed(connection);
            }
            let begun = LinkBegun {
                commitment: begun.ours,
            };
            let line = visit.of(&known, "link_begun");
            return visit.written(connection, line, Ok(begun));
        }
        if !self.stands(connection, &known)? {
            store::end(connection, &known.offer.id, Ended::Withdrawn, visit.now)?;
            return visit.missed(connection);
        }
        let Some(begun) = self.committed(visit.home, &known, begin)? else {
            return visit.refused(connection, Refusal::QueryNotAllowed);
        };
        store::begin(connection, &known.offer.id, visit.home, &begun)?;
        let line = visit.of(&known, "link_begun");
        let begun = LinkBegun {
            commitment: begun.ours,
        };
        visit.written(connection, line, Ok(begun))
    }

    /// Takes a home's proof. Where it fits, the link is made, and the proof of this side given.
    ///
    /// # Errors
    /// Roll back. What is refused is an [`Answer`], to be committed.
    pub fn confirm_in(
        &self,
        connection: &mut HospitalConnection,
        visit: &Visit<'_>,
        confirm: &LinkConfirm,
    ) -> Result<Answer<LinkMade>, DeskError> {
        if visit.is_locked(connection)? {
            return visit.refused(connection, Refusal::CodeLocked);
        }
        let known = self.served(connection, visit, &confirm.code)?;
        let Some((known, begun)) = known.and_then(begun) else {
            return visit.missed(connection);
        };
        let fits = begun.proofs.home == confirm.proof;
        if let Some((_handle, assertion)) = &known.made {
            if !fits {
                return visit.missed(connection);
            }
            let made = LinkMade {
                proof: begun.proofs.responder,
                assertion: assertion.clone(),
            };
            let line = visit.of(&known, "link_told_again");
            return visit.written(connection, line, Ok(made));
        }
        if !fits {
            store::end(connection, &known.offer.id, Ended::Differed, visit.now)?;
            let differs = Refusal::LinkDiffers;
            let line = visit.of(&known, differs.code());
            return visit.written(connection, line, Err(differs));
        }
        if !self.stands(connection, &known)? {
            store::end(connection, &known.offer.id, Ended::Withdrawn, visit.now)?;
            return visit.missed(connection);
        }
        self.link(connection, visit, &known, begun).map(Ok)
    }

    /// The offer of this code, if it serves who came. One that became a link serves as long as that
    /// link lives.
    fn served(
        &self,
        connection: &mut HospitalConnection,
        visit: &Visit<'_>,
        code: &PlainCode,
    ) -> Result<Option<Known>, DeskError> {
        let digest = CodeDigest::of(code, &self.parts.keys);
        let known = store::of_code(connection, &digest)?;
        let Some(known) = known.filter(|known| visit.is_served_by(known)) else {
            return Ok(None);
        };
        if let Some((handle, _)) = &known.made
            && linkage::find(connection, handle)?.is_none()
        {
            return Ok(None);
        }
        Ok(Some(known))
    }

    /// Whether the chart still says what the desk saw.
    fn stands(
        &self,
        connection: &mut HospitalConnection,
        known: &Known,
    ) -> Result<bool, DeskError> {
        let Some(address) = patient(&known.offer.patient_id) else {
            return Ok(false);
        };
        let permit = access::compare(known.offer.patient);
        let records = &self.parts.records;
        let facts = records.birth_facts_on(connection, &permit, &address);
        let facts = facts.map_err(DeskError::Records)?;
        Ok(facts.is_some() && facts == facts_of(&known.facts))
    }

    /// This side's commitment, and both proofs; `None` for a commitment that is none.
    fn committed(
        &self,
        home: &MemberId,
        known: &Known,
        begin: &LinkBegin,
    ) -> Result<Option<Begun>, DeskError> {
        let Some(facts) = facts_of(&known.facts) else {
            return Ok(None);
        };
        let meeting = Meeting {
            home,
            responder: &self.parts.me,
            code: &begin.code,
            device_key: &begin.device_key,
        };
        let blind = Blind::of_random(&Zeroizing::new(random()?));
        let ours = blind.commit(&meeting, facts);
        let proofs = blind.proofs_at_responder(&meeting, &ours, &begin.commitment);
        Ok(proofs.map(|proofs| Begun {
            device_key: begin.device_key.clone(),
            theirs: begin.commitment,
            ours,
            proofs,
        }))
    }

    fn link(
        &self,
        connection: &mut HospitalConnection,
        visit: &Visit<'_>,
        known: &Known,
        begun: Begun,
    ) -> Result<LinkMade, DeskError> {
        let offer = &known.offer;
        let of = (offer.patient, offer.patient_id.as_str());
        let drafted = linkage::drafted(&self.parts.me, of, visit.home, begun.device_key, visit.now);
        let (link, assertion) = drafted?;
        linkage::insert(connection, &link)?;
        let assertion = assertion.sign(&*self.parts.keys.sign());
        store::become_link(connection, &offer.id, &link.handle, &assertion, visit.now)?;
        let line = visit.of(known, "link_created");
        audit::append(connection, &line.detail("handle", link.handle.as_str()))
            .map_err(LinkageError::from)?;
        Ok(LinkMade {
            proof: begun.proofs.responder,
            assertion,
        })
    }
}

fn begun(mut known: Known) -> Option<(Known, Begun)> {
    let begun = known.begun.take()?;
    Some((known, begun))
}
