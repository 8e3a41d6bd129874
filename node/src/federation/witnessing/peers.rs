//! Asking one member to cosign.

use std::time::Duration;

use federation_protocol::directory::{KeyStatement, Membership};
use federation_protocol::keys::{KeyUse, PublicKey};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::Actor;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{Submission, WitnessReply};

use super::super::cosigning::CHECKPOINTS_PATH;
use super::super::exchange::{Ask, Exchanges, NoAnswer};
use super::{Answer, WitnessingError, cosignature};

const DEADLINE: Duration = Duration::from_secs(8);

/// What `member` answers to `submission`. Its line counts when a `log` key of it made it that counts
/// now.
pub(super) async fn submit(
    exchanges: &Exchanges,
    member: &MemberId,
    (membership, now): (&Membership, Timestamp),
    submission: &Submission,
) -> Result<Answer, WitnessingError> {
    let silent = |why: String| WitnessingError::Peer {
        member: member.clone(),
        why,
    };
    let ask = Ask {
        path: CHECKPOINTS_PATH.to_owned(),
        content_type: "application/json",
        purpose: Purpose::Treat,
        actor: Actor::system(),
        consent: None,
        body: submission.to_json(),
    };
    let answer = exchanges.ask(member, &ask, DEADLINE).await.result;
    let answer = answer.map_err(|none| match none {
        NoAnswer::Silent(silence) => silent(silence.code().to_owned()),
        NoAnswer::Unverified => silent("its answer does not verify".to_owned()),
    })?;
    if answer.status != 200 {
        let refusal = Refusal::of_body(&answer.body);
        let code = refusal.map_or("an unknown refusal", |refusal| refusal.code());
        return Err(silent(format!("{code} ({})", answer.status)));
    }
    let reply = WitnessReply::from_json(&answer.body).map_err(|error| silent(error.to_string()))?;
    match reply {
        WitnessReply::Cosigned(line) => {
            let keys = membership.keys_of(member, KeyUse::Log, now);
            let keys: Vec<PublicKey> = keys.filter_map(KeyStatement::public_key).collect();
            cosignature(member.as_str(), &keys, submission, &line).map(Answer::Cosigned)
        }
        WitnessReply::Size(size) => Ok(Answer::Elsewhere(size)),
        WitnessReply::Inconsistent(witnessed) => Err(WitnessingError::Fork { witnessed }),
    }
}
