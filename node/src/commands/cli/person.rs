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
    /// Who asks a person with an open code: list and answer
    #[command(subcommand)]
    Requests(RequestsCommand),
    /// Sheets of codes on paper, for visits without a phone
    #[command(subcommand)]
    Paper(PaperCommand),
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

#[derive(Debug, Subcommand)]
pub(crate) enum RequestsCommand {
    /// Who asks now, and what was answered in the last day
    List(PhoneArgs),
    /// Answer a request, with the phone's signature where one is needed
    Answer(AnswerArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node person requests list --phone hana.phone.json")]
pub(crate) struct PhoneArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person's phone file
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// 許可, 今回だけ, 断る.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AnswerWord {
    /// For --days
    Allow,
    /// For this time alone: 12 hours
    Once,
    /// No
    Decline,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node person requests answer ID once --phone hana.phone.json\n  \
    musubi-node person requests answer ID allow --days 30 --categories lab,rx --hospitals 0110000002 \
    --phone hana.phone.json\n\nExit code 6: it is not theirs to answer, was answered, or is over."
)]
pub(crate) struct AnswerArgs {
    /// Id of the request, as `person requests list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The answer
    #[arg(value_enum)]
    pub(crate) answer: AnswerWord,
    /// Kinds of data, comma separated [default: all that was asked for]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
    /// Hospitals to be asked, comma separated [default: every linked one]
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    pub(crate) hospitals: Vec<String>,
    /// How many days `allow` holds
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) days: u16,
    #[command(flatten)]
    pub(crate) of: PhoneArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PaperCommand {
    /// Make a sheet of eight codes: shown once, to be printed
    Make(PaperMakeArgs),
    /// The sheets of a person, and where their codes were used
    List(PaperOfArgs),
    /// Revoke a sheet
    Revoke(PaperRevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PaperOfArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// A person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node person paper make --person ID --hospitals 0110000002"
)]
pub(crate) struct PaperMakeArgs {
    /// Hospitals that the codes show something of [default: every linked one]
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    pub(crate) hospitals: Vec<String>,
    #[command(flatten)]
    pub(crate) of: PaperOfArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node person paper revoke SHEET --person ID")]
pub(crate) struct PaperRevokeArgs {
    /// Id of the sheet
    #[arg(value_name = "SHEET")]
    pub(crate) sheet: String,
    #[command(flatten)]
    pub(crate) of: PaperOfArgs,
}
