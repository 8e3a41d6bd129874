//! `musubi-registry doctor`

use std::sync::Arc;

use federation_service::checkup::{Report, check_name};
use federation_service::clock::SystemClock;
use federation_service::outbound::Cidr;
use federation_service::words::{DOCTOR, Language};

use super::failure::{Exit, Failure};
use super::output::{Format, Output, print, print_json};
use super::{ConfigFile, progress};
use crate::doctor::{Asked, examine};

/// Finds what is wrong: what the registry keeps and has signed, and the way to each member.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    #[command(flatten)]
    config: ConfigFile,
    /// Private network that members may be in, such as 10.0.0.0/8; may be repeated.
    #[arg(long = "allow-cidr", value_name = "CIDR")]
    allow: Vec<Cidr>,
    /// Bytes that must be free on the disk [default: as many as the database takes].
    #[arg(long, value_name = "BYTES")]
    min_free: Option<u64>,
    /// End with 3 also when there are warnings only.
    #[arg(long)]
    strict: bool,
    /// Do not tell on standard error what is looked at.
    #[arg(long, short)]
    quiet: bool,
    /// Language of the texts, ja or en [default: from LC_ALL, LC_MESSAGES or LANG].
    #[arg(long, value_name = "LANGUAGE")]
    lang: Option<Language>,
    #[command(flatten)]
    output: Output,
}

const EXAMPLES: &str = "\
Changes nothing; works beside a running registry and without one.

Examples:
  musubi-registry doctor --config /var/lib/musubi-registry/registry.toml
  musubi-registry doctor --lang ja --allow-cidr 10.0.0.0/8 --strict";

impl Doctor {
    pub(super) fn run(self) -> Result<(), Failure> {
        let language = self.lang.unwrap_or_else(Language::of_environment);
        let words = DOCTOR.words(language).map_err(|error| bug(&error))?;
        let words = Arc::new(words);
        let (quiet, named) = (self.quiet, Arc::clone(&words));
        let telling = move |check: &'static str, subject: Option<&str>| {
            if !quiet {
                let check = check_name(&named, check);
                progress(format_args!("… {check} {}", subject.unwrap_or_default()));
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| bug(&error))?;
        let config = self.config.path.display().to_string();
        let asked = Asked {
            config: self.config.path,
            allow: self.allow,
            min_free: self.min_free,
        };
        let examined = runtime.block_on(examine(asked, SystemClock::shared(), telling));
        // Blocking looks that are no longer waited for must not hold up the others.
        runtime.shutdown_background();
        let report = Report {
            program: "musubi-registry",
            config,
            subject: examined.registry,
            findings: examined.findings,
        };
        match self.output.format {
            Format::Json => print_json(&report.json(&words))?,
            Format::Table => print(&report.table(&words))?,
        }
        if report.is_bad(self.strict) {
            let advice = words.say("advice", [("program", report.program)]);
            let advice = advice.unwrap_or_default();
            return Err(Failure::new(Exit::Check, report.sum(&words), advice));
        }
        Ok(())
    }
}

fn bug(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Failure, error.to_string(), "report this as a bug")
}
