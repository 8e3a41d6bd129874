//! Who looked (閲覧履歴): what this node's log and those of every linked hospital say of a person's
//! records, each with its proof. What a hospital told last is kept, so that the person sees it while
//! that hospital is silent, and so that its next word is held against it.

use std::time::Duration;

use federation_protocol::accesses::{ACCESSES_PATH, Access, AccessQuestion, AccessReport};
use federation_protocol::directory::{KeyChain, Membership};
use federation_protocol::keys::{KeyUse, PublicKey};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::Actor;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{Checkpoint, SignedNote};
use federation_service::clock::SharedClock;
use futures_util::future::join_all;

use super::asking::hospital;
use super::directory::MemberDirectory;
use super::exchange::{Ask, Exchanges, NoAnswer};
use super::outcome::Hospital;
use super::store;
use super::store::looked::Kept;
use crate::access::{Access as Door, AccessRefusal, Act};
use crate::audit::{Audit, AuditError, Looked};
use crate::consent::HomeLink;
use crate::database::{Database, DatabaseError};
use crate::identity::{Caller, PersonId};
use crate::linkage::{Linkage, LinkageError};

/// How far back is asked, seconds.
const BACK_SECONDS: i64 = 365 * 86_400;
/// A hospital that told within this time is not asked again, seconds.
const FRESH_SECONDS: i64 = 60;

/// What asking who looked stands on. Cheap to clone.
#[derive(Clone)]
pub struct Looking {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) database: Database,
    pub(super) audit: Audit,
    pub(super) access: Door,
    pub(super) directory: MemberDirectory,
    pub(super) exchanges: Exchanges,
    pub(super) linkage: Linkage,
    pub(super) deadline: Duration,
}

/// Why it was not asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookingError {
    /// The caller is no enrolled person.
    #[error("only an enrolled person asks who looked")]
    NotAPerson,
    /// This caller may not ask.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The own log cannot prove anything.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The links could not be read.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What one hospital says.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which.
    pub hospital: Hospital,
    /// Whether this is the person's home.
    pub own: bool,
    /// How it ended the last time it was asked: `proved`, or why there is no newer word.
    pub outcome: String,
    /// When what stands here was told; `None`: nothing was told yet.
    pub told_at: Option<Timestamp>,
    /// What it told, verified.
    pub report: Option<AccessReport>,
}

impl Told {
    /// The acts, the newest first.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        match &self.report {
            Some(report) => &report.accesses,
            None => &[],
        }
    }

    /// Whether its newest word is proved, and of now.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.outcome == PROVED
    }
}

/// The outcome of a report whose every act was proved.
pub(super) const PROVED: &str = "proved";

impl Looking {
    /// What everyone says: the home first, then each linked hospital, asked now where `ask` says so
    /// and it did not tell within the last minute.
    ///
    /// # Errors
    /// Nothing is shown.
    pub async fn who_looked(&self, caller: &Caller, ask: bool) -> Result<Vec<Told>, LookingError> {
        let Caller::Person { id, .. } = caller else {
            return Err(LookingError::NotAPerson);
        };
        let _permit = self.access.permit(caller, Act::AskWhoLooked).await?;
        let own = self.own(id).await?;
        let links = self.linkage.home_links(id).await?;
        let others = links.iter().map(|link| self.of(id, link, ask));
        let others = join_all(others).await;
        let mut told = vec![own];
        for one in others {
            told.push(one?);
        }
        Ok(told)
    }

    async fn own(&self, id: &PersonId) -> Result<Told, LookingError> {
        let person = self.linkage.person(id).await?;
        let now = self.clock.now();
        let looked = Looked {
            patient: Some(person.patient),
            person: Some(id.to_string()),
            since: now.plus_seconds(-BACK_SECONDS),
            known: 0,
        };
        let report = self.audit.accesses(looked).await?;
        let membership = self.directory.membership();
        Ok(Told {
            hospital: hospital(membership.as_deref(), &self.me),
            own: true,
            outcome: match report {
                Some(_) => PROVED.to_owned(),
                None => "not_sealed_yet".to_owned(),
            },
            told_at: report.as_ref().map(|_| now),
            report,
        })
    }

    async fn of(&self, id: &PersonId, link: &HomeLink, ask: bool) -> Result<Told, LookingError> {
        let kept = self.kept(id, &link.responder).await?;
        let now = self.clock.now();
        let is_fresh = kept
            .as_ref()
            .is_some_and(|kept| now.seconds_since(kept.asked_at) < FRESH_SECONDS);
        let kept = match ask && !is_fresh {
            true => Some(self.ask(id, link, kept).await?),
            false => kept,
        };
        let membership = self.directory.membership();
        let hospital = hospital(membership.as_deref(), &link.responder);
        Ok(match kept {
            Some(kept) => Told {
                hospital,
                own: false,
                outcome: kept.outcome,
                told_at: kept.answered_at,
                report: kept.report,
            },
            None => Told {
                hospital,
                own: false,
                outcome: "not_asked_yet".to_owned(),
                told_at: None,
                report: None,
            },
        })
    }

    /// Asks one hospital and keeps how it ended; what it told before stays when this brings nothing.
    async fn ask(
        &self,
        id: &PersonId,
        link: &HomeLink,
        kept: Option<Kept>,
    ) -> Result<Kept, LookingError> {
        let now = self.clock.now();
        let known = kept.as_ref().and_then(Kept::checkpoint);
        let question = AccessQuestion {
            patient: link.handle.clone(),
            since: Timestamp::from_unix_seconds(now.unix_seconds()).plus_seconds(-BACK_SECONDS),
            known: known.as_ref().map_or(0, |known| known.size),
        };
        let ask = Ask {
            path: ACCESSES_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Patrqt,
            actor: Actor::system(),
            consent: None,
            body: serde_json::to_vec(&question).unwrap_or_default(),
        };
        let exchanged = self
            .exchanges
            .ask(&link.responder, &ask, self.deadline)
            .await;
        let judged = match exchanged.result {
            Ok(answer) if answer.status == 200 => {
                self.judged(&link.responder, &answer.body, known.as_ref())
            }
            Ok(_refused) => Err("refused"),
            Err(NoAnswer::Silent(silence)) => Err(silence.code()),
            Err(NoAnswer::Unverified) => Err("answer_unverified"),
        };
        let next = match judged {
            Ok(report) => Kept {
                asked_at: now,
                outcome: PROVED.to_owned(),
                answered_at: Some(now),
                report: Some(report),
            },
            Err(why) => Kept {
                asked_at: now,
                outcome: why.to_owned(),
                answered_at: kept.as_ref().and_then(|kept| kept.answered_at),
                report: kept.and_then(|kept| kept.report),
            },
        };
        let (person, responder, stored) = (id.clone(), link.responder.clone(), next.clone());
        let evidence = exchanged.evidence;
        self.database
            .transact(move |connection| {
                store::looked::keep(connection, &person, &responder, &stored)?;
                match &evidence {
                    Some(evidence) => store::evidence::keep(connection, evidence),
                    None => Ok(()),
                }
            })
            .await?;
        Ok(next)
    }

    /// A report that proves what it says, or the word for why it does not.
    fn judged(
        &self,
        responder: &MemberId,
        body: &[u8],
        known: Option<&Checkpoint>,
    ) -> Result<AccessReport, &'static str> {
        let report = AccessReport::from_json(body).or(Err("unusable_answer"))?;
        let membership = self.directory.membership().ok_or("directory_expired")?;
        let keys = log_keys_of(&membership, responder);
        match report.verify(responder.as_str(), &keys, known) {
            Ok(_checkpoint) => Ok(report),
            Err(error) => {
                tracing::warn!(peer.id = %responder, "who looked is not proved: {error}");
                Err("not_proved")
            }
        }
    }

    async fn kept(
        &self,
        id: &PersonId,
        responder: &MemberId,
    ) -> Result<Option<Kept>, DatabaseError> {
        let (person, responder) = (id.clone(), responder.clone());
        self.database
            .read(move |connection| store::looked::find(connection, &person, &responder))
            .await
    }
}

/// Every `log` key that a member has, or had.
#[must_use]
pub fn log_keys_of(membership: &Membership, member: &MemberId) -> Vec<PublicKey> {
    let directory = membership.directory();
    let chain = directory
        .chain(member)
        .map(KeyChain::keys)
        .unwrap_or_default();
    let listed = chain
        .iter()
        .filter(|key| key.statement.key_use == KeyUse::Log)
        .filter_map(|key| key.statement.public_key());
    let archive = &directory.document().archive;
    let archived = archive
        .iter()
        .filter(|key| key.member == *member && key.key_use == KeyUse::Log)
        .filter_map(|key| PublicKey::from_x(&key.x).ok());
    listed.chain(archived).collect()
}

/// The checkpoint of a report that was verified when it came.
pub(super) fn checkpoint_of(report: &AccessReport) -> Option<Checkpoint> {
    let note = SignedNote::parse(report.checkpoint.as_bytes()).ok()?;
    Checkpoint::parse(&note.text).ok()
}
