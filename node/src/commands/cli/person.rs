//! What can be typed about the people whose home this node is.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ListArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Make this node the home of a person who has a chart here; writes their phone file
    Enroll(EnrollArgs),
    /// Hand in the code that a hospital's desk gave: that hospital's chart is linked
    Link(PersonLinkArgs),
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
    after_help = "Examples:\n  musubi-node person enroll --patient 0192… --code\n  \
    musubi-node person enroll --patient 0192… --phone hana.phone.json\n\nThe code is printed and given \
    to the person: with their birth date it opens the patient page for 24 hours, once. Given again, it \
    lets them in on a new phone."
)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the person's chart (FHIR Patient) at this node
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
    /// File that stands for the person's phone: it holds their private keys
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "code",
        conflicts_with = "code"
    )]
    pub(crate) phone: Option<PathBuf>,
    /// A code for the person's own phone, also where they are enrolled already
    #[arg(long)]
    pub(crate) code: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node person link 7K2QX-9D4HM --at 0110000002 --phone \
    hana.phone.json\n\nBroken off, the same command goes on. Exit code 6: the hospital does not know \
    the code, or its chart does not agree with the one here."
)]
pub(crate) struct PersonLinkArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The code, as it stands on the paper
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
    /// Member id of the hospital that gave it
    #[arg(long, value_name = "MEMBER")]
    pub(crate) at: String,
    /// The person's phone file; the new link and its key are written into it
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
