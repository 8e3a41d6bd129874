//! `musubi-node doctor`: what is wrong, and the command that mends it.

use std::sync::Arc;

use federation_service::checkup::{Report, check_name};
use federation_service::clock::SystemClock;
use federation_service::words::{DOCTOR, Language};

use super::cli::Output;
use super::cli::doctor::DoctorArgs;
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, line, note};
use crate::config;
use crate::doctor::{Asked, examine};

pub(super) fn doctor(args: &DoctorArgs) -> Result<(), Failure> {
    let language = args.lang.unwrap_or_else(Language::of_environment);
    let words = DOCTOR
        .words(language)
        .or_failure(Exit::Failure, "report this as a bug")?;
    let words = Arc::new(words);
    let asked = Asked {
        config: args.node.config.clone(),
        peer: args.peer.clone(),
        min_free: min_free(args)?,
    };
    let (quiet, named) = (args.quiet, Arc::clone(&words));
    let progress = move |check: &'static str, subject: Option<&str>| {
        if !quiet {
            let check = check_name(&named, check);
            note(format!("… {check} {}", subject.unwrap_or_default()).trim_end());
        }
    };
    // Blocking looks that are no longer waited for must not hold up the others.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_failure(Exit::TryAgain, "the system has no threads to spare")?;
    let examined = runtime.block_on(examine(asked, SystemClock::shared(), progress));
    runtime.shutdown_background();
    let report = Report {
        program: "musubi-node",
        config: args.node.config.display().to_string(),
        subject: examined.member,
        findings: examined.findings,
    };
    match args.output.output {
        Output::Json => output::json(&report.json(&words))?,
        Output::Table => line(report.table(&words).trim_end()),
    }
    if report.is_bad(args.strict) {
        let advice = words.say("advice", [("program", report.program)]);
        let (sum, advice) = (report.sum(&words), advice.unwrap_or_default());
        return Err(Failure::new(Exit::CheckFailed, sum, advice));
    }
    Ok(())
}

fn min_free(args: &DoctorArgs) -> Result<Option<u64>, Failure> {
    let bytes = args.min_free.as_deref().map(config::size).transpose();
    let bytes = bytes.or_failure(Exit::Failure, "give a size such as 10GiB")?;
    Ok(bytes.map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX)))
}
