//! The other hospitals that a person is linked with, asked by the person's own view.

use std::time::Duration;

use federation_protocol::member::MemberId;
use futures_util::StreamExt as _;

use super::gather::{GatherError, Gathered, Missing, Patience, People, Wanted, Why, hospital_of};
use crate::federation::outcome::{Part, PeerOutcome, Silence};
use crate::federation::query::{QueryError, Question, TYPES};
use crate::identity::Caller;

/// How many resources of one kind another hospital is asked for.
const MOST: &str = "500";
/// How long a page waits before it shows what has come.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);

impl People {
    /// Asks every linked hospital for what is `wanted`; who has not answered when the patience ends is
    /// named as waited for.
    pub(super) async fn others(
        &self,
        caller: &Caller,
        wanted: &[Wanted],
        patience: Patience,
        into: &mut Gathered,
    ) -> Result<(), GatherError> {
        let asked = questions(wanted)?;
        if asked.is_empty() {
            return Ok(());
        }
        let view = self.parts.federation.own_view();
        let asked = match view.plan(caller, asked).await {
            Ok(asked) => asked,
            // The own chart is there all the same.
            Err(error) => {
                tracing::warn!("a person's own view was not asked: {error}");
                return self.all_silent(caller, into).await;
            }
        };
        let others = asked.hospitals().filter(|(_, own)| !own);
        let mut waiting: Vec<(MemberId, String)> = others
            .map(|(one, _)| (one.member.clone(), one.name.clone()))
            .collect();
        let mut came = Vec::new();
        let mut coming = view.send(&asked);
        let end = tokio::time::sleep(SHORT_PATIENCE);
        tokio::pin!(end);
        loop {
            let part = tokio::select! {
                part = coming.next() => part,
                () = &mut end, if patience == Patience::Short => None,
            };
            let Some(part) = part else { break };
            view.record(&asked, &part).await?;
            waiting.retain(|(member, _)| *member != part.hospital.member);
            came.push(part);
        }
        drop(coming);
        let (parts, _manifest) = view.conclude(&asked, came).await?;
        for part in parts.into_iter().filter(|part| !part.own) {
            take(part, into);
        }
        let late = waiting.into_iter().map(|(_, name)| Missing {
            name,
            why: Why::Waiting,
        });
        into.missing.extend(late);
        Ok(())
    }
}

impl People {
    /// Names every linked hospital as one that did not answer.
    async fn all_silent(&self, caller: &Caller, into: &mut Gathered) -> Result<(), GatherError> {
        let whose = self.whose(caller).await?;
        let membership = self.parts.federation.directory().membership();
        for link in self.parts.linkage.home_links(&whose.id).await? {
            let member = &link.responder;
            let listed = membership.as_deref().and_then(|all| all.member(member));
            into.missing.push(Missing {
                name: listed.map_or_else(|| member.to_string(), |one| one.names.ja.clone()),
                why: Why::Silent,
            });
        }
        Ok(())
    }
}

fn take(part: Part, into: &mut Gathered) {
    let name = part.hospital.name.clone();
    let missing = |why| Missing {
        name: name.clone(),
        why,
    };
    match part.outcome {
        PeerOutcome::Answered(answer) => {
            let hospital = part.hospital;
            let place = into.hospitals.len();
            let more = answer.next.is_some().then(|| missing(Why::More));
            into.missing.extend(more);
            into.hospitals.push(hospital_of(
                hospital.member,
                hospital.name,
                &hospital.endpoint,
            ));
            let entries = answer.entries.into_iter().chain(answer.included);
            into.raw.extend(entries.map(|entry| (place, entry.raw)));
        }
        PeerOutcome::Silent(Silence::NotSigned) => into.missing.push(missing(Why::Unsigned)),
        PeerOutcome::Refused(_) | PeerOutcome::Silent(_) | PeerOutcome::Unverified => {
            into.missing.push(missing(Why::Silent));
        }
    }
}

/// What of `wanted` members are ever asked for.
fn questions(wanted: &[Wanted]) -> Result<Vec<Question>, QueryError> {
    let asked = wanted.iter().filter_map(|one| {
        let kind = *TYPES.iter().find(|kind| **kind == one.kind)?;
        let mut pairs = vec![("_count".to_owned(), MOST.to_owned())];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.extend(one.filters.iter().map(own));
        Some(Question::from_pairs(kind, &pairs))
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::gather::{LAB, all};
    use super::*;

    #[test]
    fn members_are_asked_for_nothing_that_never_leaves() {
        let wanted = [
            LAB,
            all("Patient"),
            all("Appointment"),
            all("Encounter"),
            all("Immunization"),
        ];
        let asked = questions(&wanted).unwrap();
        let kinds: Vec<&str> = asked.iter().map(|one| one.resource_type).collect();
        assert_eq!(kinds, ["Observation", "Immunization"]);
    }
}
