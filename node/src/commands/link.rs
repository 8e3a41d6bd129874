//! `musubi-node link`: joining a chart here with the person's home node, at the desk.

use federation_protocol::link::PatientHandle;
use serde_json::{Value, json};

use super::cli::link::{
    LinkAcceptArgs, LinkCommand, LinkCorrectArgs, LinkCreateArgs, LinkEndArgs, LinkForgetArgs,
    LinkMergeArgs,
};
use super::cli::{ListArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{chart, desk, member, membership, person_id, rooms, wait};
use crate::linkage::phone::Phone;

pub(super) fn link(command: &LinkCommand) -> Result<(), Failure> {
    match command {
        LinkCommand::Offer(args) => desk::offer(args),
        LinkCommand::Offers(args) => desk::offers(args),
        LinkCommand::Withdraw(args) => desk::withdraw(args),
        LinkCommand::Create(args) => create(args),
        LinkCommand::Accept(args) => accept(args),
        LinkCommand::List(args) => list(args),
        LinkCommand::End(args) => end(args),
        LinkCommand::Forget(args) => forget(args),
        LinkCommand::Merge(args) => merge(args),
        LinkCommand::Correct(args) => correct(args),
    }
}

fn create(args: &LinkCreateArgs) -> Result<(), Failure> {
    let home = member(&args.home)?;
    let rooms = rooms(&args.node)?;
    let patient = chart(&rooms, &args.patient)?;
    let mut phone = open(&args.phone)?;
    let made = wait(rooms.linkage.link_at_counter(
        patient,
        &args.patient,
        &home,
        &mut phone,
        &*rooms.keys.sign(),
    ));
    let made = made.or_failure(Exit::Failure, "check --home and --phone")?;
    if let Err(error) = phone.save(&args.phone) {
        let ended = wait(rooms.linkage.end(&made.handle));
        ended.or_failure(Exit::Failure, "end the link with `musubi-node link end`")?;
        return Err(Failure::new(
            Exit::Failure,
            error,
            "no link was kept; make the phone file writable and try again",
        ));
    }
    match args.output.output {
        Output::Json => output::json(&json!({ "handle": made.handle.as_str() })),
        Output::Table => {
            line(made.handle.as_str());
            note(&format!(
                "next: at home ({home}): musubi-node link accept --phone {}",
                args.phone.display()
            ));
            Ok(())
        }
    }
}

fn accept(args: &LinkAcceptArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let membership = membership(&rooms)?;
    let phone = open(&args.phone)?;
    let links = wait(rooms.linkage.accept(&phone, &membership));
    let links = links.or_failure(
        Exit::Failure,
        "make the link again at that hospital with `musubi-node link create`",
    )?;
    match args.output.output {
        Output::Json => {
            let links = links.iter().map(|link| {
                json!({ "responder": link.responder.as_str(), "handle": link.handle.as_str() })
            });
            output::json(&Value::Array(links.collect()))
        }
        Output::Table => {
            for link in links {
                line(link.responder.as_str());
            }
            Ok(())
        }
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let mut listing = Listing::new(&["handle", "patient", "home", "created", "ended"]);
    let links = wait(rooms.linkage.links(None)).or_failure(Exit::TryAgain, "try again")?;
    for link in links {
        let ended = link
            .ended_at
            .map_or_else(|| "-".to_owned(), |at| at.to_string());
        listing.row([
            link.handle.to_string(),
            link.patient_id,
            link.home.to_string(),
            link.created_at.to_string(),
            ended,
        ]);
    }
    listing.print(args.output.output)
}

fn forget(args: &LinkForgetArgs) -> Result<(), Failure> {
    let (person, hospital) = (person_id(&args.person)?, member(&args.hospital)?);
    let rooms = rooms(&args.node)?;
    wait(rooms.linkage.end_home_link(&person, &hospital))
        .or_failure(Exit::Failure, "see `musubi-node person list`")?;
    note("ended, and the tokens for that hospital with it");
    Ok(())
}

fn merge(args: &LinkMergeArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let (from, into) = (chart(&rooms, &args.from)?, chart(&rooms, &args.into)?);
    let merged = wait(rooms.linkage.merge(from, into, &args.into))
        .or_failure(Exit::Failure, "see `musubi-node person list`")?;
    wait(rooms.emergency.follow_merge(from, into)).or_failure(
        Exit::TryAgain,
        "merged, but what was told of emergencies is not with the new chart yet: the same again",
    )?;
    note(&format!(
        "{} handle(s) and {} reservation(s) moved; {} link code(s) taken back",
        merged.handles.len(),
        merged.reservations,
        merged.withdrawn_codes
    ));
    Ok(())
}

fn correct(args: &LinkCorrectArgs) -> Result<(), Failure> {
    let handle = handle(&args.handle)?;
    let rooms = rooms(&args.node)?;
    let patient = chart(&rooms, &args.patient)?;
    wait(rooms.linkage.correct(&handle, patient, &args.patient))
        .or_failure(Exit::Failure, "see `musubi-node link list`")?;
    note("corrected: tokens minted for it before are refused");
    Ok(())
}

fn handle(text: &str) -> Result<PatientHandle, Failure> {
    text.parse().or_failure(
        Exit::Failure,
        "give the handle as `musubi-node link list` shows it",
    )
}

fn end(args: &LinkEndArgs) -> Result<(), Failure> {
    let handle = handle(&args.handle)?;
    let rooms = rooms(&args.node)?;
    wait(rooms.linkage.end(&handle)).or_failure(Exit::Failure, "see `musubi-node link list`")?;
    note("ended: the next question about it is refused");
    Ok(())
}

fn open(path: &std::path::Path) -> Result<Phone, Failure> {
    Phone::open(path).or_failure(Exit::Failure, "give the file that `person enroll` wrote")
}
