//! `musubi-node consent`: what a person lets others see, and what a hospital's patient reserves.

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{
    Actor, ConsentKind, Context, Criteria, DirectiveDraft, Explanation, FhirTime, LabelTerms,
    Period, Practitioner, Provision, ProvisionType,
};
use federation_protocol::label::{Label, Labels};
use federation_protocol::purpose::Purpose;
use serde_json::{Value, json};

use super::cli::Output;
use super::cli::consent::{
    ArrivalsArgs, ConsentCommand, ConsentListArgs, ExplainArgs, GiveArgs, WithdrawArgs,
};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{chart, member, member_name, person_id, purpose, rooms, scope, wait};
use crate::app::Rooms;
use crate::consent::{ArrivalState, Changed, ConsentError, DirectiveId, Question, Subject};

pub(super) fn consent(command: &ConsentCommand) -> Result<(), Failure> {
    match command {
        ConsentCommand::Give(args) => give(args),
        ConsentCommand::Withdraw(args) => withdraw(args),
        ConsentCommand::List(args) => list(args),
        ConsentCommand::Explain(args) => explain(args),
        ConsentCommand::Arrivals(args) => arrivals(args),
    }
}

fn give(args: &GiveArgs) -> Result<(), Failure> {
    let purpose = purpose(&args.purpose)?;
    let root = root(args, purpose)?;
    let nested = nested(args)?;
    let rooms = rooms(&args.node)?;
    let (subject, patient) = subject(&rooms, args.person.as_deref(), args.patient.as_deref())?;
    let kind = match (&subject, purpose) {
        (Subject::Patient(_), _) => ConsentKind::Dissent,
        _ if args.deny => ConsentKind::Dissent,
        (_, Purpose::Patrqt) => ConsentKind::StorePhr,
        (_, Purpose::Hresch | Purpose::Pubhlth) => ConsentKind::Research,
        _ => ConsentKind::ShareCare,
    };
    let draft = rooms.consents.draft(
        kind,
        &format!("Patient/{patient}"),
        root,
        nested,
        &member_name(&rooms),
    );
    let shown = draft.source.text.clone();
    let changed = match &args.replaces {
        Some(replaced) => replace(&rooms, replaced, &subject, draft)?,
        None => wait(rooms.consents.give(subject, draft))
            .or_failure(Exit::Failure, "see `musubi-node consent give --help`")?,
    };
    if args.output.output == Output::Table {
        note(&shown);
    }
    report(&changed, args.output.output)
}

/// Puts the draft in the place of a directive of the same person or patient.
fn replace(
    rooms: &Rooms,
    replaced: &str,
    subject: &Subject,
    draft: DirectiveDraft,
) -> Result<Changed, Failure> {
    let advice = "see `musubi-node consent list`";
    let id = DirectiveId::known(replaced);
    let head = wait(rooms.consents.read(&id)).or_failure(Exit::TryAgain, "try again")?;
    if head.is_none_or(|head| head.subject != *subject) {
        let none = ConsentError::Unknown;
        return Err(Failure::new(Exit::Failure, none, advice));
    }
    wait(rooms.consents.replace(&id, draft)).or_failure(Exit::Failure, advice)
}

/// The root provision that the options say.
fn root(args: &GiveArgs, purpose: Purpose) -> Result<Provision, Failure> {
    let actors = args
        .to
        .iter()
        .map(|text| member(text).map(Actor::Organization));
    let kind = match args.deny {
        true => ProvisionType::Deny,
        false => ProvisionType::Permit,
    };
    // A deny without --to holds for everyone and every purpose.
    let purposes = match args.deny && args.to.is_empty() {
        true => Vec::new(),
        false => vec![purpose],
    };
    let classes = match args.categories.is_empty() {
        true => None,
        false => Some(scope(&args.categories)?),
    };
    let labels = (!args.deny && !args.sensitive).then_some(LabelTerms {
        normal: true,
        ..LabelTerms::default()
    });
    Ok(Provision {
        kind,
        period: period(args.from.as_deref(), args.until.as_deref())?,
        actors: actors.collect::<Result<_, _>>()?,
        purposes,
        criteria: Criteria {
            classes,
            labels,
            ..Criteria::default()
        },
    })
}

/// What stays hidden in any case.
fn nested(args: &GiveArgs) -> Result<Vec<Provision>, Failure> {
    if args.hide.is_empty() {
        return Ok(Vec::new());
    }
    let mut labels = Labels::default();
    for word in &args.hide {
        let label: Label = word
            .parse()
            .or_failure(Exit::Failure, "give PSY, HIV, SDV, ETH or GDIS as --hide")?;
        labels = labels.with(label);
    }
    let mut hidden = Provision::any(ProvisionType::Deny);
    hidden.criteria.labels = Some(LabelTerms {
        labels,
        ..LabelTerms::default()
    });
    Ok(vec![hidden])
}

fn period(from: Option<&str>, until: Option<&str>) -> Result<Option<Period>, Failure> {
    if from.is_none() && until.is_none() {
        return Ok(None);
    }
    let day = |text: Option<&str>| text.map(FhirTime::parse).transpose();
    let advice = "give the day as 2027-03-31";
    Ok(Some(Period {
        start: day(from).or_failure(Exit::Failure, advice)?,
        end: day(until).or_failure(Exit::Failure, advice)?,
    }))
}

/// Whose directive, and the id of their chart here.
fn subject(
    rooms: &Rooms,
    person: Option<&str>,
    patient: Option<&str>,
) -> Result<(Subject, String), Failure> {
    match (person, patient) {
        (_, Some(patient)) => Ok((Subject::Patient(chart(rooms, patient)?), patient.to_owned())),
        (person, None) => {
            let id = person_id(person.unwrap_or_default())?;
            let person = wait(rooms.linkage.person(&id))
                .or_failure(Exit::Failure, "see `musubi-node person list`")?;
            Ok((Subject::Person(id), person.patient_id))
        }
    }
}

fn withdraw(args: &WithdrawArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let directive = DirectiveId::known(args.directive.as_str());
    let changed = wait(rooms.consents.withdraw(&directive))
        .or_failure(Exit::Failure, "see `musubi-node consent list`")?;
    report(&changed, args.output.output)
}

fn report(changed: &Changed, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => output::json(&json!({
            "directive": changed.id.as_str(),
            "tokens_ended": changed.ended,
        })),
        Output::Table => {
            line(changed.id.as_str());
            if !changed.ended.is_empty() {
                note(&format!(
                    "{} token(s) ended: connected hospitals stop within 60 s, cut-off ones \
                     within 300 s",
                    changed.ended.len()
                ));
            }
            Ok(())
        }
    }
}

fn list(args: &ConsentListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let (subject, _) = subject(&rooms, args.person.as_deref(), args.patient.as_deref())?;
    let stored = wait(rooms.consents.list(subject)).or_failure(Exit::TryAgain, "try again")?;
    if args.output.output == Output::Json {
        let resources = stored
            .iter()
            .map(|one| serde_json::from_str::<Value>(&one.raw));
        let resources = resources.collect::<Result<Vec<_>, _>>();
        return output::json(&Value::Array(
            resources.or_failure(Exit::Failure, "report this as a bug")?,
        ));
    }
    let mut listing = Listing::new(&["directive", "version", "status", "written", "says"]);
    for one in stored {
        let says = serde_json::from_str::<Value>(&one.raw)
            .ok()
            .and_then(|raw| said(&raw))
            .unwrap_or_default();
        listing.row([
            one.id.to_string(),
            one.version.to_string(),
            one.status,
            one.written_at.to_string(),
            says,
        ]);
    }
    listing.print(Output::Table)
}

/// One line of what a Consent gives or takes: `permit TREAT lab rx`.
fn said(consent: &Value) -> Option<String> {
    let provision = consent.get("provision")?;
    let codes = |member: &str| {
        let list = provision.get(member).and_then(Value::as_array);
        let words = list
            .into_iter()
            .flatten()
            .filter_map(|coding| coding.get("code")?.as_str());
        words.collect::<Vec<_>>().join(" ")
    };
    let kind = provision
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("permit");
    Some(
        format!("{kind} {} {}", codes("purpose"), codes("class"))
            .trim_end()
            .to_owned(),
    )
}

fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let requester = member(&args.requester)?;
    let purpose = purpose(&args.purpose)?;
    let rooms = rooms(&args.node)?;
    let person = person_id(&args.person)?;
    let context = Context {
        requester,
        practitioner: args.practitioner.clone().map(|id| Practitioner {
            id,
            role: "physician".to_owned(),
        }),
        purpose,
        at: rooms.clock.now(),
    };
    let mut listing = Listing::new(&[
        "category",
        "sensitivity",
        "decision",
        "because",
        "directive",
    ]);
    let psychiatric = Labels::default().with(Label::Psy);
    for category in Scope::ALL.iter() {
        for (labels, word) in [(Labels::default(), "normal"), (psychiatric, "PSY")] {
            let question = Question {
                context: context.clone(),
                category,
                labels,
            };
            let explained = wait(rooms.consents.explain(person.clone(), question))
                .or_failure(Exit::Failure, "see `musubi-node consent list`")?;
            let decision = match explained.explanation.is_permitted() {
                true => "allowed",
                false => "withheld",
            };
            let directive = explained.directive.map(|id| id.to_string());
            listing.row([
                Category::as_str(category).to_owned(),
                word.to_owned(),
                decision.to_owned(),
                because(explained.explanation).to_owned(),
                directive.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
    }
    listing.print(args.output.output)
}

fn arrivals(args: &ArrivalsArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let found = match (&args.directive, &args.person) {
        (Some(directive), _) => {
            let id = DirectiveId::known(directive.as_str());
            wait(rooms.consents.arrivals(&id))
                .or_failure(Exit::Failure, "see `musubi-node consent list`")?
        }
        (None, person) => {
            let id = person_id(person.as_deref().unwrap_or_default())?;
            wait(rooms.consents.arrivals_of(&id)).or_failure(Exit::TryAgain, "try again")?
        }
    };
    let heads = [
        "directive",
        "hospital",
        "tokens",
        "changed",
        "state",
        "time",
    ];
    let mut listing = Listing::new(&heads);
    for one in found {
        let directive = one.directive.map(|id| id.to_string());
        let (state, time) = stands(one.state);
        listing.row([
            directive.unwrap_or_else(|| "-".to_owned()),
            one.hospital.to_string(),
            one.tokens.to_string(),
            one.changed_at.to_string(),
            state.to_owned(),
            time,
        ]);
    }
    listing.print(args.output.output)
}

/// Where a change stands, and the time that goes with it.
fn stands(state: ArrivalState) -> (&'static str, String) {
    let time = match state {
        ArrivalState::Delivered(at) => at.to_string(),
        ArrivalState::Pending { at_the_latest, .. } => {
            format!("by status list at the latest {at_the_latest}")
        }
        ArrivalState::ByStatusList(at) => format!("refused since {at} at the latest"),
    };
    (state.as_str(), time)
}

fn because(explanation: Explanation) -> &'static str {
    match explanation {
        Explanation::Permitted(_) => "a directive permits it and none forbids it",
        Explanation::NeverLeaves => "this kind of data never leaves",
        Explanation::NotForThePatientYet => "the doctor has not spoken with the patient yet",
        Explanation::NothingPermits => "no directive permits it",
        Explanation::DeniedAtHome(_) => "a directive forbids it",
        Explanation::DeniedHere(_) => "a reservation at the hospital forbids it",
        Explanation::NotAmongLocalPermits => "the hospital's own directives do not cover it",
    }
}
