//! `musubi-node init`: a new node's directory, ready to be described to the registry.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use federation_protocol::time::Timestamp;
use federation_service::clock::Clock;
use federation_service::tls::TlsIdentity;
use reqwest::Url;

use super::cli::InitArgs;
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{line, note};
use crate::config::Config;
use crate::keys::Keys;

/// How long a node's self-signed certificate lasts: the directory, not its age, is the trust.
const CERTIFICATE_DAYS: i64 = 825;
const SECONDS_PER_DAY: i64 = 86_400;

/// Makes the directory, and says what comes next.
pub(super) fn init(args: &InitArgs, clock: &dyn Clock) -> Result<(), Failure> {
    let file = make(args, clock)?;
    line(&file.display().to_string());
    note(&format!(
        "next: musubi-node describe --config {0} --out description.json, and give that file to \
         the registry's operator; then musubi-node run --config {0}",
        file.display()
    ));
    Ok(())
}

/// Makes the directory, or says what stands in the way and leaves nothing half made. The settings
/// file.
pub(super) fn make(args: &InitArgs, clock: &dyn Clock) -> Result<PathBuf, Failure> {
    if args.dir.join("node.toml").exists() {
        return Err(Failure::new(
            Exit::Failure,
            format!("{} already holds a node", args.dir.display()),
            "choose another --dir, or start it with `musubi-node run`",
        ));
    }
    let endpoint = endpoint(&args.endpoint)?;
    let settings = settings(args, &endpoint)?;
    make_private(&args.dir)?;
    let file = args.dir.join("node.toml");
    let draft = args.dir.join("node.toml.new");
    fs::write(&draft, settings).map_err(|error| Failure::file(&draft, &error))?;
    let made = furnish(&draft, &endpoint, clock);
    if let Err(failure) = made {
        let _already_reported = fs::remove_file(&draft);
        return Err(failure);
    }
    fs::rename(&draft, &file).map_err(|error| Failure::file(&file, &error))?;
    Ok(file)
}

/// Keys, certificate and database, where the settings say.
fn furnish(settings: &Path, endpoint: &Url, clock: &dyn Clock) -> Result<(), Failure> {
    let config = Config::load(settings)
        .or_failure(Exit::Config, "mend the option that this value came from")?;
    make_private(&config.state_dir)?;
    let keys = config.state_dir.join("keys");
    let passphrase = super::passphrase(&config)?;
    Keys::create_sealed(&keys, passphrase.clone())
        .or_failure(Exit::Failure, "choose a new --dir")?;
    let identity = certificate(endpoint, clock.now())?;
    let tls = &config.federation.tls;
    if let Some(folder) = tls.certificate.parent() {
        make_private(folder)?;
    }
    identity
        .write(&tls.certificate, &tls.key, passphrase.as_deref())
        .or_failure(Exit::Failure, "check that --dir is on a writable disk")?;
    crate::database::Database::open(config.database.as_str()).or_failure(
        Exit::Failure,
        "check --database: its server must run and let us in",
    )?;
    Ok(())
}

/// A key and a self-signed certificate for the host of an endpoint.
pub(super) fn certificate(endpoint: &Url, now: Timestamp) -> Result<TlsIdentity, Failure> {
    let until = now.plus_seconds(CERTIFICATE_DAYS * SECONDS_PER_DAY);
    let host = endpoint.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    TlsIdentity::generate(host, now, until)
        .or_failure(Exit::Failure, "check the host of the endpoint")
}

fn endpoint(text: &str) -> Result<Url, Failure> {
    let usable = |url: &Url| url.scheme() == "https" && url.host_str().is_some();
    Url::parse(text).ok().filter(usable).ok_or_else(|| {
        Failure::new(
            Exit::Config,
            format!("--endpoint {text}: not an https address"),
            "give the address at which peers reach this node, such as \
             https://minato.example.jp:9443",
        )
    })
}

fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::file(folder, &error))
}

/// The settings file. Every value goes through the TOML writer, so no option can break out.
fn settings(args: &InitArgs, endpoint: &Url) -> Result<String, Failure> {
    let federation_bind = match &args.house.federation_bind {
        Some(bind) => bind.clone(),
        None => default_bind(endpoint),
    };
    let code = args.member.trim_start_matches("urn:musubi:member:");
    let mut organization = vec![("code", code), ("name", args.name.as_str())];
    for (key, value) in [
        ("name_kana", &args.house.name_kana),
        ("name_en", &args.house.name_en),
        ("region", &args.house.region),
        ("phone", &args.house.public_phone),
    ] {
        if !value.is_empty() {
            organization.push((key, value));
        }
    }
    let mut table = toml::Table::new();
    let mut section = |name: &str, entries: &[(&str, &str)]| {
        let entries = entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), toml::Value::from(*value)))
            .collect::<toml::Table>();
        table.insert(name.to_owned(), toml::Value::Table(entries));
    };
    section("organization", &organization);
    section("state", &[("dir", "state")]);
    if let Some(file) = &args.house.passphrase_file {
        section("keys", &[("passphrase_file", file)]);
    }
    let database = args
        .house
        .database
        .as_deref()
        .unwrap_or("sqlite:state/node.db");
    section("database", &[("url", database)]);
    section(
        "registry",
        &[("url", &args.registry), ("root_sha256", &args.root_sha256)],
    );
    section(
        "federation",
        &[("bind", &federation_bind), ("endpoint", &args.endpoint)],
    );
    section("hospital", &[("bind", &args.house.hospital_bind)]);
    section("patient", &[("bind", &args.house.patient_bind)]);
    if let Some(toml::Value::Table(federation)) = table.get_mut("federation")
        && !args.house.allow_cidrs.is_empty()
    {
        federation.insert("allow_cidrs".into(), args.house.allow_cidrs.clone().into());
    }
    toml::to_string_pretty(&table).or_failure(Exit::Failure, "report this as a bug")
}

/// Loopback endpoints listen on loopback only; others on every interface, at the endpoint's port.
fn default_bind(endpoint: &Url) -> String {
    let port = endpoint.port_or_known_default().unwrap_or(443);
    let loopback = endpoint
        .host_str()
        .and_then(|host| host.parse::<std::net::IpAddr>().ok())
        .is_some_and(|address| address.is_loopback());
    let address = if loopback {
        [127, 0, 0, 1]
    } else {
        [0, 0, 0, 0]
    };
    SocketAddr::from((address, port)).to_string()
}
