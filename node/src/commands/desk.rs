//! `musubi-node link offer|offers|withdraw` at a hospital's desk, and `person link` at home, where the
//! code is handed in.

use serde_json::json;

use super::cli::link::{LinkOfferArgs, LinkWithdrawArgs};
use super::cli::person::PersonLinkArgs;
use super::cli::{ListArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{member, membership, rooms, run, start_failure, wait};
use crate::app::Rooms;
use crate::federation::linking::LinkingError;
use crate::identity::{Caller, Role};
use crate::linkage::claims::{ClaimError, HandedIn, Linked};
use crate::linkage::desk::{CODE_LIFE_SECONDS, Desk, DeskError, NewOffer, Order};
use crate::linkage::phone::Phone;
use crate::records::Shown;
use federation_protocol::grants::PlainCode;

const SECONDS_PER_HOUR: i64 = 3_600;

/// Whoever has the node's settings and keys sits at its desk.
fn clerk() -> Result<Caller, Failure> {
    Caller::staff(Role::Registrar, None).or_failure(Exit::Failure, "report this as a bug")
}

fn desk(rooms: &Rooms) -> Result<Desk, Failure> {
    let linking = rooms.linking().map_err(|error| start_failure(&error))?;
    Ok(linking.desk().clone())
}

pub(super) fn offer(args: &LinkOfferArgs) -> Result<(), Failure> {
    let home = args.home.as_deref().map(member).transpose()?;
    let rooms = rooms(&args.node)?;
    let order = Order {
        patient: args.patient.clone(),
        shown: shown(args),
        home,
    };
    let new = wait(desk(&rooms)?.offer(&clerk()?, order));
    let new = new.map_err(|error| desk_failure(&error))?;
    told(args, &rooms, &new)
}

fn shown(args: &LinkOfferArgs) -> Vec<Shown> {
    let value = |text: &Option<String>| text.clone();
    let said = args.birth_date.clone().zip(args.name.clone());
    [
        value(&args.insured_id).map(|value| Shown::InsuredId { value }),
        value(&args.chart_number).map(|value| Shown::ChartNumber { value }),
        said.map(|(birth_date, name)| Shown::BirthAndName { birth_date, name }),
        value(&args.telephone).map(|value| Shown::Telephone { value }),
        args.my_number_card.then_some(Shown::MyNumberCard {}),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn told(args: &LinkOfferArgs, rooms: &Rooms, new: &NewOffer) -> Result<(), Failure> {
    match args.output.output {
        Output::Json => output::json(&json!({
            "offer": new.id,
            "code": new.code.spoken(),
            "qr": format!("{}/l#{}", rooms.endpoint(), new.code.scanned()),
            "expires": new.expires_at.to_string(),
        })),
        Output::Table => {
            line(&new.code.spoken());
            note(&format!(
                "good for {} hours, once\nnext: at the person's home node: musubi-node person link \
                 {} --at {} --phone FILE",
                CODE_LIFE_SECONDS / SECONDS_PER_HOUR,
                new.code.spoken(),
                rooms.me
            ));
            Ok(())
        }
    }
}

pub(super) fn offers(args: &ListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let desk = desk(&rooms)?;
    let found = wait(desk.offers(&clerk()?)).map_err(|error| desk_failure(&error))?;
    let mut listing = Listing::new(&["offer", "patient", "home", "expires", "state"]);
    let now = desk.now();
    for offer in found {
        let state = offer.state(now);
        let home = offer.home.or(offer.named_home);
        listing.row([
            offer.id,
            offer.patient_id,
            home.map_or_else(|| "-".to_owned(), |home| home.to_string()),
            offer.expires_at.to_string(),
            state.to_owned(),
        ]);
    }
    listing.print(args.output.output)
}

pub(super) fn withdraw(args: &LinkWithdrawArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let withdrawn = wait(desk(&rooms)?.withdraw(&clerk()?, &args.offer));
    withdrawn.map_err(|error| desk_failure(&error))?;
    note("taken back");
    Ok(())
}

fn desk_failure(error: &DeskError) -> Failure {
    let (exit, next) = match error {
        DeskError::NoChart => (
            Exit::Failure,
            "search the hospital's own records: GET /fhir/Patient?identifier=…",
        ),
        DeskError::Replaced => (Exit::Failure, "give the id of the chart that goes on"),
        DeskError::Incomplete => (
            Exit::Failure,
            "complete birth date and sex in the hospital's system, then try again",
        ),
        DeskError::NotEnough => (
            Exit::Refused,
            "ask for one more: the patient card, the insurance with its branch number, or birth date \
             and name",
        ),
        DeskError::Differs => (
            Exit::Refused,
            "read both again; if they are right, it is another chart",
        ),
        DeskError::Locked => (Exit::TryAgain, "wait ten minutes"),
        DeskError::NoOffer => (Exit::Failure, "see `musubi-node link offers`"),
        _ => (Exit::TryAgain, "try again"),
    };
    Failure::new(exit, error, next)
}

pub(super) fn hand_in(args: &PersonLinkArgs) -> Result<(), Failure> {
    let hospital = member(&args.at)?;
    let rooms = rooms(&args.node)?;
    membership(&rooms)?;
    let mut phone = Phone::open(&args.phone)
        .or_failure(Exit::Failure, "give the file that `person enroll` wrote")?;
    let person = wait(rooms.linkage.person(phone.person()))
        .or_failure(Exit::Failure, "see `musubi-node person list`")?;
    let device_key = phone
        .pending_key(&hospital)
        .or_failure(Exit::TryAgain, "try again")?;
    // On the disk before anybody is asked: a try that is broken off goes on with this key.
    save(&phone, args)?;
    let handed_in = HandedIn {
        responder: hospital,
        code: PlainCode::read(&args.code),
        device_key,
    };
    let caller = Caller::Person {
        id: person.id,
        patient: person.patient,
    };
    let linking = rooms.linking().map_err(|error| start_failure(&error))?;
    let linked = run::small_runtime()?.block_on(linking.link(&caller, handed_in));
    let linked = linked.map_err(|error| linking_failure(&error))?;
    keep(&mut phone, args, &linked)
}

fn keep(phone: &mut Phone, args: &PersonLinkArgs, linked: &Linked) -> Result<(), Failure> {
    let Linked { link, assertion } = linked;
    phone
        .keep_assertion(&link.responder, link.handle.clone(), assertion.clone())
        .or_failure(Exit::Failure, "give the phone file that handed the code in")?;
    save(phone, args)?;
    match args.output.output {
        Output::Json => output::json(&json!({
            "hospital": link.responder.as_str(), "handle": link.handle.as_str(),
        })),
        Output::Table => {
            line(link.responder.as_str());
            note("linked: consents can name this hospital now; see `musubi-node code --help`");
            Ok(())
        }
    }
}

fn save(phone: &Phone, args: &PersonLinkArgs) -> Result<(), Failure> {
    let saved = phone.save(&args.phone);
    saved.or_failure(Exit::Failure, "make the phone file writable and try again")
}

fn linking_failure(error: &LinkingError) -> Failure {
    let (exit, next) = match error {
        LinkingError::CodeUnknown => (
            Exit::Refused,
            "read it again; if it is right, ask at that hospital's desk for a new one",
        ),
        LinkingError::Claim(ClaimError::Differs) => (
            Exit::Refused,
            "have both desks look at the birth date and sex in their charts, then ask for a new code",
        ),
        LinkingError::Claim(ClaimError::Incomplete) => (
            Exit::Failure,
            "complete birth date and sex in the chart here, then try again",
        ),
        LinkingError::Claim(ClaimError::OtherKey) => {
            (Exit::Failure, "use the phone file that handed the code in")
        }
        LinkingError::Claim(ClaimError::Locked) | LinkingError::CodeLocked => {
            (Exit::TryAgain, "wait ten minutes")
        }
        LinkingError::Claim(ClaimError::Unproved) => (
            Exit::Refused,
            "ask at that hospital's desk for a new code, and tell this node's operator",
        ),
        LinkingError::Silent(_) | LinkingError::Unusable | LinkingError::Refused(_) => (
            Exit::Unreachable,
            "the same command goes on where it was; musubi-node doctor says what is wrong on the way",
        ),
        _ => (Exit::TryAgain, "try again"),
    };
    Failure::new(exit, error, next)
}
