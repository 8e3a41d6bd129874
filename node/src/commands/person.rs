//! `musubi-node person`: people who chose this node as their home.

use std::path::Path;

use serde_json::json;

use super::cli::person::{EnrollArgs, NoticesArgs, PersonCommand};
use super::cli::{ListArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{chart, deciding, desk, member_name, rooms, wait};
use crate::access::Act;
use crate::app::Rooms;
use crate::database::Rid;
use crate::emergency::routes::told_of;
use crate::identity::staff::By;
use crate::identity::{BirthDate, Caller, PersonId};
use crate::linkage::LinkageError;
use crate::records::Address;

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
    match &args.phone {
        Some(phone) => enroll_with_file(args, phone),
        None => enroll_with_code(args),
    }
}

/// Prints the code that lets the person's own phone in.
fn enroll_with_code(args: &EnrollArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let origin = patient_origin(&rooms)?;
    let patient = chart(&rooms, &args.patient)?;
    let birth = birth_date(&rooms, patient, &args.patient)?;
    let person = match wait(rooms.linkage.enroll(patient, &args.patient)) {
        Ok(phone) => phone.person().clone(),
        Err(LinkageError::Enrolled(person)) => person,
        Err(error) => return Err(error).or_failure(Exit::TryAgain, "try again"),
    };
    let made = rooms
        .identity
        .enrolment_code(&person, patient, birth, By::operator());
    let made = wait(made).or_failure(Exit::TryAgain, "try again")?;
    let (code, url) = (made.code.grouped(), made.url(&origin));
    match args.output.output {
        Output::Json => output::json(&json!({
            "person": person.as_str(),
            "code": code.as_str(),
            "url": url,
            "expires_at": made.expires_at.to_string(),
        })),
        Output::Table => {
            line(&code);
            output::qr(&url);
            note(&format!(
                "next: print it for the person: {}/p/start, this code and their birth date, before {}",
                origin.origin().ascii_serialization(),
                made.expires_at
            ));
            Ok(())
        }
    }
}

/// Under which address people's browsers reach this node.
fn patient_origin(rooms: &Rooms) -> Result<reqwest::Url, Failure> {
    let listener = &rooms.config.patient;
    listener.public_origin(listener.bind.port()).ok_or_else(|| {
        Failure::new(
            Exit::Config,
            "the settings do not say under which address browsers reach the patient listener",
            "set patient.public_url, such as https://patient.musubi.example.jp",
        )
    })
}

/// When the person of this chart was born. The read is the desk's: it stands in the audit.
fn birth_date(rooms: &Rooms, patient: Rid, id: &str) -> Result<BirthDate, Failure> {
    let registrar = Caller::Registrar { id: None };
    let act = Act::Identify { patient };
    let permit = wait(rooms.access.permit(&registrar, act));
    let permit = permit.or_failure(Exit::TryAgain, "try again")?;
    let address = Address::parse(&format!("Patient/{id}"));
    let address = address.ok_or_else(unknown_birth_date)?;
    let read = wait(rooms.records.read(&permit, &address));
    let resource = read.or_failure(Exit::TryAgain, "try again")?;
    let json: serde_json::Value = serde_json::from_str(&resource.raw)
        .or_failure(Exit::TryAgain, "check the chart's Patient")?;
    let birth = json.get("birthDate").and_then(serde_json::Value::as_str);
    birth
        .and_then(BirthDate::of_chart)
        .ok_or_else(unknown_birth_date)
}

fn unknown_birth_date() -> Failure {
    Failure::new(
        Exit::Failure,
        "the chart does not say on which day the person was born",
        "put the whole birthDate into the Patient: the person is asked for it",
    )
}

fn enroll_with_file(args: &EnrollArgs, file: &Path) -> Result<(), Failure> {
    if file.exists() {
        return Err(Failure::new(
            Exit::Failure,
            format!("{} is there already", file.display()),
            "give --phone a new file: it will hold this person's private keys",
        ));
    }
    let rooms = rooms(&args.node)?;
    let patient = chart(&rooms, &args.patient)?;
    let phone = wait(rooms.linkage.enroll(patient, &args.patient))
        .or_failure(Exit::Failure, "see `musubi-node person list`")?;
    phone.save(file).or_failure(
        Exit::Failure,
        "check that the phone file's folder is writable",
    )?;
    match args.output.output {
        Output::Json => output::json(&json!({
            "person": phone.person().as_str(),
            "home": phone.home().as_str(),
            "phone": file.display().to_string(),
        })),
        Output::Table => {
            line(phone.person().as_str());
            note(&format!(
                "next: at each hospital, the person at its desk: musubi-node link offer --patient ID \
                 --home {} …\nthen here: musubi-node person link CODE --at HOSPITAL --phone {}",
                phone.home(),
                file.display()
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
