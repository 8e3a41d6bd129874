//! `musubi-node person requests`, `person paper`, `code --open`: what a person decides on their phone.

use std::sync::Arc;

use federation_protocol::member::MemberId;
use serde_json::json;

use super::cli::person::{
    AnswerArgs, AnswerWord, PaperCommand, PaperMakeArgs, PaperOfArgs, PaperRevokeArgs, PhoneArgs,
    RequestsCommand,
};
use super::cli::{CodeArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{member, member_name, membership, person_id, rooms, scope, wait};
use crate::app::Rooms;
use crate::consent::{Answered, CODE_LIFE_SECONDS};
use crate::federation::deciding::{Answer, Deciding, DecidingError, Shown};
use crate::identity::Caller;
use crate::linkage::phone::Phone;

const ONCE_SECONDS: i64 = 12 * 3_600;
const ADVICE: &str = "see `musubi-node person requests list`; a request is open for five minutes";

/// Decisions of the person whose phone this is.
fn of_phone(rooms: &Rooms, phone: &Phone) -> Result<(Deciding, Caller), Failure> {
    // Fetched where this node has none yet.
    membership(rooms)?;
    let directory = rooms
        .directory()
        .or_failure(Exit::TryAgain, "try again; see `musubi-node doctor`")?;
    let person = wait(rooms.linkage.person(phone.person()))
        .or_failure(Exit::Failure, "give a phone that was enrolled here")?;
    let deciding = Deciding::new(
        Arc::clone(&rooms.clock),
        directory,
        rooms.consents.clone(),
        rooms.linkage.clone(),
    );
    let caller = Caller::Person {
        id: person.id,
        patient: person.patient,
    };
    Ok((deciding, caller))
}

fn phone(args: &PhoneArgs) -> Result<Phone, Failure> {
    Phone::open(&args.phone).or_failure(Exit::Failure, "give the file that `person enroll` wrote")
}

/// A code that names nobody.
pub(super) fn open_code(args: &CodeArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let phone = Phone::open(&args.phone)
        .or_failure(Exit::Failure, "give the file that `person enroll` wrote")?;
    let (deciding, caller) = of_phone(&rooms, &phone)?;
    let made = wait(deciding.open_code(&caller)).or_failure(Exit::TryAgain, "try again")?;
    let home = rooms.me.to_string();
    match args.output.output {
        Output::Json => output::json(&json!({
            "id": made.id,
            "code": made.code.spoken(),
            "qr": format!("{}/v#{}", rooms.endpoint(), made.code.scanned()),
            "home": home,
            "expires_in_seconds": CODE_LIFE_SECONDS,
        })),
        Output::Table => {
            line(&made.code.spoken());
            note(&format!(
                "good for {} minutes, once, anywhere\nnext: the doctor hands it in at {home}; then: \
                 musubi-node person requests list --phone {}",
                CODE_LIFE_SECONDS / 60,
                args.phone.display()
            ));
            Ok(())
        }
    }
}

pub(super) fn requests(command: &RequestsCommand) -> Result<(), Failure> {
    match command {
        RequestsCommand::List(args) => list(args),
        RequestsCommand::Answer(args) => answer(args),
    }
}

fn list(args: &PhoneArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let (deciding, caller) = of_phone(&rooms, &phone(args)?)?;
    let found = wait(deciding.requests(&caller)).or_failure(Exit::TryAgain, "try again")?;
    let (now, name) = (deciding.now(), member_name(&rooms));
    let columns = [
        "id",
        "state",
        "hospital",
        "practitioner",
        "purpose",
        "categories",
        "expires",
    ];
    let mut listing = Listing::new(&columns);
    for one in found {
        let state = match &one.answered {
            Some(Answered::Declined) => "declined",
            Some(Answered::Allowed(_)) => "allowed",
            None if one.is_open(now) => "open",
            None => "expired",
        };
        listing.row([
            one.id,
            state.to_owned(),
            name(&one.requester),
            one.practitioner.id,
            one.purpose.to_string(),
            one.categories.to_string(),
            one.expires_at.to_string(),
        ]);
    }
    listing.print(args.output.output)
}

fn answer(args: &AnswerArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.of.node)?;
    let phone = phone(&args.of)?;
    let (deciding, caller) = of_phone(&rooms, &phone)?;
    let seconds = match args.answer {
        AnswerWord::Allow => i64::from(args.days) * 86_400,
        AnswerWord::Once | AnswerWord::Decline => ONCE_SECONDS,
    };
    let mut shown = Shown {
        hospitals: members(&args.hospitals)?,
        categories: match args.categories.is_empty() {
            true => None,
            false => Some(scope(&args.categories)?),
        },
        sensitive: false,
        until: deciding.now().plus_seconds(seconds),
        signatures: Vec::new(),
    };
    let reply = |shown: &Shown| match args.answer {
        AnswerWord::Decline => Answer::Decline,
        AnswerWord::Allow | AnswerWord::Once => Answer::Allow(shown.clone()),
    };
    let mut answered = wait(deciding.answer(&caller, &args.id, reply(&shown)));
    if let Err(DecidingError::Sign(needed)) = &answered {
        for one in needed {
            let signature = phone
                .sign(&one.responder, &one.message)
                .or_failure(Exit::Failure, "give the phone that made this link")?;
            shown.signatures.push((one.responder.clone(), signature));
        }
        answered = wait(deciding.answer(&caller, &args.id, reply(&shown)));
    }
    answered.or_failure(Exit::Refused, ADVICE)?;
    line(match args.answer {
        AnswerWord::Decline => "declined",
        AnswerWord::Allow | AnswerWord::Once => "allowed",
    });
    Ok(())
}

fn members(words: &[String]) -> Result<Vec<MemberId>, Failure> {
    words.iter().map(|text| member(text)).collect()
}

pub(super) fn paper(command: &PaperCommand) -> Result<(), Failure> {
    match command {
        PaperCommand::Make(args) => make(args),
        PaperCommand::List(args) => sheets(args),
        PaperCommand::Revoke(args) => revoke(args),
    }
}

fn make(args: &PaperMakeArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.of.node)?;
    let id = person_id(&args.of.person)?;
    let person = wait(rooms.linkage.person(&id))
        .or_failure(Exit::Failure, "see `musubi-node person list`")?;
    let links = wait(rooms.linkage.home_links(&id)).or_failure(Exit::TryAgain, "try again")?;
    let hospitals = match args.hospitals.is_empty() {
        true => links.iter().map(|link| link.responder.clone()).collect(),
        false => members(&args.hospitals)?,
    };
    let patient = format!("Patient/{}", person.patient_id);
    let by = ("registrar", None);
    let made = wait(
        rooms
            .consents
            .make_sheet((&id, &patient), hospitals, &links, by),
    );
    let made = made.or_failure(Exit::Refused, "link a hospital first: `person link`")?;
    let codes: Vec<String> = made
        .codes
        .iter()
        .map(|one| one.grouped().to_string())
        .collect();
    match args.of.output.output {
        Output::Json => output::json(&json!({
            "id": made.id,
            "codes": codes,
            "expires": made.expires_at.to_string(),
        })),
        Output::Table => {
            for code in &codes {
                line(code);
            }
            note(&format!(
                "sheet {}, each good once until {}, with a witness\nnext: print them, hand them over, \
                 keep no copy",
                made.id, made.expires_at
            ));
            Ok(())
        }
    }
}

fn sheets(args: &PaperOfArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let id = person_id(&args.person)?;
    let found = wait(rooms.consents.sheets(&id)).or_failure(Exit::TryAgain, "try again")?;
    let uses = wait(rooms.consents.paper_uses(&id)).or_failure(Exit::TryAgain, "try again")?;
    let name = member_name(&rooms);
    let mut listing = Listing::new(&["what", "id", "at", "until", "detail"]);
    for one in found {
        let detail = match one.revoked_at {
            Some(_) => "revoked".to_owned(),
            None => format!("{} left", one.left),
        };
        let (made, until) = (one.made_at.to_string(), one.expires_at.to_string());
        listing.row(["sheet".to_owned(), one.id, made, until, detail]);
    }
    for one in uses {
        let seen = format!(
            "{} {}, witness {}",
            name(&one.requester),
            one.practitioner,
            one.witness.0
        );
        let (used, until) = (one.used_at.to_string(), one.ends_at.to_string());
        listing.row([
            "use".to_owned(),
            one.directive.to_string(),
            used,
            until,
            seen,
        ]);
    }
    listing.print(args.output.output)
}

fn revoke(args: &PaperRevokeArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.of.node)?;
    let id = person_id(&args.of.person)?;
    let revoked = wait(rooms.consents.revoke_sheet(&id, &args.sheet));
    match revoked.or_failure(Exit::TryAgain, "try again")? {
        true => {
            line("revoked");
            Ok(())
        }
        false => Err(Failure::new(
            Exit::Failure,
            "no such sheet of this person, or it is revoked already",
            "see `musubi-node person paper list`",
        )),
    }
}
