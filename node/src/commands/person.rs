//! `musubi-node person`: people who chose this node as their home.

use serde_json::json;

use super::cli::person::{EnrollArgs, NoticesArgs, PersonCommand};
use super::cli::{ListArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{chart, deciding, desk, member_name, rooms, wait};
use crate::emergency::routes::told_of;
use crate::identity::PersonId;

pub(super) fn person(command: &PersonCommand) -> Result<(), Failure> {
    match command {
        PersonCommand::Enroll(args) => enroll(args),
        PersonCommand::Link(args) => desk::hand_in(args),
        PersonCommand::List(args) => list(args),
        PersonCommand::Requests(command) => deciding::requests(command),
        PersonCommand::Paper(command) => deciding::paper(command),
        PersonCommand::Notices(args) => notices(args),
    }
}

fn enroll(args: &EnrollArgs) -> Result<(), Failure> {
    if args.phone.exists() {
        return Err(Failure::new(
            Exit::Failure,
            format!("{} is there already", args.phone.display()),
            "give --phone a new file: it will hold this person's private keys",
        ));
    }
    let rooms = rooms(&args.node)?;
    let patient = chart(&rooms, &args.patient)?;
    let phone = wait(rooms.linkage.enroll(patient, &args.patient))
        .or_failure(Exit::Failure, "see `musubi-node person list`")?;
    phone.save(&args.phone).or_failure(
        Exit::Failure,
        "check that the phone file's folder is writable",
    )?;
    match args.output.output {
        Output::Json => output::json(&json!({
            "person": phone.person().as_str(),
            "home": phone.home().as_str(),
            "phone": args.phone.display().to_string(),
        })),
        Output::Table => {
            line(phone.person().as_str());
            note(&format!(
                "next: at each hospital, the person at its desk: musubi-node link offer --patient ID \
                 --home {} …\nthen here: musubi-node person link CODE --at HOSPITAL --phone {}",
                phone.home(),
                args.phone.display()
            ));
            Ok(())
        }
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let mut listing = Listing::new(&["person", "patient", "enrolled", "links"]);
    let people = wait(rooms.linkage.people()).or_failure(Exit::TryAgain, "try again")?;
    for person in people {
        let links = wait(rooms.linkage.home_links(&person.id));
        let links = links.or_failure(Exit::TryAgain, "try again")?;
        listing.row([
            person.id.to_string(),
            person.patient_id,
            person.enrolled_at.to_string(),
            links.len().to_string(),
        ]);
    }
    listing.print(args.output.output)
}

fn notices(args: &NoticesArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let told = match (&args.person, &args.patient) {
        (Some(person), _) => {
            let person: PersonId = person
                .parse()
                .or_failure(Exit::Failure, "see `musubi-node person list`")?;
            let enrolled = wait(rooms.linkage.person(&person))
                .or_failure(Exit::Failure, "see `musubi-node person list`")?;
            wait(rooms.emergency.told(&person, Some(enrolled.patient)))
        }
        (None, patient) => {
            let chart = chart(&rooms, patient.as_deref().unwrap_or_default())?;
            wait(rooms.emergency.told_of_chart(chart))
        }
    };
    let told = told.or_failure(Exit::TryAgain, "try again")?;
    if args.output.output == Output::Json {
        let notices: Vec<_> = told.iter().map(told_of).collect();
        return output::json(&json!({ "notices": notices }));
    }
    let name = member_name(&rooms);
    let mut listing = Listing::new(&[
        "at",
        "hospital",
        "asked_by",
        "practitioner",
        "reason",
        "shown",
    ]);
    for one in told {
        listing.row([
            one.at.to_string(),
            name(&one.responder),
            name(&one.asker),
            one.practitioner,
            format!("{}: {}", one.reason.code.as_str(), one.reason.text),
            one.shown.to_string(),
        ]);
    }
    listing.print(Output::Table)
}
