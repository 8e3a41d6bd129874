//! `musubi-registry invite`

use clap::Args;
use federation_protocol::joining::{InvitationCode, JoinToken};
use federation_protocol::member::MemberId;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::output::{Format, Output, print, print_json};
use super::{ConfigFile, progress};
use crate::database::Database;
use crate::directory::{Kind, newest};
use crate::{joining, members};

/// The longest that a token may wait to be used, hours: a month.
const LONGEST_HOURS: u32 = 31 * 24;

/// Invites a hospital: prints one join token.
///
/// Hand it to the hospital by a way that you trust: whoever has it can apply in the hospital's name,
/// though nobody becomes a member by it. It is shown once and kept as a digest only.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry invite --member 0110000002 --name 小樽みなと病院
  musubi-registry invite --member x-phr-store --name 'PHR store' --hours 24 -o json")]
pub(super) struct Invite {
    /// Ten-digit medical institution number, or x-LABEL where none exists.
    #[arg(long, value_name = "NUMBER")]
    member: String,
    /// What people call it; your note, not what the directory will say.
    #[arg(long)]
    name: String,
    /// For how long the token may be used first.
    #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST_HOURS)))]
    hours: u32,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Invite {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let mut database = Database::open(&config.database_path()?)?;
        let member = member_id(&self.member)?;
        if database.read(|db| members::find(db, &member))?.is_some() {
            let next = format!("look at `musubi-registry member show {member}`");
            return Err(Failure::new(
                Exit::Failure,
                format!("{member} is a member already"),
                next,
            ));
        }
        let root =
            newest(&mut database, Kind::Root)?.ok_or(crate::directory::PublishError::NoRoot)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("no randomness: {error}"),
                "try again",
            )
        })?;
        let code = InvitationCode::new(random);
        let now = SystemClock.now();
        let ends_at = now.plus_seconds(i64::from(self.hours) * 3_600);
        database.transact(|db| {
            joining::invite(db, &code, member.clone(), &self.name, (now, ends_at))
        })?;
        let token = JoinToken {
            registry: config.http.public_url,
            root: root.hash,
            member: member.clone(),
            code,
        };
        let token = token.to_text();
        match self.output.format {
            Format::Json => print_json(&json!({
                "token": *token, "member": member, "ends_at": ends_at.to_string(),
            }))?,
            Format::Table => print(&format!("{}\n", *token))?,
        }
        progress(format_args!(
            "\n{member} may join with this token until {ends_at}.
next: hand it over; there they type
  musubi-node join TOKEN --dir DIR --name NAME --endpoint https://HOST:PORT
  musubi-node run --config DIR/node.toml
then look at `musubi-registry application list`"
        ));
        Ok(())
    }
}

/// A member's id, or the number or label that it ends with.
fn member_id(text: &str) -> Result<MemberId, Failure> {
    let found = match text.starts_with("urn:") {
        true => text.parse(),
        false => MemberId::from_code(text),
    };
    found.map_err(|error| {
        let next = "give the ten-digit institution number, such as 0110000001, or x-LABEL";
        Failure::new(Exit::Usage, error.to_string(), next)
    })
}
