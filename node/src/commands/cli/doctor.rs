//! What can be typed to find out what is wrong.

use clap::Args;
use federation_service::words::Language;

use super::{ConfigArgs, OutputArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing; works beside a running node and without one. Each check stands \
        alone, and each failure names its code, its cause and the command that mends it.\n\n\
        Examples:\n  musubi-node doctor\n  musubi-node doctor --peer 0110000002 --lang ja\n  \
        musubi-node doctor -o json --strict\n\n\
        Exit codes: 0 no problem (warnings may be there), 3 problems, or with --strict warnings."
)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Look only at the way to this peer: its ten-digit number, or its id
    #[arg(long, value_name = "MEMBER")]
    pub(crate) peer: Option<String>,
    /// Room that must be free on each disk, such as 10GiB [default: as much as the database takes]
    #[arg(long, value_name = "SIZE")]
    pub(crate) min_free: Option<String>,
    /// End with 3 also when there are warnings only
    #[arg(long)]
    pub(crate) strict: bool,
    /// Do not tell on standard error what is looked at
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Language of the texts, ja or en [default: from LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Language>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
