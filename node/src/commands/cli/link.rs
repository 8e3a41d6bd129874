//! What can be typed about links between charts and homes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ListArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// At the desk, the person present: a code with which their home node links their chart here
    Offer(LinkOfferArgs),
    /// The codes of the last days, and what became of them
    Offers(ListArgs),
    /// Take a code back that has not become a link
    Withdraw(LinkWithdrawArgs),
    /// Where the person's phone file is at hand: link the chart here to their home node at once
    Create(LinkCreateArgs),
    /// At home: take the links that the person brings on their phone
    Accept(LinkAcceptArgs),
    /// The links this node knows, as responder and as home
    List(ListArgs),
    /// End a link: the next question about this person here is refused
    End(LinkEndArgs),
    /// At the person's home: end the link with a hospital, and the tokens for it
    Forget(LinkForgetArgs),
    /// Move what hangs on a chart to the one that replaces it
    Merge(LinkMergeArgs),
    /// Say that a handle means another chart; tokens minted for it before end
    Correct(LinkCorrectArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Two of different kinds, both as the chart says; one of them the person's own: \
    --insured-id with its branch number, --chart-number, or --birth-date with --name.\n\
    Examples:\n  musubi-node link offer --patient 0192… --birth-date 1958-03-14 --name 'サトウ ハナ' \\\n      \
    --insured-id 01234567:あい:187:05 --home 0110000001\n  \
    musubi-node link offer --patient 0192… --chart-number 0012345 --my-number-card"
)]
pub(crate) struct LinkOfferArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the person's chart (FHIR Patient) here
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
    /// Insured-person identifier, insurer:symbol:number:branch; without branch it names a family
    #[arg(long, value_name = "ID")]
    pub(crate) insured_id: Option<String>,
    /// Number on this hospital's patient card
    #[arg(long, value_name = "NUMBER")]
    pub(crate) chart_number: Option<String>,
    /// Birth date that the person says
    #[arg(long, value_name = "YYYY-MM-DD", requires = "name")]
    pub(crate) birth_date: Option<String>,
    /// Name that the person says, in kana
    #[arg(long, value_name = "NAME", requires = "birth_date")]
    pub(crate) name: Option<String>,
    /// Telephone number that the person says; it names a household
    #[arg(long, value_name = "NUMBER")]
    pub(crate) telephone: Option<String>,
    /// The My Number card was checked at the counter (its number is not written down)
    #[arg(long)]
    pub(crate) my_number_card: bool,
    /// Member id of the person's home node: no other can use the code then
    #[arg(long, value_name = "MEMBER")]
    pub(crate) home: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkWithdrawArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The code's id, as `link offers` shows it; never the code
    #[arg(value_name = "OFFER")]
    pub(crate) offer: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkCreateArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the person's chart (FHIR Patient) here
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
    /// Member id of the person's home node
    #[arg(long, value_name = "MEMBER")]
    pub(crate) home: String,
    /// The person's phone file; the new link and its key are written into it
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkAcceptArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person's phone file
    #[arg(long, value_name = "FILE")]
    pub(crate) phone: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkMergeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the Patient whose chart is given up
    #[arg(long, value_name = "ID")]
    pub(crate) from: String,
    /// Id of the Patient whose chart goes on
    #[arg(long, value_name = "ID")]
    pub(crate) into: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkCorrectArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The link's handle, pp:…
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: String,
    /// Id of the Patient that it means
    #[arg(long, value_name = "ID")]
    pub(crate) patient: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkForgetArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    /// The hospital
    #[arg(long, value_name = "MEMBER")]
    pub(crate) hospital: String,
}

#[derive(Debug, Args)]
pub(crate) struct LinkEndArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The link's handle, pp:…
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: String,
}
