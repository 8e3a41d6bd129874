//! What a doctor would see: the decision itself, on the person's own chart here. Other hospitals'
//! charts are not asked: what they hold, they decide by the same rules.

use std::collections::BTreeMap;

use federation_protocol::category::Category;
use federation_protocol::consent::{Context, Directive, Explanation, explain};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use crate::access::{Access, AccessRefusal, Act};
use crate::consent::{ConsentError, Consents, StoredDirective, Subject};
use crate::federation::query::{Question, TYPES};
use crate::identity::Caller;
use crate::records::{Records, RecordsError, ResourceType, SearchQuery};

/// The most resources of one type that are looked at.
const MOST: &str = "1000";

/// Why something is hidden, as a person reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nobody gave it.
    NotGiven,
    /// It was given, but not what is marked as sensitive.
    Sensitive,
    /// It was kept back.
    KeptBack,
}

impl Reason {
    /// Its word in the texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotGiven => "not-given",
            Self::Sensitive => "sensitive",
            Self::KeptBack => "kept-back",
        }
    }
}

/// What would be seen of each kind, and what is hidden and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many of each kind are shown.
    pub shown: BTreeMap<&'static str, usize>,
    /// How many of each kind are hidden, by reason.
    pub hidden: BTreeMap<(&'static str, Reason), usize>,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum PreviewError {
    /// The caller may not.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// A directive cannot be read.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The chart cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] crate::database::DatabaseError),
}

/// What the preview stands on.
pub(super) struct Previewing<'a> {
    pub(super) access: &'a Access,
    pub(super) records: &'a Records,
    pub(super) consents: &'a Consents,
}

impl Previewing<'_> {
    /// What `member` would see of the caller's own chart for `purpose` at `now`. What their doctor
    /// has not told them is not counted: not even that it is there.
    ///
    /// # Errors
    /// The chart or the directives cannot be read.
    pub(super) async fn of(
        &self,
        caller: &Caller,
        member: &MemberId,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Preview, PreviewError> {
        let Caller::Person { id, .. } = caller else {
            return Ok(Preview::default());
        };
        let stored = self.consents.list(Subject::Person(id.clone())).await?;
        let directives = stored.iter().map(StoredDirective::directive);
        let directives = directives.collect::<Result<Vec<Directive>, _>>()?;
        let context = Context {
            requester: member.clone(),
            practitioner: None,
            purpose,
            at: now,
        };
        let mut preview = Preview::default();
        for kind in TYPES {
            let act = Act::Search {
                kind,
                patient: None,
            };
            let permit = self.access.permit(caller, act).await?;
            let Some(query) = everything(kind) else {
                continue;
            };
            for entry in self.records.search(&permit, query).await?.entries {
                if entry.facts.category != Category::Other {
                    let explained = explain(&directives, &[], &context, &entry.facts);
                    preview.count(
                        entry.facts.category,
                        explained,
                        !entry.facts.labels.is_empty(),
                    );
                }
            }
        }
        Ok(preview)
    }
}

fn everything(kind: &str) -> Option<SearchQuery> {
    let known = TYPES.iter().find(|known| **known == kind)?;
    let count = [("_count".to_owned(), MOST.to_owned())];
    let question = Question::from_pairs(known, &count).ok()?;
    SearchQuery::of_question(ResourceType::named(kind)?, &question.pairs()).ok()
}

impl Preview {
    fn count(&mut self, category: Category, explained: Explanation, is_marked: bool) {
        let kind = category.as_str();
        let reason = match explained {
            Explanation::Permitted(_) => {
                *self.shown.entry(kind).or_default() += 1;
                return;
            }
            Explanation::DeniedAtHome(_) | Explanation::DeniedHere(_) => Reason::KeptBack,
            _other if is_marked => Reason::Sensitive,
            _other => Reason::NotGiven,
        };
        *self.hidden.entry((kind, reason)).or_default() += 1;
    }
}
