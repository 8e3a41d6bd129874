//! `musubi-node emergency`: a question without consent, and its review.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::ask::Asker;
use super::cli::Output;
use super::cli::emergency::{
    EmergencyAskArgs, EmergencyCommand, ReviewsCloseArgs, ReviewsCommand, ReviewsListArgs, Sex,
};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, note};
use super::{member, member_name, rooms, run, settings, wait};
use crate::emergency::routes::described;

/// What helps when a question is refused.
const REFUSED: &str = "show the code with --code, give a reason of 10 characters, or have the \
                       privacy officer close the open review: musubi-node emergency reviews list";

pub(super) fn emergency(command: &EmergencyCommand) -> Result<(), Failure> {
    match command {
        EmergencyCommand::Ask(args) => ask(args),
        EmergencyCommand::Reviews(ReviewsCommand::List(args)) => list(args),
        EmergencyCommand::Reviews(ReviewsCommand::Close(args)) => close(args),
    }
}

fn ask(args: &EmergencyAskArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let token = fs::read_to_string(&args.token_file)
        .map_err(|error| Failure::file(&args.token_file, &error))?;
    let asker = Asker::new(&config, token.trim())?;
    let body = question(args)?;
    let bundle = run::small_runtime()?.block_on(async {
        let response = asker.post("api/v1/emergency", &body, REFUSED).await?;
        let bundle: Value = response
            .json()
            .await
            .or_failure(Exit::Failure, "look at the node's log")?;
        Ok::<_, Failure>(bundle)
    })?;
    print(args, &bundle)?;
    verdict(&bundle)
}

fn question(args: &EmergencyAskArgs) -> Result<Value, Failure> {
    let patient = match (&args.insured, &args.kana) {
        (Some(insured), _) => json!({ "insured": insured }),
        (None, kana) => json!({
            "kana": kana,
            "birthDate": args.birth_date,
            "gender": args.sex.map(|sex| match sex {
                Sex::Female => "female",
                Sex::Male => "male",
            }),
        }),
    };
    let hospitals = args.hospitals.iter().map(|text| member(text));
    let hospitals = hospitals.collect::<Result<Vec<_>, _>>()?;
    let queries: Vec<String> = args
        .types
        .iter()
        .map(|kind| format!("{kind}?_count=1000"))
        .collect();
    Ok(json!({
        "patient": patient,
        "reason": { "code": args.reason, "text": args.text },
        "hospitals": hospitals,
        "queries": queries,
        "code": args.code,
    }))
}

/// The entries of the merged searchset, each with whether it says how it went.
fn entries(bundle: &Value) -> impl Iterator<Item = (&Value, bool)> {
    let listed = bundle.get("entry").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|entry| {
        let mode = entry.get("search").and_then(|search| search.get("mode"));
        let is_outcome = mode.and_then(Value::as_str) == Some("outcome");
        Some((entry.get("resource")?, is_outcome))
    })
}

fn print(args: &EmergencyAskArgs, bundle: &Value) -> Result<(), Failure> {
    if args.output.output == Output::Json {
        return output::json(bundle);
    }
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (resource, _) in entries(bundle).filter(|(_, is_outcome)| !is_outcome) {
        let text = |value: Option<&Value>| {
            let text = value.and_then(Value::as_str);
            text.unwrap_or("-").to_owned()
        };
        let source = resource.get("meta").and_then(|meta| meta.get("source"));
        let of = (text(source), text(resource.get("resourceType")));
        let count = counts.entry(of).or_default();
        *count = count.saturating_add(1);
    }
    let mut listing = Listing::new(&["hospital", "type", "items"]);
    for ((hospital, kind), items) in counts {
        listing.row([hospital, kind, items.to_string()]);
    }
    listing.print(Output::Table)?;
    for (outcome, _) in entries(bundle).filter(|(_, is_outcome)| *is_outcome) {
        note(said(outcome));
    }
    note("the person and the privacy officers of both hospitals are told");
    Ok(())
}

fn said(outcome: &Value) -> &str {
    let text = outcome.pointer("/issue/0/details/text");
    text.and_then(Value::as_str).unwrap_or("-")
}

fn verdict(bundle: &Value) -> Result<(), Failure> {
    let first = entries(bundle).next().map(|(outcome, _)| outcome);
    let code = first.and_then(|outcome| outcome.pointer("/issue/0/code"));
    if code.and_then(Value::as_str) != Some("incomplete") {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Partial,
        first.map_or("not every hospital answered", said),
        "telephone the hospitals that are named above",
    ))
}

fn list(args: &ReviewsListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let found = wait(rooms.emergency.reviews(!args.all)).or_failure(Exit::TryAgain, "try again")?;
    if args.output.output == Output::Json {
        let reviews: Vec<Value> = found.iter().map(described).collect();
        return output::json(&json!({ "reviews": reviews }));
    }
    let now = rooms.clock.now();
    let name = member_name(&rooms);
    let mut listing = Listing::new(&[
        "access",
        "side",
        "at",
        "asked_by",
        "practitioner",
        "reason",
        "shown",
        "state",
    ]);
    for access in found {
        let state = match &access.closing {
            Some(closing) => format!("closed by {}", closing.by),
            None if access.is_overdue(now) => "overdue".to_owned(),
            None => "open".to_owned(),
        };
        listing.row([
            access.id,
            access.side.as_str().to_owned(),
            access.at.to_string(),
            name(&access.asker),
            access.practitioner,
            format!("{}: {}", access.reason.code.as_str(), access.reason.text),
            access.shown.to_string(),
            state,
        ]);
    }
    listing.print(Output::Table)
}

fn close(args: &ReviewsCloseArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let closed = rooms.emergency.close(&args.access, &args.by, &args.note);
    wait(closed).or_failure(
        Exit::Failure,
        "see `musubi-node emergency reviews list`; give --by an officer and --note what was found",
    )?;
    note("closed");
    Ok(())
}
