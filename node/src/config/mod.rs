//! The settings of one node: one TOML file, the environment over it, every value parsed once.
//!
//! Owns the names of the keys and their defaults. Opens nothing, creates nothing, and never prints
//! a secret. Relative paths count from the folder of the configuration file.

mod audit;
mod emergency;
mod error;
mod oidc;
mod passphrase;
mod patient;
mod records;
mod session;
mod settings;
mod values;
mod vitals;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use federation_service::key_file::PassphraseSource;
use federation_service::outbound::Cidr;
use reqwest::Url;

pub use audit::AuditSettings;
pub use emergency::EmergencySettings;
pub use error::{ConfigError, EXIT_CONFIG};
pub use oidc::{OidcSettings, Secret};
pub use records::{RecordsSettings, Validation};
pub use session::SessionSettings;
pub use settings::ENVIRONMENT_PREFIX;
use settings::Settings;
pub use values::OrganizationCode;
pub(crate) use values::{duration, size};
pub use vitals::VitalsSettings;

/// Every key that a configuration may hold, dotted.
pub const KEYS: &[&str] = &[
    "organization.code",
    "organization.name",
    "organization.name_kana",
    "organization.name_en",
    "organization.region",
    "organization.operator",
    "organization.phone",
    "state.dir",
    "keys.passphrase",
    "keys.passphrase_file",
    "database.url",
    "database.url_file",
    "audit.cosign",
    "audit.retention",
    "audit.witnesses",
    "backup.dir",
    "backup.keep",
    "backup.keep_before_change",
    "export.dir",
    "export.max_disk",
    "export.jobs",
    "export.keep",
    "emergency.ask",
    "emergency.answer",
    "records.validation",
    "records.profiles",
    "registry.url",
    "registry.root_sha256",
    "federation.bind",
    "federation.endpoint",
    "federation.tls_certificate_file",
    "federation.tls_key_file",
    "federation.allow_cidrs",
    "federation.rate_per_second",
    "federation.rate_burst",
    "federation.peer_timeout",
    "federation.query_timeout",
    "federation.max_answer",
    "federation.reconcile",
    "federation.empty_answer_step",
    "federation.workers",
    "hospital.bind",
    "hospital.tls_certificate_file",
    "hospital.tls_key_file",
    "hospital.public_url",
    "hospital.workers",
    "patient.bind",
    "patient.tls_certificate_file",
    "patient.tls_key_file",
    "patient.public_url",
    "patient.workers",
    "patient.lab_release_delay",
    "auth.oidc.issuer",
    "auth.oidc.client_id",
    "auth.oidc.client_secret",
    "auth.oidc.client_secret_file",
    "auth.oidc.id_claim",
    "auth.oidc.role_claim",
    "auth.oidc.allow_cidrs",
    "auth.oidc.ca_file",
    "session.staff_idle",
    "session.person_idle",
    "session.max",
    "metrics.bind",
    "log.format",
    "log.level",
    "shutdown.timeout",
    "vitals.max_upload",
    "vitals.max_disk",
];

/// The settings of one node, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who the node speaks for.
    pub organization: Organization,
    /// The folder of everything that this node keeps outside its database.
    pub state_dir: PathBuf,
    /// Where the passphrase comes from that the private keys are sealed with.
    pub passphrase: PassphraseSource,
    /// Where the records, consents and the audit stand.
    pub database: DatabaseUrl,
    /// How long the audit is kept, and who witnesses it.
    pub audit: AuditSettings,
    /// Where its backups gather, and how many stay.
    pub backup: BackupSettings,
    /// Where exports are written, and how much room they may take.
    pub export: ExportSettings,
    /// Break-glass.
    pub emergency: EmergencySettings,
    /// What a resource must be like to be stored.
    pub records: RecordsSettings,
    /// What people may upload of what they measured themselves.
    pub vitals: VitalsSettings,
    /// The registry, and the root that this node joined under.
    pub registry: RegistrySettings,
    /// The listener for other members, and how this node asks them.
    pub federation: FederationSettings,
    /// The listener for the hospital's own systems and staff.
    pub hospital: Listener,
    /// The listener for patients.
    pub patient: Listener,
    /// How long the person waits for what the laboratory found about them.
    pub lab_release_delay: Duration,
    /// How long browsers stay signed in.
    pub session: SessionSettings,
    /// The hospital's own sign-in, if it has one.
    pub oidc: Option<OidcSettings>,
    /// Where metrics are served; loopback only, absent means nowhere.
    pub metrics: Option<SocketAddr>,
    /// How the log looks.
    pub log: LogSettings,
    /// How long a stopping node waits for what is in flight.
    pub shutdown_timeout: Duration,
}

/// Who the node speaks for.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Medical institution number or `x-` label.
    pub code: OrganizationCode,
    /// The name as people write it.
    pub name: String,
    /// The name in kana.
    pub name_kana: Option<String>,
    /// The name in English.
    pub name_en: Option<String>,
    /// Where it stands, for people.
    pub region: Option<String>,
    /// The telephone number that people may call: it stands in the directory, and pages show it where
    /// something went wrong.
    pub phone: Option<String>,
    /// Who runs the node, one word: members of one operator need the person's own signature to ask
    /// each other. The organisation's code when it runs its node itself.
    pub operator: String,
}

/// A database's address. It may hold a password: Debug shows only its kind.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address itself, `sqlite:PATH` or `postgres://…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.split(':').next().unwrap_or_default())
    }
}

/// Where backups of the database gather, and how many stay: so many databases may it take on the
/// disk.
#[derive(Clone, Debug)]
pub struct BackupSettings {
    /// The folder; made when it is first needed.
    pub folder: PathBuf,
    /// How many of those that `backup create` puts there.
    pub keep: usize,
    /// How many of those made before a newer program changes the tables; 0: none is made.
    pub keep_before_change: usize,
}

/// Where exports of charts are written for the hospital's own systems, and how much room they may
/// take.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// The folder; made when it is first needed.
    pub folder: PathBuf,
    /// Bytes that the files of all exports may have together.
    pub max_disk: u64,
    /// How many exports may be made at the same time.
    pub jobs: u32,
    /// How long a complete export stays.
    pub keep: Duration,
}

/// The registry, and the root that this node joined under.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Its base address, https.
    pub url: Url,
    /// SHA-256 of the root payload: the one thing taken on trust at joining.
    pub root_sha256: [u8; 32],
}

/// The federation listener, and how this node asks its peers.
#[derive(Clone, Debug)]
pub struct FederationSettings {
    /// Where it listens.
    pub bind: SocketAddr,
    /// Under which https address the other members reach it.
    pub endpoint: Url,
    /// The certificate that the directory names, and its key.
    pub tls: TlsFiles,
    /// Private, loopback or link-local ranges that outbound calls may reach all the same.
    pub allow_cidrs: Vec<Cidr>,
    /// Requests per second that one member may send.
    pub rate_per_second: u32,
    /// How many of them may come at once.
    pub rate_burst: u32,
    /// How long one peer may take.
    pub peer_timeout: Duration,
    /// How long the whole question may take.
    pub query_timeout: Duration,
    /// The longest answer read from a peer, bytes.
    pub max_answer: usize,
    /// Whether the exchanges of each day are compared with the other members'.
    pub reconcile: bool,
    /// An answer to a peer that shows nothing leaves at a multiple of this after its question came.
    pub empty_answer_step: Duration,
    /// Worker threads of the listener; absent: one per core.
    pub workers: Option<usize>,
}

/// One listener of this node.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub bind: SocketAddr,
    /// Absent only on loopback.
    pub tls: Option<TlsFiles>,
    /// Worker threads; absent: one per core.
    pub workers: Option<usize>,
    /// Under which address browsers reach it, where the settings say so.
    pub public_url: Option<Url>,
}

impl Listener {
    /// The origin under which browsers reach it, given the port that it has: what the settings say,
    /// or this machine's own `localhost` where it is bound to loopback without TLS.
    #[must_use]
    pub fn public_origin(&self, port: u16) -> Option<Url> {
        if self.public_url.is_some() {
            return self.public_url.clone();
        }
        let is_here = self.tls.is_none() && self.bind.ip().is_loopback();
        is_here
            .then(|| Url::parse(&format!("http://localhost:{port}")).ok())
            .flatten()
    }
}

/// Where a certificate and its key stand, PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key, mode 0600.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Where the next certificate and its key wait, beside these: `federation.next.crt` beside
    /// `federation.crt`.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            certificate: next_to(&self.certificate),
            key: next_to(&self.key),
        }
    }
}

fn next_to(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".next");
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

/// How the log looks.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// For machines or for eyes.
    pub format: LogFormat,
    /// A filter in the form of tracing's `EnvFilter`.
    pub level: String,
}

/// For machines or for eyes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Readable lines.
    Pretty,
}

impl Config {
    /// Reads `file` with the process's environment over it.
    ///
    /// # Errors
    /// The first thing wrong, naming the key and where its value stands.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::from_settings(&Settings::read(file, None, KEYS)?)
    }

    /// Reads `file` with `environment` over it instead of the process's.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(
        file: &Path,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        Self::from_settings(&Settings::read(file, Some(environment), KEYS)?)
    }

    /// The member id, as text.
    #[must_use]
    pub fn member_urn(&self) -> String {
        format!("urn:musubi:member:{}", self.organization.code)
    }

    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let state_dir = settings
            .path("state.dir")?
            .unwrap_or_else(|| settings.beside("state"));
        let metrics = settings.parsed("metrics.bind", Settings::address)?;
        if metrics.is_some_and(|address| !address.ip().is_loopback()) {
            return Err(settings.invalid(
                "metrics.bind",
                "metrics are served to this machine only: bind them to 127.0.0.1 or ::1",
            ));
        }
        let database = database(settings, &state_dir)?;
        let beside = beside(&database, &state_dir);
        Ok(Self {
            organization: organization(settings)?,
            audit: audit::audit(settings)?,
            backup: backup(settings, &beside)?,
            export: export(settings, &beside)?,
            emergency: emergency::emergency(settings)?,
            records: records::records(settings, &beside)?,
            vitals: vitals::vitals(settings, &state_dir)?,
            passphrase: passphrase::passphrase(settings)?,
            database,
            registry: RegistrySettings {
                url: settings.needed("registry.url", "the registry's https address", https)?,
                root_sha256: settings.needed(
                    "registry.root_sha256",
                    "SHA-256 of the root payload, from the operator",
                    values::sha256,
                )?,
            },
            federation: federation(settings, &state_dir)?,
            hospital: listener(
                settings,
                "hospital",
                SocketAddr::from(([127, 0, 0, 1], 8444)),
            )?,
            patient: listener(
                settings,
                "patient",
                SocketAddr::from(([127, 0, 0, 1], 8445)),
            )?,
            lab_release_delay: patient::lab_release_delay(settings)?,
            session: session::session(settings)?,
            oidc: oidc::oidc(settings)?,
            metrics,
            log: log(settings)?,
            shutdown_timeout: settings.duration(
                "shutdown.timeout",
                Duration::from_secs(15),
                Duration::ZERO..=Duration::from_secs(120),
            )?,
            state_dir,
        })
    }
}

fn organization(settings: &Settings) -> Result<Organization, ConfigError> {
    let code = settings.needed(
        "organization.code",
        "the medical institution number, or an x- label",
        OrganizationCode::parse,
    )?;
    let operator = settings.parsed("organization.operator", Settings::text)?;
    Ok(Organization {
        operator: operator.unwrap_or_else(|| code.to_string()),
        code,
        name: settings.needed(
            "organization.name",
            "the institution's name",
            Settings::text,
        )?,
        name_kana: settings.parsed("organization.name_kana", Settings::text)?,
        name_en: settings.parsed("organization.name_en", Settings::text)?,
        region: settings.parsed("organization.region", Settings::text)?,
        phone: settings.parsed("organization.phone", values::phone)?,
    })
}

fn database(settings: &Settings, state_dir: &Path) -> Result<DatabaseUrl, ConfigError> {
    let Some(url) = settings.secret("database.url")? else {
        return Ok(DatabaseUrl(format!(
            "sqlite:{}",
            state_dir.join("node.db").display()
        )));
    };
    if let Some(path) = url.strip_prefix("sqlite:") {
        return Ok(DatabaseUrl(format!(
            "sqlite:{}",
            settings.beside(path).display()
        )));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(DatabaseUrl(url));
    }
    Err(settings.invalid("database.url", "expected `sqlite:PATH` or `postgres://…`"))
}

/// The folder of what is kept beside the database: that of its file, else the state's.
fn beside(database: &DatabaseUrl, state_dir: &Path) -> PathBuf {
    let file = database.as_str().strip_prefix("sqlite:").map(Path::new);
    file.and_then(Path::parent).unwrap_or(state_dir).to_owned()
}

fn export(settings: &Settings, beside: &Path) -> Result<ExportSettings, ConfigError> {
    let hour = Duration::from_secs(3_600);
    let max_disk = settings.parsed("export.max_disk", values::size)?;
    Ok(ExportSettings {
        folder: settings
            .path("export.dir")?
            .unwrap_or_else(|| beside.join("exports")),
        max_disk: max_disk.map_or(20 << 30, |bytes| u64::try_from(bytes).unwrap_or(u64::MAX)),
        jobs: bounded(settings, "export.jobs", 2, 64)?,
        keep: settings.duration("export.keep", hour * 24, hour / 60..=hour * 24 * 30)?,
    })
}

fn backup(settings: &Settings, beside: &Path) -> Result<BackupSettings, ConfigError> {
    let number = |key, default, least: usize| {
        let parsed = settings.parsed(key, |text| match text.parse::<usize>() {
            Ok(number) if (least..=1000).contains(&number) => Ok(number),
            _ => Err(format!("`{text}` is no number from {least} to 1000")),
        })?;
        Ok(parsed.unwrap_or(default))
    };
    Ok(BackupSettings {
        folder: settings
            .path("backup.dir")?
            .unwrap_or_else(|| beside.join("backups")),
        keep: number("backup.keep", 14, 1)?,
        keep_before_change: number("backup.keep_before_change", 3, 0)?,
    })
}

fn federation(settings: &Settings, state: &Path) -> Result<FederationSettings, ConfigError> {
    let second = Duration::from_secs(1);
    let tls = tls_files(settings, "federation")?.unwrap_or_else(|| TlsFiles {
        certificate: state.join("tls").join("federation.crt"),
        key: state.join("tls").join("federation.key"),
    });
    Ok(FederationSettings {
        bind: settings
            .parsed("federation.bind", Settings::address)?
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 8443))),
        endpoint: settings.needed(
            "federation.endpoint",
            "the https address under which other members reach this node",
            https,
        )?,
        tls,
        allow_cidrs: settings
            .parsed("federation.allow_cidrs", cidrs)?
            .unwrap_or_default(),
        rate_per_second: bounded(settings, "federation.rate_per_second", 200, 1_000_000)?,
        rate_burst: bounded(settings, "federation.rate_burst", 400, 1_000_000)?,
        peer_timeout: settings.duration(
            "federation.peer_timeout",
            second * 8,
            second / 10..=second * 30,
        )?,
        query_timeout: settings.duration(
            "federation.query_timeout",
            second * 10,
            second / 10..=second * 30,
        )?,
        max_answer: settings
            .parsed("federation.max_answer", values::size)?
            .unwrap_or(16 << 20),
        reconcile: settings
            .parsed("federation.reconcile", reconcile)?
            .unwrap_or(true),
        empty_answer_step: settings.duration(
            "federation.empty_answer_step",
            second / 50,
            second / 1000..=second,
        )?,
        workers: workers(settings, "federation")?,
    })
}

fn reconcile(text: &str) -> Result<bool, String> {
    match text {
        "daily" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{text}` is not known: write `daily` or `off`")),
    }
}

fn listener(
    settings: &Settings,
    section: &str,
    default: SocketAddr,
) -> Result<Listener, ConfigError> {
    let key = format!("{section}.bind");
    let bind = settings.parsed(&key, Settings::address)?.unwrap_or(default);
    let tls = tls_files(settings, section)?;
    if tls.is_none() && !bind.ip().is_loopback() {
        return Err(settings.invalid(
            &key,
            format!(
                "{bind} is reachable from other machines: give `{section}.tls_certificate_file` \
                 and `{section}.tls_key_file`, or bind to 127.0.0.1"
            ),
        ));
    }
    Ok(Listener {
        bind,
        tls,
        workers: workers(settings, section)?,
        public_url: session::public_url(settings, section, bind)?,
    })
}

fn tls_files(settings: &Settings, section: &str) -> Result<Option<TlsFiles>, ConfigError> {
    let certificate_key = format!("{section}.tls_certificate_file");
    let key_key = format!("{section}.tls_key_file");
    match (settings.path(&certificate_key)?, settings.path(&key_key)?) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(settings.invalid(&certificate_key, format!("needs `{key_key}` beside it")))
        }
        (None, Some(_)) => {
            Err(settings.invalid(&key_key, format!("needs `{certificate_key}` beside it")))
        }
    }
}

fn workers(settings: &Settings, section: &str) -> Result<Option<usize>, ConfigError> {
    settings.parsed(&format!("{section}.workers"), |text| {
        match text.parse::<usize>() {
            Ok(count @ 1..=256) => Ok(count),
            _ => Err(format!("`{text}` is no number of threads from 1 to 256")),
        }
    })
}

fn bounded(settings: &Settings, key: &str, default: u32, most: u32) -> Result<u32, ConfigError> {
    let parsed = settings.parsed(key, |text| match text.parse::<u32>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("`{text}` is no number from 1 to {most}")),
    })?;
    Ok(parsed.unwrap_or(default))
}

fn log(settings: &Settings) -> Result<LogSettings, ConfigError> {
    let format = settings.parsed("log.format", |text| match text {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        other => Err(format!("`{other}` is no log format: json or pretty")),
    })?;
    Ok(LogSettings {
        format: format.unwrap_or(LogFormat::Json),
        level: settings
            .parsed("log.level", Settings::text)?
            .unwrap_or_else(|| "info".into()),
    })
}

fn https(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address: {error}"))?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "https" if url.has_host() && plain => Ok(url),
        "https" => Err("an address of a host and a port only, without user, query or #".into()),
        other => Err(format!(
            "`{other}` is refused: members are reached by https only"
        )),
    }
}

fn cidrs(text: &str) -> Result<Vec<Cidr>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            item.parse()
                .map_err(|_ignored| format!("`{item}` is no range of addresses; try `10.0.0.0/8`"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
