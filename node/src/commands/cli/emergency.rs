//! What can be typed about emergencies.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum EmergencyCommand {
    /// Ask the other hospitals about a person who cannot consent; the person and both hospitals'
    /// privacy officers are told
    Ask(Box<EmergencyAskArgs>),
    /// The privacy officer's list: every emergency access until somebody has looked at it
    #[command(subcommand)]
    Reviews(ReviewsCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewsCommand {
    /// Accesses whose review is open
    List(ReviewsListArgs),
    /// Close a review, saying what was found
    Close(ReviewsCloseArgs),
}

/// An administrative sex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sex {
    Female,
    Male,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node emergency ask --token-file dr-0042.token --code 123456 \\\n      \
    --insured 00012345:あい:187:02 --reason unconscious --text \"搬送時に意識がなく家族にも連絡がつかない\"\n  \
    musubi-node emergency ask --token-file dr-0042.token --kana \"サトウ ハナ\" \\\n      \
    --birth-date 1960-05-05 --sex female --hospitals 0110000002 --reason life_threatening \\\n      \
    --text \"大動脈解離の疑い、緊急手術のため\" -o json\n\n\
    Exit code 7: some hospital was silent or refused; what came is printed."
)]
pub(crate) struct EmergencyAskArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// File with the bearer token of the physician who asks
    #[arg(long, value_name = "FILE", env = "MUSUBI_NODE_TOKEN_FILE")]
    pub(crate) token_file: PathBuf,
    /// The code that the physician's authenticator shows, if none was taken in the last 15 minutes
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Insured-person identifier with its branch number: insurer:symbol:number:branch
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["kana", "birth_date", "sex"],
        required_unless_present = "kana"
    )]
    pub(crate) insured: Option<String>,
    /// Family and given name in kana, with a space between
    #[arg(long, requires_all = ["birth_date", "sex"])]
    pub(crate) kana: Option<String>,
    /// Birth date, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub(crate) birth_date: Option<String>,
    /// Administrative sex
    #[arg(long, value_enum)]
    pub(crate) sex: Option<Sex>,
    /// unconscious, incapacitated, life_threatening, disaster or other
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: String,
    /// Why, in 10 characters or more: the person reads it
    #[arg(long)]
    pub(crate) text: String,
    /// Hospitals to ask, comma separated [default: every active member]
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    pub(crate) hospitals: Vec<String>,
    /// FHIR resource types, comma separated
    #[arg(
        long = "type",
        value_name = "TYPES",
        value_delimiter = ',',
        default_value = "AllergyIntolerance,MedicationRequest,Condition,Observation"
    )]
    pub(crate) types: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  musubi-node emergency reviews list\n  \
    musubi-node emergency reviews list --all -o json")]
pub(crate) struct ReviewsListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Closed ones as well
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node emergency reviews close 0192… --by officer-1 \
    --note \"救急記録と照合、正当\""
)]
pub(crate) struct ReviewsCloseArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the access, as `emergency reviews list` shows it
    #[arg(value_name = "ID")]
    pub(crate) access: String,
    /// Staff id of the officer who looked: never the practitioner who asked
    #[arg(long, value_name = "ID")]
    pub(crate) by: String,
    /// What was found
    #[arg(long)]
    pub(crate) note: String,
}
