//! The grants that this node's physicians hold: redeemed elsewhere, used by whoever redeemed them.

use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use super::own_view::OWN_ROLE;
use super::store;
use crate::database::{Database, DatabaseError};

/// A grant as this node keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldGrant {
    /// This node's own id of it, in the address of every question under it.
    pub id: String,
    /// The patient's home node.
    pub home: MemberId,
    /// What the home node calls it; new tokens are asked for under this name.
    pub home_grant: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The staff id of the practitioner who redeemed it. Nobody else may use it.
    pub practitioner: String,
    /// Their role, as it stands in `Fed-Actor`.
    pub role: String,
    /// The kinds of data that were asked for at redemption.
    pub categories: Vec<Category>,
    /// The logical id of the patient in this node's own charts, when the physician named one.
    pub patient: Option<String>,
    /// When it was redeemed.
    pub created_at: Timestamp,
    /// When the newest tokens end. The home node says only that; whether it gives new ones, it says
    /// when it is asked for them.
    pub expires_at: Timestamp,
}

impl HeldGrant {
    /// Whether a person holds it, of themselves.
    pub(super) fn is_own(&self) -> bool {
        self.role == OWN_ROLE
    }

    /// Who stands in requests for new tokens under it; nobody for a person's own.
    pub(super) fn for_practitioner(&self) -> Option<Practitioner> {
        let named = || Practitioner {
            id: self.practitioner.clone(),
            role: self.role.clone(),
        };
        (!self.is_own()).then(named)
    }
}

/// A grant whose tokens ended longer ago than this is forgotten: nobody comes back for it.
pub const FORGOTTEN_AFTER_SECONDS: i64 = 7 * 86_400;

/// One hospital's token under a grant. No Debug: a token is a secret of its holder.
#[derive(Clone, Eq, PartialEq)]
pub struct HeldToken {
    /// The hospital that it opens.
    pub responder: MemberId,
    /// The token, as it came.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The held grants in the database.
#[derive(Clone)]
pub struct HeldGrants {
    database: Database,
}

impl HeldGrants {
    /// Those kept in `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The grant `id` with its tokens; `None` when there is none, when it is forgotten, or when
    /// `practitioner` is not the one who redeemed it: one answer for all three. What a person holds
    /// of themselves is no practitioner's, whatever staff id somebody was given.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn of(
        &self,
        id: &str,
        practitioner: &str,
        now: Timestamp,
    ) -> Result<Option<(HeldGrant, Vec<HeldToken>)>, DatabaseError> {
        let (id, practitioner) = (id.to_owned(), practitioner.to_owned());
        self.database
            .read(move |connection| {
                let Some(grant) = store::grant(connection, &id)? else {
                    return Ok(None);
                };
                let forgotten = grant.expires_at <= now.plus_seconds(-FORGOTTEN_AFTER_SECONDS);
                if grant.practitioner != practitioner || grant.is_own() || forgotten {
                    return Ok(None);
                }
                let tokens = store::tokens(connection, &id)?;
                Ok(Some((grant, tokens)))
            })
            .await
    }

    /// The grants of `practitioner` that are not forgotten at `now`, newest first, with the hospitals
    /// that each names.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn list(
        &self,
        practitioner: &str,
        now: Timestamp,
    ) -> Result<Vec<(HeldGrant, Vec<MemberId>)>, DatabaseError> {
        let practitioner = practitioner.to_owned();
        self.database
            .read(move |connection| {
                let since = now.plus_seconds(-FORGOTTEN_AFTER_SECONDS);
                let grants = store::grants(connection, &practitioner, since)?;
                grants
                    .into_iter()
                    .filter(|grant| !grant.is_own())
                    .map(|grant| {
                        let tokens = store::tokens(connection, &grant.id)?;
                        Ok((
                            grant,
                            tokens.into_iter().map(|token| token.responder).collect(),
                        ))
                    })
                    .collect()
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use super::*;
    use crate::database::testing::on_each_async;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000 + seconds)
    }

    fn member(number: u32) -> MemberId {
        format!("urn:musubi:member:011000000{number}")
            .parse()
            .unwrap()
    }

    fn grant(id: &str) -> HeldGrant {
        HeldGrant {
            id: id.into(),
            home: member(1),
            home_grant: "g".into(),
            purpose: Purpose::Treat,
            practitioner: "dr-0042".into(),
            role: "physician".into(),
            categories: vec![Category::Lab, Category::Rx],
            patient: Some("p1".into()),
            created_at: at(0),
            expires_at: at(3600),
        }
    }

    fn token(number: u32, text: &str) -> HeldToken {
        HeldToken {
            responder: member(number),
            token: text.into(),
            expires_at: at(600),
        }
    }

    async fn keep(database: &Database, grant: HeldGrant, tokens: Vec<HeldToken>) {
        database
            .transact(move |connection| {
                store::keep_grant(connection, &grant)?;
                store::replace_tokens(connection, &grant.id, &tokens)
            })
            .await
            .unwrap_or_else(|error: DatabaseError| panic!("{error}"));
    }

    #[tokio::test]
    async fn only_the_practitioner_who_redeemed_it_may_use_a_grant() {
        on_each_async(async |database: Database| {
            keep(
                &database,
                grant("one"),
                vec![token(2, "t2"), token(3, "t3")],
            )
            .await;
            let held = HeldGrants::new(database);
            let (found, tokens) = held.of("one", "dr-0042", at(1)).await.unwrap().unwrap();
            assert_eq!(found, grant("one"));
            assert!(tokens == vec![token(2, "t2"), token(3, "t3")]);
            assert!(held.of("one", "dr-0043", at(1)).await.unwrap().is_none());
            let late = at(3600 + FORGOTTEN_AFTER_SECONDS);
            assert!(held.of("one", "dr-0042", late).await.unwrap().is_none());
            assert!(held.of("two", "dr-0042", at(1)).await.unwrap().is_none());
        })
        .await;
    }

    #[tokio::test]
    async fn new_tokens_take_the_place_of_the_old() {
        on_each_async(async |database: Database| {
            keep(
                &database,
                grant("one"),
                vec![token(2, "old"), token(3, "old")],
            )
            .await;
            let renewed = vec![token(2, "new")];
            database
                .transact(move |connection| store::replace_tokens(connection, "one", &renewed))
                .await
                .unwrap_or_else(|error: DatabaseError| panic!("{error}"));
            let held = HeldGrants::new(database);
            let listed = held.list("dr-0042", at(1)).await.unwrap();
            assert_eq!(listed, vec![(grant("one"), vec![member(2)])]);
            let late = at(3600 + FORGOTTEN_AFTER_SECONDS);
            assert!(held.list("dr-0042", late).await.unwrap().is_empty());
        })
        .await;
    }
}
