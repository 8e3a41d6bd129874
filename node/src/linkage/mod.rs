//! Which chart a handle means, and where a person is known.
//!
//! Owns the tables `link` (at a responder: handle to chart), `person` and `home_link` (at home: who
//! enrolled, and their handles elsewhere). Handles and device keys are random, one for each link:
//! nothing to enumerate, nothing to join on. Hands handles to whoever mints; never mints.
//!
//! Links are made at a hospital's [`desk`], which gives the person a code, and handed in at home by
//! [`claims`]. Where the desk has the person's phone itself, the link is made at once.

mod charts;
pub mod claims;
mod code;
pub mod desk;
mod ends;
mod error;
mod homes;
pub mod phone;
pub mod routes;
mod store;

use federation_protocol::directory::Membership;
use federation_protocol::keys::{PublicKey, Sign};
use federation_protocol::link::{LONGEST_LIFE_SECONDS, LinkAssertion, PatientHandle};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use crate::audit::{self, Kind, Line};
use crate::consent::{Consents, HomeLink};
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;

pub use charts::Merged;
pub use ends::{UntoldEnd, end_by_home, own_line};
pub use error::LinkageError;
pub use homes::{homes_of, person_of_handle};
use phone::{Carried, Phone};

/// How far apart the clocks of members may be, seconds.
const SKEW_SECONDS: i64 = 60;

/// A person who chose this node as their home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their id, known here only.
    pub id: PersonId,
    /// Their own chart here.
    pub patient: Rid,
    /// That chart's logical id.
    pub patient_id: String,
    /// Since when.
    pub enrolled_at: Timestamp,
}

/// A link as the responder keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What peers say instead of a name.
    pub handle: PatientHandle,
    /// The chart it means here.
    pub patient: Rid,
    /// That chart's logical id.
    pub patient_id: String,
    /// The one member that may mint for it.
    pub home: MemberId,
    /// The phone's public key for this link.
    pub device_key: PublicKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// When the handle was last found to mean another chart, if it was.
    pub corrected_at: Option<Timestamp>,
}

impl Link {
    /// Whether a token that was minted at `issued_at`, by a clock that may be ahead, may have been
    /// given for the chart that the handle was taken from.
    #[must_use]
    pub fn outdates(&self, issued_at: Timestamp) -> bool {
        let may_be_before = |at: Timestamp| issued_at <= at.plus_seconds(SKEW_SECONDS);
        self.corrected_at.is_some_and(may_be_before)
    }
}

/// A link just made at the counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// Its handle.
    pub handle: PatientHandle,
    /// The signed assertion that the phone takes home.
    pub assertion: String,
}

/// Handles and people of this node. Cheap to clone.
#[derive(Clone)]
pub struct Linkage {
    database: Database,
    clock: SharedClock,
    me: MemberId,
}

impl Linkage {
    /// The links that member `me` keeps in `database`.
    #[must_use]
    pub fn new(database: Database, clock: SharedClock, me: MemberId) -> Self {
        Self {
            database,
            clock,
            me,
        }
    }

    /// Enrols the person of a chart here, and gives them a phone without links.
    ///
    /// # Errors
    /// `Enrolled`, `Database`.
    pub async fn enroll(&self, patient: Rid, patient_id: &str) -> Result<Phone, LinkageError> {
        let now = self.clock.now();
        let id = PersonId::random();
        let person = Person {
            id: id.clone(),
            patient,
            patient_id: patient_id.into(),
            enrolled_at: now,
        };
        self.database
            .transact(move |connection| {
                if let Some(known) = store::person_of_chart(connection, person.patient)? {
                    return Err(LinkageError::Enrolled(known.id));
                }
                store::insert_person(connection, &person)?;
                let line = Line::new(Kind::Link, now, "registrar")
                    .person(person.id.as_str())
                    .patient(person.patient)
                    .outcome("enrolled");
                audit::append(connection, &line)?;
                Ok(())
            })
            .await?;
        Ok(Phone::new(id, self.me.clone()))
    }

    /// The enrolled person with this id.
    ///
    /// # Errors
    /// `NoPerson`, `Database`.
    pub async fn person(&self, id: &PersonId) -> Result<Person, LinkageError> {
        let id = id.clone();
        let found = self
            .database
            .read(move |connection| store::find_person(connection, &id))
            .await?;
        found.ok_or(LinkageError::NoPerson)
    }

    /// Everyone enrolled, oldest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn people(&self) -> Result<Vec<Person>, DatabaseError> {
        self.database.read(store::people).await
    }

    /// At the counter: links a chart here with the person whose phone this is. The phone makes the
    /// key, this node signs the assertion with its `sign` key, the phone keeps it (save it, and
    /// [`Linkage::end`] the link if that fails).
    ///
    /// # Errors
    /// `OtherHome` if the phone's home is not `home`; `Phone`, `Entropy`, `Database`.
    pub async fn link_at_counter(
        &self,
        patient: Rid,
        patient_id: &str,
        home: &MemberId,
        phone: &mut Phone,
        signer: &dyn Sign,
    ) -> Result<NewLink, LinkageError> {
        if phone.home() != home {
            return Err(LinkageError::OtherHome(phone.home().clone()));
        }
        let device_key = phone.make_key(&self.me)?;
        let new = self
            .create(patient, patient_id, home, device_key, signer)
            .await?;
        phone.keep_assertion(&self.me, new.handle.clone(), new.assertion.clone())?;
        Ok(new)
    }

    /// Makes a link with a fresh handle, for a person whose device holds `device_key`.
    ///
    /// # Errors
    /// `Entropy`, `Database`.
    pub async fn create(
        &self,
        patient: Rid,
        patient_id: &str,
        home: &MemberId,
        device_key: PublicKey,
        signer: &dyn Sign,
    ) -> Result<NewLink, LinkageError> {
        let now = self.clock.now();
        let (link, assertion) = drafted(&self.me, (patient, patient_id), home, device_key, now)?;
        let handle = link.handle.clone();
        self.database
            .transact(move |connection| {
                store::insert_link(connection, &link)?;
                let line = Line::new(Kind::Link, now, "registrar")
                    .patient(link.patient)
                    .peer(&link.home)
                    .outcome("link_created")
                    .detail("handle", link.handle.as_str());
                audit::append(connection, &line)
            })
            .await?;
        Ok(NewLink {
            handle,
            assertion: assertion.sign(signer),
        })
    }

    /// At home: takes in every assertion that the person's phone carries. One that was taken in
    /// before stays as it is; a new one with the same hospital replaces the old link.
    ///
    /// # Errors
    /// The first that is met: `OtherHome`, `NoPerson`, `Assertion`, `OtherKey`, `Spent`,
    /// `Database`. Those before it are taken in.
    pub async fn accept(
        &self,
        phone: &Phone,
        membership: &Membership,
    ) -> Result<Vec<HomeLink>, LinkageError> {
        if *phone.home() != self.me {
            return Err(LinkageError::OtherHome(phone.home().clone()));
        }
        let person = self.person(phone.person()).await?;
        let mut accepted = Vec::new();
        for carried in phone.carried() {
            accepted.push(self.accept_one(&person.id, carried, membership).await?);
        }
        Ok(accepted)
    }

    /// Takes in one assertion for an enrolled person.
    ///
    /// # Errors
    /// As [`Linkage::accept`].
    pub async fn accept_one(
        &self,
        person: &PersonId,
        carried: Carried,
        membership: &Membership,
    ) -> Result<HomeLink, LinkageError> {
        let now = self.clock.now();
        let known = self.known(person, &carried).await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let assertion = LinkAssertion::verify(&carried.assertion, &self.me, membership, now)?;
        if assertion.responder != carried.responder || assertion.device_key != carried.device_key {
            return Err(LinkageError::OtherKey(carried.responder));
        }
        let link = HomeLink {
            responder: carried.responder,
            handle: assertion.pp.clone(),
            device_key: carried.device_key,
        };
        let (stored, person) = (link.clone(), person.clone());
        self.database
            .transact(move |connection| {
                if store::find_person(connection, &person)?.is_none() {
                    return Err(LinkageError::NoPerson);
                }
                if store::handle_is_known(connection, &stored.handle)? {
                    return Err(LinkageError::Spent);
                }
                if store::end_home_link(connection, &person, &stored.responder, now)? {
                    // What was minted for the old handle means the old link.
                    Consents::end_audience(connection, &person, &stored.responder, now)?;
                }
                store::insert_home_link(connection, &person, &stored, &carried.assertion, now)?;
                let line = link_line(&person, &stored.responder, "link_accepted", now)
                    .detail("handle", stored.handle.as_str());
                audit::append(connection, &line)?;
                Ok(())
            })
            .await?;
        Ok(link)
    }

    /// The living link that this very assertion made, if it was taken in before.
    async fn known(
        &self,
        person: &PersonId,
        carried: &Carried,
    ) -> Result<Option<HomeLink>, LinkageError> {
        let (person, assertion) = (person.clone(), carried.assertion.clone());
        let found = self
            .database
            .read(move |connection| store::home_link_of(connection, &person, &assertion))
            .await?;
        Ok(found.filter(|link| link.device_key == carried.device_key))
    }

    /// Every link here, ended ones too, newest first; or those of one chart.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn links(&self, patient: Option<Rid>) -> Result<Vec<Link>, DatabaseError> {
        self.database
            .read(move |connection| store::links(connection, patient))
            .await
    }

    /// Where a person is known.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn home_links(&self, person: &PersonId) -> Result<Vec<HomeLink>, DatabaseError> {
        let person = person.clone();
        self.database
            .read(move |connection| links_of(connection, &person))
            .await
    }

    /// Where a person is known, for that person: the audit line is committed before.
    ///
    /// # Errors
    /// `Database`.
    pub async fn own_links(&self, person: &PersonId) -> Result<Vec<HomeLink>, LinkageError> {
        let (person, now) = (person.clone(), self.clock.now());
        self.database
            .transact(move |connection| {
                let line = Line::new(Kind::Read, now, "person")
                    .person(person.as_str())
                    .outcome("links_shown");
                audit::append(connection, &line)?;
                Ok(links_of(connection, &person)?)
            })
            .await
    }

    /// At the responder: ends a link. From now on its handle is answered like one of nobody:
    /// `token_issuer_not_home`.
    ///
    /// # Errors
    /// `NoLink`, `Database`.
    pub async fn end(&self, handle: &PatientHandle) -> Result<(), LinkageError> {
        let now = self.clock.now();
        let handle = handle.clone();
        self.database
            .transact(move |connection| {
                let link = find(connection, &handle)?.ok_or(LinkageError::NoLink)?;
                store::end_link(connection, &handle, now)?;
                let line = Line::new(Kind::Link, now, "registrar")
                    .patient(link.patient)
                    .peer(&link.home)
                    .outcome("link_ended")
                    .detail("handle", handle.as_str());
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }

    /// At home: forgets that a person is known at `responder`, and ends the tokens for it.
    ///
    /// # Errors
    /// `NoLink`, `Consent`, `Database`.
    pub async fn end_home_link(
        &self,
        person: &PersonId,
        responder: &MemberId,
    ) -> Result<(), LinkageError> {
        let now = self.clock.now();
        let (person, responder) = (person.clone(), responder.clone());
        self.database
            .transact(move |connection| {
                if !store::end_home_link(connection, &person, &responder, now)? {
                    return Err(LinkageError::NoLink);
                }
                Consents::end_audience(connection, &person, &responder, now)?;
                let line = link_line(&person, &responder, "link_ended", now);
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }
}

/// At a responder: a link with a fresh handle, and the assertion of it, not signed yet. `of` is the
/// chart and its logical id.
fn drafted(
    me: &MemberId,
    of: (Rid, &str),
    home: &MemberId,
    device_key: PublicKey,
    now: Timestamp,
) -> Result<(Link, LinkAssertion), LinkageError> {
    let handle = PatientHandle::from_bytes(code::random()?);
    let issued_at = Timestamp::from_unix_seconds(now.unix_seconds());
    let assertion = LinkAssertion {
        ver: 1,
        pp: handle.clone(),
        responder: me.clone(),
        home: home.clone(),
        device_key: device_key.clone(),
        iat: issued_at,
        exp: issued_at.plus_seconds(LONGEST_LIFE_SECONDS),
    };
    let (patient, patient_id) = of;
    let link = Link {
        handle,
        patient,
        patient_id: patient_id.into(),
        home: home.clone(),
        device_key,
        created_at: now,
        ended_at: None,
        corrected_at: None,
    };
    Ok((link, assertion))
}

fn insert(connection: &mut HospitalConnection, link: &Link) -> Result<(), DatabaseError> {
    store::insert_link(connection, link)
}

fn link_line(person: &PersonId, peer: &MemberId, outcome: &'static str, now: Timestamp) -> Line {
    Line::new(Kind::Link, now, "person")
        .person(person.as_str())
        .peer(peer)
        .outcome(outcome)
}

/// At a responder: the living link of a handle.
///
/// # Errors
/// The database could not be read.
pub fn find(
    connection: &mut HospitalConnection,
    handle: &PatientHandle,
) -> Result<Option<Link>, DatabaseError> {
    store::find_link(connection, handle)
}

/// At home: the living links of a person, as the consent room takes them.
///
/// # Errors
/// The database could not be read.
pub fn links_of(
    connection: &mut HospitalConnection,
    person: &PersonId,
) -> Result<Vec<HomeLink>, DatabaseError> {
    store::home_links(connection, person)
}

#[cfg(test)]
mod tests;
