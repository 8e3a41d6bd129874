//! `musubi-node evidence verify`: that an exchange took place, with nothing but what is kept here.

use federation_protocol::signature::kept::{KeptError, Proven, is_body_of};
use serde_json::{Value, json};

use super::audit::{read_line, reading};
use super::cli::Output;
use super::cli::audit::{EvidenceCommand, EvidenceVerifyArgs};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, line};
use super::{looked, rooms, wait};
use crate::app::Rooms;
use crate::federation::evidence::{self, Evidence, EvidenceError};

const NOTHING: u8 = 20;
const MALFORMED: u8 = 21;
const DIRECTORY: u8 = 22;
const REQUEST_KEY: u8 = 23;
const REQUEST_SIGNATURE: u8 = 24;
const NO_ANSWER: u8 = 25;
const ANSWER_KEY: u8 = 26;
const BINDING: u8 = 27;
const ANSWER_SIGNATURE: u8 = 28;
const BODY: u8 = 29;

pub(super) fn evidence(command: &EvidenceCommand) -> Result<(), Failure> {
    match command {
        EvidenceCommand::Verify(args) => verify(args),
        EvidenceCommand::Accesses(args) => looked::accesses(args),
    }
}

fn verify(args: &EvidenceVerifyArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let kept = wait(evidence::of_exchange(&rooms.database, &args.exchange))
        .or_failure(Exit::TryAgain, "try again")?;
    let how = reading(&rooms, "evidence").detail("of_exchange", args.exchange.as_str());
    read_line(&rooms, how)?;
    if kept.is_empty() {
        return Err(failure(NOTHING, "nothing is kept of this exchange here"));
    }
    let body = args
        .body
        .as_deref()
        .map(|path| std::fs::read(path).map_err(|error| Failure::file(path, &error)));
    let body = body.transpose()?;
    let mut shown = Vec::new();
    let mut verdict = Ok(());
    let mut is_body = false;
    for one in &kept {
        match judged(&rooms, one) {
            Ok(proven) => {
                is_body |= body.as_deref().is_some_and(|body| fits(&proven, body));
                // A first attempt that failed has no answer; its retry may have one.
                if proven.answer.is_none() && kept.iter().all(|one| one.answer.is_none()) {
                    verdict = verdict.and(Err(failure(NO_ANSWER, "no answer is kept")));
                }
                shown.push(as_json(one, &proven));
            }
            Err(failed) => verdict = verdict.and(Err(failed)),
        }
    }
    if body.is_some() && !is_body {
        let text = "the file is neither the request's body nor the answer's";
        verdict = verdict.and(Err(failure(BODY, text)));
    }
    show(args, &shown)?;
    verdict
}

fn judged(rooms: &Rooms, kept: &Evidence) -> Result<Proven, Failure> {
    let folder = rooms.directory_folder();
    let pin = rooms.config.registry.root_sha256;
    let judged = evidence::verify(kept, &folder, pin, rooms.clock.now());
    judged.map_err(|error| match &error {
        EvidenceError::Database(_) => Failure::new(Exit::TryAgain, &error, "try again"),
        EvidenceError::Directory { .. } => failure(DIRECTORY, &error),
        EvidenceError::Erased => failure(NOTHING, &error),
        EvidenceError::Kept(kept) => failure(code(*kept), &error),
    })
}

const fn code(error: KeptError) -> u8 {
    match error {
        KeptError::RequestKey => REQUEST_KEY,
        KeptError::RequestSignature => REQUEST_SIGNATURE,
        KeptError::Binding => BINDING,
        KeptError::AnswerKey => ANSWER_KEY,
        KeptError::AnswerSignature => ANSWER_SIGNATURE,
        _ => MALFORMED,
    }
}

fn failure(code: u8, what: impl std::fmt::Display) -> Failure {
    let next = "ask the other end for its evidence of the same exchange; \
                `musubi-node audit verify` says whether this log was changed";
    Failure::new(Exit::Evidence(code), what, next)
}

fn fits(proven: &Proven, body: &[u8]) -> bool {
    let answer = proven.answer.as_ref();
    is_body_of(&proven.request_digest, body)
        || answer.is_some_and(|answer| is_body_of(&answer.digest, body))
}

fn as_json(kept: &Evidence, proven: &Proven) -> Value {
    json!({
        "exchange": kept.exchange,
        "side": kept.side.as_str(),
        "from": proven.from,
        "to": proven.to,
        "purpose": proven.purpose.as_str(),
        "path": proven.path,
        "asked_at": proven.asked_at.to_string(),
        "directory": kept.directory,
        "request_digest": proven.request_digest,
        "answer": proven.answer.as_ref().map(|answer| json!({
            "status": answer.status,
            "answered_at": answer.answered_at.to_string(),
            "digest": answer.digest,
            "directory": answer.directory,
        })),
    })
}

fn show(args: &EvidenceVerifyArgs, shown: &[Value]) -> Result<(), Failure> {
    if let Output::Json = args.output.output {
        return output::json(&Value::Array(shown.to_vec()));
    }
    for one in shown {
        let text = |name: &str| {
            one.get(name)
                .and_then(Value::as_str)
                .unwrap_or("-")
                .to_owned()
        };
        line(&format!(
            "{} asked {} at {} ({}, {}); the signature is the sender's",
            text("from"),
            text("to"),
            text("asked_at"),
            text("purpose"),
            text("path")
        ));
        if let Some(answer) = one.get("answer").filter(|answer| !answer.is_null()) {
            let text = |name: &str| {
                answer
                    .get(name)
                    .map(ToString::to_string)
                    .unwrap_or_default()
            };
            line(&format!(
                "answered with status {} at {}, body {}; the signature is the responder's, over \
                 this very request",
                text("status"),
                text("answered_at"),
                text("digest")
            ));
        }
    }
    Ok(())
}
