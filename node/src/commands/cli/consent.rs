//! What can be typed about directives: giving, withdrawing, explaining, where they have arrived.

use clap::{Args, Subcommand};

use super::{ConfigArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum ConsentCommand {
    /// Record that a person lets a member see kinds of their data (or, with --deny, does not)
    Give(GiveArgs),
    /// Withdraw a directive; the tokens that rest on it end
    Withdraw(WithdrawArgs),
    /// The directives of a person
    List(ConsentListArgs),
    /// Say what a member would be allowed, and why
    Explain(ExplainArgs),
    /// Where a change has arrived, hospital by hospital
    Arrivals(ArrivalsArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node consent arrivals 1f0c…                (one directive)\n  \
    musubi-node consent arrivals --person ID         (every change of the last seven days)"
)]
pub(crate) struct ArrivalsArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the directive, as `consent list` shows it
    #[arg(
        value_name = "ID",
        required_unless_present = "person",
        conflicts_with = "person"
    )]
    pub(crate) directive: Option<String>,
    /// The person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node consent give --person ID --to 0110000002 \
    --categories lab,rx --until 2027-03-31\n  \
    musubi-node consent give --person ID --to 0110000002 --categories lab,rx,condition \
    --hide PSY\n  \
    musubi-node consent give --patient ID --deny --categories rx     (a reservation at this node)"
)]
pub(crate) struct GiveArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "patient",
        conflicts_with = "patient"
    )]
    pub(crate) person: Option<String>,
    /// A patient of this hospital: the directive is a reservation that only takes away
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<String>,
    /// Member who may see; may be repeated; needed unless --deny
    #[arg(long = "to", value_name = "MEMBER", required_unless_present = "deny")]
    pub(crate) to: Vec<String>,
    /// TREAT, ETREAT, PATRQT, HRESCH or PUBHLTH
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    pub(crate) purpose: String,
    /// Kinds of data, comma separated: lab rx vital allergy condition procedure imaging document
    /// genomic [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
    /// Also what is marked sensitive (psychiatry, HIV, …); without this, Normal data only
    #[arg(long)]
    pub(crate) sensitive: bool,
    /// Sensitivity that stays hidden in any case: PSY, HIV, SDV, ETH or GDIS; may be repeated
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub(crate) hide: Vec<String>,
    /// First day (Japan), YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Last day (Japan), YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
    /// Forbid instead of permit
    #[arg(long)]
    pub(crate) deny: bool,
    /// Put this in the place of a directive that is there, as its next version
    #[arg(long, value_name = "DIRECTIVE")]
    pub(crate) replaces: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the directive, as `consent list` shows it
    #[arg(value_name = "ID")]
    pub(crate) directive: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(long, value_name = "ID", required_unless_present = "patient")]
    pub(crate) person: Option<String>,
    /// A patient of this hospital: their reservations
    #[arg(long, value_name = "ID", conflicts_with = "person")]
    pub(crate) patient: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The person whose home this is
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    /// The member who would ask
    #[arg(long, value_name = "MEMBER")]
    pub(crate) requester: String,
    /// The practitioner who would ask
    #[arg(long, value_name = "ID")]
    pub(crate) practitioner: Option<String>,
    /// What for
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    pub(crate) purpose: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
