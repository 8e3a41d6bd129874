//! Giving, withdrawing and explaining directives, and ending the tokens that no longer follow.

use federation_protocol::category::Category;
use federation_protocol::consent::{
    ConsentKind, Context, Directive, DirectiveDraft, DirectiveStatus, Explanation, Performer,
    Provision, Residual, ResourceFacts, explain, first_loss, with_status,
};
use federation_protocol::label::Labels;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::mint::MintedRecord;
use super::{
    ConsentError, Consents, DirectiveId, StoredDirective, Subject, outbox, store, wording,
};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;

/// A change of mind, done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The directive that was written.
    pub id: DirectiveId,
    /// The `jti` of each token that ended with it.
    pub ended: Vec<String>,
}

/// What [`Consents::explain`] is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who would ask, for what, when.
    pub context: Context,
    /// Which kind of data.
    pub category: Category,
    /// How sensitive.
    pub labels: Labels,
}

/// Why a question would be answered or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The reason of the decision, for an undated resource of that category and those labels.
    pub explanation: Explanation,
    /// The directive that decided, where one did.
    pub directive: Option<DirectiveId>,
}

impl Consents {
    /// The draft of a directive with the words that the person is shown.
    ///
    /// `patient` is `Patient/<id>`, the person's own chart here; `name_of` gives the name that
    /// people know a member by.
    #[must_use]
    pub fn draft(
        &self,
        kind: ConsentKind,
        patient: &str,
        root: Provision,
        nested: Vec<Provision>,
        name_of: &dyn Fn(&MemberId) -> String,
    ) -> DirectiveDraft {
        DirectiveDraft {
            kind,
            patient: patient.to_owned(),
            performer: Performer::Person,
            date_time: self.clock.now(),
            organization: self.me.clone(),
            source: wording::shown(kind, &root, &nested, name_of),
            policy_uri: wording::POLICY_URI.to_owned(),
            root,
            nested,
        }
    }

    /// Stores a new directive, and ends the tokens that it takes away.
    ///
    /// # Errors
    /// `Everyone` if a permission of a person names nobody; `Directive` if what was drafted does
    /// not read back as a directive; `Database`.
    pub async fn give(
        &self,
        subject: Subject,
        draft: DirectiveDraft,
    ) -> Result<Changed, ConsentError> {
        let now = self.clock.now();
        let changed = self
            .database
            .transact(move |connection| {
                let stored = first_version(&subject, &draft, now)?;
                store::directives::write(connection, &stored)?;
                let ended = settle_subject(connection, &stored, now)?;
                audit::append(connection, &line(Kind::Directive, &stored, now))?;
                Ok::<_, ConsentError>(Changed {
                    id: stored.id,
                    ended,
                })
            })
            .await?;
        self.changed();
        Ok(changed)
    }

    /// Puts another decision in the place of an active directive: its next version. The tokens that
    /// let out what is no longer given end, and only they.
    ///
    /// # Errors
    /// `Unknown`; `Withdrawn` if it is not active any more; `Everyone`, `Directive` and `Database`
    /// as for [`Consents::give`].
    pub async fn replace(
        &self,
        id: &DirectiveId,
        draft: DirectiveDraft,
    ) -> Result<Changed, ConsentError> {
        let now = self.clock.now();
        let id = id.clone();
        let changed = self
            .database
            .transact(move |connection| {
                let head = store::directives::find(connection, id.as_str())?;
                let head = active(head.ok_or(ConsentError::Unknown)?)?;
                let version = head.version.saturating_add(1);
                let next = drafted(head.id, version, &head.subject, &draft, now)?;
                store::directives::write(connection, &next)?;
                let ended = settle_subject(connection, &next, now)?;
                audit::append(connection, &line(Kind::Directive, &next, now))?;
                Ok::<_, ConsentError>(Changed { id: next.id, ended })
            })
            .await?;
        self.changed();
        Ok(changed)
    }

    /// Withdraws a directive: a new version with status `inactive`. The tokens that no longer
    /// follow from what is left end with it, and only they.
    ///
    /// # Errors
    /// `Unknown`; `Withdrawn` if it is not active any more; `Database`.
    pub async fn withdraw(&self, id: &DirectiveId) -> Result<Changed, ConsentError> {
        let now = self.clock.now();
        let id = id.clone();
        let changed = self
            .database
            .transact(move |connection| withdraw_in(connection, &id, now))
            .await?;
        self.changed();
        Ok(changed)
    }

    /// Ends every living token about `person` for `audience`: their link has ended. The hospital is
    /// told like of any other.
    ///
    /// # Errors
    /// The database did not do it.
    pub fn end_audience(
        connection: &mut HospitalConnection,
        person: &PersonId,
        audience: &MemberId,
        now: Timestamp,
    ) -> Result<Vec<String>, ConsentError> {
        let live = store::tokens::live_of(connection, person, now)?;
        let ending: Vec<_> = live
            .into_iter()
            .filter(|token| token.audience == *audience)
            .collect();
        end(connection, person, None, &ending, now)
    }

    /// The local directives about chart `from` hold for chart `into`: the charts were merged. How
    /// many.
    ///
    /// # Errors
    /// The database did not do it.
    pub fn move_reservations(
        connection: &mut HospitalConnection,
        from: Rid,
        into: Rid,
    ) -> Result<usize, DatabaseError> {
        store::directives::move_patient(connection, from, into)
    }

    /// What the person's directives say to a question, and which of them says it.
    ///
    /// # Errors
    /// `Database`, or a stored directive that cannot be read.
    pub async fn explain(
        &self,
        person: PersonId,
        question: Question,
    ) -> Result<Explained, ConsentError> {
        let stored = self.list(Subject::Person(person)).await?;
        let directives: Result<Vec<Directive>, ConsentError> =
            stored.iter().map(StoredDirective::directive).collect();
        let facts = ResourceFacts {
            id: String::new(),
            category: question.category,
            labels: question.labels,
            date: None,
            authors: Vec::new(),
            related: Vec::new(),
        };
        let explanation = explain(&directives?, &[], &question.context, &facts);
        let decisive = match explanation {
            Explanation::Permitted(at) | Explanation::DeniedAtHome(at) => stored.get(at),
            _none => None,
        };
        Ok(Explained {
            explanation,
            directive: decisive.map(|one| one.id.clone()),
        })
    }
}

/// [`Consents::withdraw`] in the caller's transaction; hospitals are told when it is committed.
pub(super) fn withdraw_in(
    connection: &mut HospitalConnection,
    id: &DirectiveId,
    now: Timestamp,
) -> Result<Changed, ConsentError> {
    let head = store::directives::find(connection, id.as_str())?;
    let next = inactive(head.ok_or(ConsentError::Unknown)?, now)?;
    store::directives::write(connection, &next)?;
    let ended = settle_subject(connection, &next, now)?;
    audit::append(connection, &line(Kind::Revocation, &next, now))?;
    Ok(Changed { id: next.id, ended })
}

/// The first version of a drafted directive, as it will be kept: with an id, read back strictly.
pub(super) fn first_version(
    subject: &Subject,
    draft: &DirectiveDraft,
    now: Timestamp,
) -> Result<StoredDirective, ConsentError> {
    drafted(DirectiveId::random(), 1, subject, draft, now)
}

fn drafted(
    id: DirectiveId,
    version: i64,
    subject: &Subject,
    draft: &DirectiveDraft,
    now: Timestamp,
) -> Result<StoredDirective, ConsentError> {
    let raw = stamped(draft.to_fhir(), &id, version, now);
    let directive = Directive::from_fhir(&raw)?;
    if matches!(subject, Subject::Person(_)) && !directive.names_its_actors() {
        return Err(ConsentError::Everyone);
    }
    Ok(StoredDirective {
        id,
        version,
        subject: subject.clone(),
        status: directive.status().as_str().to_owned(),
        written_at: now,
        raw: raw.to_string(),
    })
}

fn active(head: StoredDirective) -> Result<StoredDirective, ConsentError> {
    match head.status == DirectiveStatus::Active.as_str() {
        true => Ok(head),
        false => Err(ConsentError::Withdrawn),
    }
}

fn inactive(head: StoredDirective, now: Timestamp) -> Result<StoredDirective, ConsentError> {
    let head = active(head)?;
    let version = head.version.saturating_add(1);
    let raw: Value = serde_json::from_str(&head.raw).map_err(|_broken| ConsentError::Stored)?;
    let raw = stamped(
        with_status(raw, DirectiveStatus::Inactive),
        &head.id,
        version,
        now,
    );
    let status = DirectiveStatus::Inactive.as_str().to_owned();
    Ok(StoredDirective {
        version,
        status,
        written_at: now,
        raw: raw.to_string(),
        ..head
    })
}

fn stamped(mut consent: Value, id: &DirectiveId, version: i64, now: Timestamp) -> Value {
    if let Some(fields) = consent.as_object_mut() {
        fields.insert("id".into(), json!(id.as_str()));
        let meta = json!({"versionId": version.to_string(), "lastUpdated": now.to_string()});
        fields.insert("meta".into(), meta);
    }
    consent
}

fn line(kind: Kind, stored: &StoredDirective, now: Timestamp) -> Line {
    let line = Line::new(kind, now, "person")
        .detail("directive", stored.id.as_str())
        .detail("version", stored.version);
    match &stored.subject {
        Subject::Person(person) => line.person(person.as_str()),
        Subject::Patient(patient) => line.patient(*patient),
    }
}

/// The directives of a person, as they decide.
pub(super) fn directives_of(
    connection: &mut HospitalConnection,
    person: &PersonId,
) -> Result<Vec<Directive>, ConsentError> {
    let subject = Subject::Person(person.clone());
    let stored = store::directives::of_subject(connection, &subject)?;
    stored.iter().map(StoredDirective::directive).collect()
}

fn settle_subject(
    connection: &mut HospitalConnection,
    changed: &StoredDirective,
    now: Timestamp,
) -> Result<Vec<String>, ConsentError> {
    match &changed.subject {
        Subject::Person(person) => settle(connection, person, &changed.id, now),
        // A local directive works at the next question here; it mints nothing, it ends nothing.
        Subject::Patient(_) => Ok(Vec::new()),
    }
}

/// Ends the living tokens that let out what the person's directives no longer do.
fn settle(
    connection: &mut HospitalConnection,
    person: &PersonId,
    changed: &DirectiveId,
    now: Timestamp,
) -> Result<Vec<String>, ConsentError> {
    let live = store::tokens::live_of(connection, person, now)?;
    if live.is_empty() {
        return Ok(Vec::new());
    }
    let directives = directives_of(connection, person)?;
    let ending: Vec<_> = live
        .into_iter()
        .filter(|token| !still_follows(token, &directives, now))
        .collect();
    end(connection, person, Some(changed), &ending, now)
}

/// Ends tokens: their bits stand in the next status list, and their hospitals are to be told.
fn end(
    connection: &mut HospitalConnection,
    person: &PersonId,
    changed: Option<&DirectiveId>,
    ending: &[MintedRecord],
    now: Timestamp,
) -> Result<Vec<String>, ConsentError> {
    for token in ending {
        store::tokens::end(connection, &token.jti, now)?;
        let line = Line::new(Kind::Revocation, now, "person")
            .person(person.as_str())
            .peer(&token.client)
            .purpose(token.purpose)
            .outcome("token_ended")
            .detail("jti", token.jti.as_str())
            .detail("audience", token.audience.as_str());
        audit::append(connection, &line)?;
    }
    outbox::tell(connection, person, changed, ending, now)?;
    Ok(ending.iter().map(|token| token.jti.clone()).collect())
}

/// Whether everything that `token` lets out is let out by `directives` too, for as long as it lives.
fn still_follows(token: &MintedRecord, directives: &[Directive], now: Timestamp) -> bool {
    let Ok(residual) = Residual::from_json(token.rules.as_bytes()) else {
        return false;
    };
    let context = Context {
        requester: token.client.clone(),
        practitioner: token.practitioner.clone(),
        purpose: token.purpose,
        at: now,
    };
    let until = token.expires_at;
    first_loss(token.scope, &residual, directives, &context, until).is_none()
}
