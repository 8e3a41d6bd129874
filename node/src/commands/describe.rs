//! `musubi-node describe`: what the registry's operator needs to add this member, public and
//! signed by the node's own keys.

use std::fs;

use federation_protocol::directory::{
    Certificate, Endpoints, KeyStatement, MemberDescription, Names, Profile, ProtocolRange,
};
use federation_protocol::emergency::EMERGENCY_CAPABILITY;
use federation_protocol::keys::{KeyUse, Sign};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock, SystemClock};

use super::cli::DescribeArgs;
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{line, note};
use super::settings;
use crate::config::Config;
use crate::federation::certificates::on_disk;
use crate::federation::directory;
use crate::keys::{Keys, NodePublicKey};

/// How long the described keys are valid; a rotation replaces them long before.
const KEY_DAYS: i64 = 825;
/// How far back they are valid, for a registry whose clock is behind.
const KEY_BACKDATE_SECONDS: i64 = 600;
const SECONDS_PER_DAY: i64 = 86_400;
/// The protocol versions that this program speaks.
const PROTOCOL: ProtocolRange = ProtocolRange { min: 1, max: 1 };

/// Writes the description to standard output or a file.
pub(super) fn describe(args: &DescribeArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let text = description(&config, SystemClock.now())?;
    let Some(path) = &args.out else {
        line(&text);
        return Ok(());
    };
    fs::write(path, format!("{text}\n")).map_err(|error| Failure::file(path, &error))?;
    note(&format!(
        "next: give {} to the registry's operator (musubi-registry member add {0})",
        path.display()
    ));
    Ok(())
}

/// The description as signed.
pub(super) fn description(config: &Config, now: Timestamp) -> Result<String, Failure> {
    let passphrase = super::passphrase(config)?;
    let keys = Keys::open(&config.state_dir.join("keys"), passphrase).or_failure(
        Exit::Config,
        "run `musubi-node init` first, or mend what is said about the key files",
    )?;
    follow_directory(config, &keys, now);
    let (present, next) = on_disk(&config.federation.tls, &config.passphrase).or_failure(
        Exit::Config,
        "check federation.tls_certificate_file and its key",
    )?;
    let certificates = std::iter::once(present).chain(next).collect();
    let profile = profile_of(config, &keys, certificates, now)?;
    signed(&keys, profile, None, now)
}

/// The description of a profile, each of its keys proved; `brought` is a recovery key that does not
/// lie here.
pub(super) fn signed(
    keys: &Keys,
    profile: Profile,
    brought: Option<&dyn Sign>,
    now: Timestamp,
) -> Result<String, Failure> {
    let mut jti = [0; 16];
    getrandom::fill(&mut jti).or_failure(Exit::TryAgain, "try again")?;
    let software = concat!("musubi-node/", env!("CARGO_PKG_VERSION"));
    let description = MemberDescription::new(profile, software, jti, now);
    let others: Vec<_> = [KeyUse::Consent, KeyUse::Log, KeyUse::Recovery]
        .into_iter()
        .filter_map(|key_use| keys.signer(key_use))
        .collect();
    let is_here = |key: &dyn Sign| others.iter().any(|one| one.kid() == key.kid());
    let brought = brought.filter(|key| !is_here(*key));
    let mut all: Vec<&dyn Sign> = others.iter().map(|key| -> &dyn Sign { &**key }).collect();
    all.extend(brought);
    Ok(description.sign(&*keys.sign(), &all))
}

/// A member that rotated describes the keys that it has now, not its first.
fn follow_directory(config: &Config, keys: &Keys, now: Timestamp) {
    let folder = config.state_dir.join("directory");
    let stored = directory::look(&folder, config.registry.root_sha256, now);
    let membership = stored.ok().and_then(|stored| stored.membership);
    if let (Some(membership), Ok(me)) = (membership, config.member_urn().parse()) {
        keys.follow(&membership, &me, &SystemClock::shared());
    }
}

/// What this house says of itself.
pub(super) fn profile_of(
    config: &Config,
    keys: &Keys,
    certificates: Vec<Certificate>,
    now: Timestamp,
) -> Result<Profile, Failure> {
    let profile = profile(config, keys, certificates, now)?;
    profile.check().or_failure(
        Exit::Config,
        "mend [organization] or [federation] in the settings",
    )?;
    Ok(profile)
}

fn profile(
    config: &Config,
    keys: &Keys,
    certificates: Vec<Certificate>,
    now: Timestamp,
) -> Result<Profile, Failure> {
    let organization = &config.organization;
    let name = organization.name.clone();
    let or_name = |text: &Option<String>| text.clone().unwrap_or_else(|| name.clone());
    let from = now.plus_seconds(-KEY_BACKDATE_SECONDS);
    let until = now.plus_seconds(KEY_DAYS * SECONDS_PER_DAY);
    let statements = keys.public_keys().into_iter().map(|key| match key {
        NodePublicKey::Signing(key_use, public) => KeyStatement::of(key_use, &public, from, until),
        NodePublicKey::Seal(public) => KeyStatement::of_seal(&public, from, until),
    });
    let id: MemberId = config
        .member_urn()
        .parse()
        .or_failure(Exit::Config, "mend organization.code in the settings")?;
    let endpoint = config.federation.endpoint.as_str().trim_end_matches('/');
    Ok(Profile {
        operator: organization.operator.clone(),
        id,
        names: Names {
            ja: name.clone(),
            kana: or_name(&organization.name_kana),
            en: or_name(&organization.name_en),
        },
        region: organization
            .region
            .clone()
            .unwrap_or_else(|| "-".to_owned()),
        phone: organization.phone.clone(),
        endpoints: Endpoints {
            federation: endpoint.to_owned(),
        },
        keys: statements.collect(),
        certificates,
        protocol: PROTOCOL,
        capabilities: match config.emergency.asks {
            true => vec![EMERGENCY_CAPABILITY.to_owned()],
            false => Vec::new(),
        },
    })
}
