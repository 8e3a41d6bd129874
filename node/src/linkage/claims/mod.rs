//! At home: a person hands in the link code that a hospital's desk gave them.
//!
//! Owns the table `link_claim`. What the person's own chart says of birth year and sex goes into the
//! comparison and nowhere else. A try that was broken off is gone on with, under the same blind: each
//! code is compared once. Talks to nobody: the federation room carries what it says.

mod store;

use std::sync::Arc;

use federation_protocol::directory::Membership;
use federation_protocol::grants::PlainCode;
use federation_protocol::keys::PublicKey;
use federation_protocol::linking::comparison::{
    BirthFacts, Blind, Commitment, Meeting, Proof, Proofs,
};
use federation_protocol::linking::{LinkBegin, LinkBegun, LinkConfirm, LinkMade};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use zeroize::Zeroizing;

use super::code::{CodeDigest, MOST_MISSES_OF_A_PERSON, Trier, random, window};
use super::{Carried, Linkage, LinkageError, desk};
use crate::access::{Access, AccessRefusal, Act};
use crate::audit::{self, Kind, Line};
use crate::consent::HomeLink;
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};
use crate::identity::{Caller, PersonId};
use crate::keys::Keys;
use crate::records::{Address, Records, RecordsError};

/// What handing in stands on.
pub struct ClaimsParts {
    /// This member.
    pub me: MemberId,
    /// What time it is.
    pub clock: SharedClock,
    /// Makes codes into digests.
    pub keys: Arc<Keys>,
    /// Where claims and audit lines are kept.
    pub database: Database,
    /// The people's own charts.
    pub records: Records,
    /// Who may what.
    pub access: Access,
}

/// Codes handed in. Cheap to clone.
#[derive(Clone)]
pub struct Claims {
    parts: Arc<ClaimsParts>,
    linkage: Linkage,
}

/// A code that a person hands in.
#[derive(Clone, Debug)]
pub struct HandedIn {
    /// The hospital that it is from.
    pub responder: MemberId,
    /// The code.
    pub code: PlainCode,
    /// The public half of the device's key for this link.
    pub device_key: PublicKey,
}

/// A link, with the assertion that the phone keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The link.
    pub link: HomeLink,
    /// What the hospital signed.
    pub assertion: String,
}

/// How a code that was handed in stands.
pub enum Standing {
    /// It became a link, now or before.
    Linked(Linked),
    /// The hospital is to be asked.
    Open(Claim),
}

/// A code on its way. No `Debug`: it holds the blind.
pub struct Claim {
    id: String,
    person: PersonId,
    patient: Rid,
    handed_in: HandedIn,
    blind: Blind,
    commitment: Commitment,
}

/// How a claim ended, where it did not become a link.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Linked,
    Differed,
    Unproved,
}

impl Ended {
    const ALL: [Self; 3] = [Self::Linked, Self::Differed, Self::Unproved];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Differed => "differed",
            Self::Unproved => "unproved",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// Why a code did not become a link here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The caller is nobody enrolled here.
    #[error("no enrolled person")]
    NoPerson,
    /// The person's own chart says no birth year, or not which sex.
    #[error("your own chart here is incomplete: ask at the desk here")]
    Incomplete,
    /// Too many wrong codes of this person.
    #[error("too many wrong codes: wait ten minutes")]
    Locked,
    /// This code was handed in before with another device key.
    #[error("this code was handed in from another device")]
    OtherKey,
    /// The two charts do not say the same. Which of the two facts differs is known to nobody.
    #[error("the two hospitals' charts do not agree about you: ask at the desk")]
    Differs,
    /// The hospital said yes, and could not prove it.
    #[error("the hospital's answer is not proved: ask at the desk for a new code")]
    Unproved,
    /// The role does not do this, or it cannot be recorded.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The link could not be taken in.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The own chart could not be read.
    #[error("the own chart cannot be read: {0}")]
    Records(RecordsError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Claims {
    /// Claims over `parts`.
    #[must_use]
    pub fn new(parts: ClaimsParts) -> Self {
        let (database, clock) = (parts.database.clone(), Arc::clone(&parts.clock));
        let linkage = Linkage::new(database, clock, parts.me.clone());
        Self {
            parts: Arc::new(parts),
            linkage,
        }
    }

    /// What is to be asked of the hospital; durable before anybody is asked.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub async fn open(&self, caller: &Caller, handed_in: HandedIn) -> Result<Standing, ClaimError> {
        let Caller::Person { id, .. } = caller else {
            return Err(ClaimError::NoPerson);
        };
        let person = self.linkage.person(id).await?;
        let patient = person.patient;
        let act = Act::Identify { patient };
        let permit = self.parts.access.permit(caller, act).await?;
        let address = Address::parse(&format!("Patient/{}", person.patient_id));
        let address = address.ok_or(ClaimError::Incomplete)?;
        let (me, now) = (self.parts.me.clone(), self.parts.clock.now());
        let digest = CodeDigest::of(&handed_in.code, &self.parts.keys);
        let records = self.parts.records.clone();
        let person = person.id;
        self.parts
            .database
            .transact(move |connection| {
                let facts = records.birth_facts_on(connection, &permit, &address);
                let facts = facts.map_err(ClaimError::Records)?;
                let facts = facts.ok_or(ClaimError::Incomplete)?;
                let opened = Opening {
                    me: &me,
                    person: &person,
                    patient,
                    facts,
                    now,
                };
                opened.stand(connection, &digest, &handed_in)
            })
            .await
    }

    /// The hospital proved that both charts say the same, and made the link: it is taken in.
    ///
    /// # Errors
    /// `Unproved`, where the proof does not fit; `Linkage`, `Database`.
    pub async fn take_in(
        &self,
        claim: &Claim,
        made: LinkMade,
        wanted: &Proof,
        membership: &Membership,
    ) -> Result<Linked, ClaimError> {
        if made.proof != *wanted {
            self.end(claim, Ended::Unproved, "link_unproved").await?;
            return Err(ClaimError::Unproved);
        }
        let HandedIn {
            responder,
            device_key,
            ..
        } = claim.handed_in.clone();
        let carried = Carried {
            responder,
            device_key,
            assertion: made.assertion.clone(),
        };
        let link = self
            .linkage
            .accept_one(&claim.person, carried, membership)
            .await?;
        self.end(claim, Ended::Linked, "link_code_used").await?;
        Ok(Linked {
            link,
            assertion: made.assertion,
        })
    }

    /// The hospital's chart says something else.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn differs(&self, claim: &Claim) -> Result<(), ClaimError> {
        self.end(claim, Ended::Differed, "link_differs").await
    }

    /// The hospital does not know the code: a wrong try of this person.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn missed(&self, claim: &Claim) -> Result<(), ClaimError> {
        let (now, person) = (self.parts.clock.now(), claim.person.clone());
        let (line, id) = (claim.line("code_unknown", now), claim.id.clone());
        self.parts
            .database
            .transact(move |connection| {
                let who = Trier::Person(&person);
                desk::add_miss(connection, &who, now, window(now))?;
                // Nothing was shown under its blind: a code typed right next time begins anew.
                store::forget(connection, &id)?;
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }

    async fn end(
        &self,
        claim: &Claim,
        ended: Ended,
        outcome: &'static str,
    ) -> Result<(), ClaimError> {
        let now = self.parts.clock.now();
        let (line, id) = (claim.line(outcome, now), claim.id.clone());
        self.parts
            .database
            .transact(move |connection| {
                store::end(connection, &id, ended, now)?;
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }
}

/// A person at home with a code, and what their chart says.
struct Opening<'a> {
    me: &'a MemberId,
    person: &'a PersonId,
    patient: Rid,
    facts: BirthFacts,
    now: Timestamp,
}

impl Opening<'_> {
    fn stand(
        &self,
        connection: &mut HospitalConnection,
        digest: &CodeDigest,
        handed_in: &HandedIn,
    ) -> Result<Standing, ClaimError> {
        let known = store::find(connection, self.person, &handed_in.responder, digest)?;
        let (id, blind) = match known {
            Some(known) => match known.state {
                Ok(_) if known.device_key != handed_in.device_key => {
                    return Err(ClaimError::OtherKey);
                }
                Ok(blind) => (known.id, blind),
                Err(ended) => return self.over(connection, ended, handed_in),
            },
            None => self.begin(connection, digest, handed_in)?,
        };
        let commitment = blind.commit(&meeting(self.me, handed_in), self.facts);
        Ok(Standing::Open(Claim {
            id,
            person: self.person.clone(),
            patient: self.patient,
            handed_in: handed_in.clone(),
            blind,
            commitment,
        }))
    }

    fn over(
        &self,
        connection: &mut HospitalConnection,
        ended: Ended,
        handed_in: &HandedIn,
    ) -> Result<Standing, ClaimError> {
        match ended {
            Ended::Differed => Err(ClaimError::Differs),
            Ended::Unproved => Err(ClaimError::Unproved),
            Ended::Linked => {
                let linked = self.linked(connection, handed_in)?;
                let spent = ClaimError::Linkage(LinkageError::Spent);
                linked.map(Standing::Linked).ok_or(spent)
            }
        }
    }

    fn begin(
        &self,
        connection: &mut HospitalConnection,
        digest: &CodeDigest,
        handed_in: &HandedIn,
    ) -> Result<(String, Blind), ClaimError> {
        let who = Trier::Person(self.person);
        let missed = desk::misses(connection, &who, window(self.now))?;
        if missed >= MOST_MISSES_OF_A_PERSON {
            return Err(ClaimError::Locked);
        }
        let id = uuid::Uuid::new_v4().to_string();
        let blind = Blind::of_random(&Zeroizing::new(random()?));
        let claim = store::NewClaim {
            id: &id,
            person: self.person,
            responder: &handed_in.responder,
            code: digest,
            device_key: &handed_in.device_key,
            blind: &blind,
        };
        store::insert(connection, &claim, self.now)?;
        Ok((id, blind))
    }

    /// The living link that the code became.
    fn linked(
        &self,
        connection: &mut HospitalConnection,
        handed_in: &HandedIn,
    ) -> Result<Option<Linked>, DatabaseError> {
        let found = super::store::home_link_with(connection, self.person, &handed_in.responder)?;
        let found = found.filter(|(link, _)| link.device_key == handed_in.device_key);
        Ok(found.map(|(link, assertion)| Linked { link, assertion }))
    }
}

fn meeting<'a>(me: &'a MemberId, handed_in: &'a HandedIn) -> Meeting<'a> {
    Meeting {
        home: me,
        responder: &handed_in.responder,
        code: &handed_in.code,
        device_key: &handed_in.device_key,
    }
}

impl Claim {
    /// The hospital that is to be asked.
    #[must_use]
    pub fn responder(&self) -> &MemberId {
        &self.handed_in.responder
    }

    /// What is said first.
    #[must_use]
    pub fn begin(&self) -> LinkBegin {
        LinkBegin {
            code: self.handed_in.code.clone(),
            commitment: self.commitment,
            device_key: self.handed_in.device_key.clone(),
        }
    }

    /// What is said second, and the proof that is to come back; `None` if what the hospital gave is
    /// no commitment of its own.
    #[must_use]
    pub fn confirm(&self, me: &MemberId, begun: &LinkBegun) -> Option<(LinkConfirm, Proof)> {
        let meeting = meeting(me, &self.handed_in);
        let Proofs { home, responder } =
            self.blind
                .proofs_at_home(&meeting, &self.commitment, &begun.commitment)?;
        let confirm = LinkConfirm {
            code: self.handed_in.code.clone(),
            proof: home,
        };
        Some((confirm, responder))
    }

    fn line(&self, outcome: &'static str, now: Timestamp) -> Line {
        Line::new(Kind::Link, now, "person")
            .person(self.person.as_str())
            .patient(self.patient)
            .peer(&self.handed_in.responder)
            .outcome(outcome)
            .detail("claim", self.id.as_str())
    }
}
