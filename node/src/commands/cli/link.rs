//! What can be typed about links between charts and homes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ListArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// At the desk of a hospital, the person present: link the chart here to their home node
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
