//! What can be typed about the people whose home this node is.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ListArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Make this node the home of a person who has a chart here; writes their phone file
    Enroll(EnrollArgs),
    /// Everyone whose home this is
    List(ListArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node person enroll --patient 0192… --phone hana.phone.json"
)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the person's chart (FHIR Patient) at this node
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
    /// File that stands for the person's phone: it holds their private keys
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
