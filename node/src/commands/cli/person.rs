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
    /// Emergency accesses to a person's records, as they are told of them
    Notices(NoticesArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  musubi-node person notices --person ID\n  \
    musubi-node person notices --patient 0192…")]
pub(crate) struct NoticesArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// A person whose home this is
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "patient",
        conflicts_with = "patient"
    )]
    pub(crate) person: Option<String>,
    /// Id of a chart here, of a person who has no home or another
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
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
