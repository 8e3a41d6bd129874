//! `musubi-node code`: the person decides, on their phone, who may see what; the code carries the
//! decision to the doctor.

use federation_protocol::category::Scope;
use federation_protocol::consent::{LabelTerms, Practitioner};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use serde_json::json;

use super::cli::{CodeArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, line, note};
use super::{deciding, member, membership, purpose, rooms, scope, wait};
use crate::app::Rooms;
use crate::consent::{CODE_LIFE_SECONDS, Decision, Evidence, HomeLink, TickedResponder};
use crate::linkage::phone::Phone;

const SECONDS_PER_HOUR: i64 = 3_600;

pub(super) fn code(args: &CodeArgs) -> Result<(), Failure> {
    let Some(requester) = &args.requester else {
        return deciding::open_code(args);
    };
    let rooms = rooms(&args.node)?;
    let membership = membership(&rooms)?;
    let phone = Phone::open(&args.phone)
        .or_failure(Exit::Failure, "give the file that `person enroll` wrote")?;
    let links =
        wait(rooms.linkage.home_links(phone.person())).or_failure(Exit::TryAgain, "try again")?;
    let mut decision = decision(args, requester, &rooms, &phone, &links)?;
    let needed = wait(
        rooms
            .consents
            .evidence_needed(&decision, &links, &membership),
    )
    .or_failure(Exit::Refused, ADVICE)?;
    for evidence in needed {
        let signature = phone
            .sign(&evidence.responder, &evidence.message)
            .or_failure(Exit::Failure, "give the phone that made this link")?;
        let ticked = decision.responders.iter_mut();
        if let Some(ticked) = ticked
            .into_iter()
            .find(|ticked| ticked.responder == evidence.responder)
        {
            ticked.evidence = Some(Evidence {
                scope: evidence.scope,
                until: evidence.until,
                signature,
            });
        }
    }
    let code = wait(rooms.consents.create_code(decision, links, membership))
        .or_failure(Exit::Refused, ADVICE)?;
    let home = rooms.me.to_string();
    match args.output.output {
        Output::Json => output::json(&json!({
            "code": code.spoken(),
            "qr": format!("{}/v#{}", rooms.endpoint(), code.scanned()),
            "home": home,
            "expires_in_seconds": CODE_LIFE_SECONDS,
        })),
        Output::Table => {
            line(&code.spoken());
            note(&format!(
                "good for {} minutes, once, at {}\nnext: the doctor there runs: musubi-node ask \
                 --home {home} --code {} --token-file FILE",
                CODE_LIFE_SECONDS / 60,
                requester,
                code.spoken()
            ));
            Ok(())
        }
    }
}

/// What helps when no code can be made of a decision.
const ADVICE: &str = "see what is given with `musubi-node consent list`, which hospitals are \
                      linked with `link accept`, and name --practitioner where the doctor is of \
                      this hospital";

fn decision(
    args: &CodeArgs,
    requester: &str,
    rooms: &Rooms,
    phone: &Phone,
    links: &[HomeLink],
) -> Result<Decision, Failure> {
    let person = wait(rooms.linkage.person(phone.person()))
        .or_failure(Exit::Failure, "give a phone that was enrolled here")?;
    let categories = match args.categories.is_empty() {
        true => Scope::ALL,
        false => scope(&args.categories)?,
    };
    let responders: Vec<MemberId> = match args.hospitals.is_empty() {
        true => links.iter().map(|link| link.responder.clone()).collect(),
        false => {
            let named = args.hospitals.iter().map(|text| member(text));
            named.collect::<Result<_, _>>()?
        }
    };
    let ends_at = match &args.until {
        Some(text) => Timestamp::parse_rfc3339(text)
            .or_failure(Exit::Failure, "give --until as 2026-11-23T18:00:00+09:00")?,
        None => rooms
            .clock
            .now()
            .plus_seconds(i64::from(args.hours) * SECONDS_PER_HOUR),
    };
    Ok(Decision {
        person: person.id,
        patient: format!("Patient/{}", person.patient_id),
        requester: member(requester)?,
        practitioner: args.practitioner.clone().map(|id| Practitioner {
            id,
            role: "physician".to_owned(),
        }),
        purpose: purpose(&args.purpose)?,
        categories,
        labels: LabelTerms {
            normal: true,
            ..LabelTerms::default()
        },
        ends_at,
        responders: responders
            .into_iter()
            .map(|responder| TickedResponder {
                responder,
                evidence: None,
            })
            .collect(),
    })
}
