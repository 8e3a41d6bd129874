//! The settings of the registry: one TOML file, overridden by the environment.
//!
//! Owns the list of keys. A key that is not on the list is refused with the nearest one named,
//! because a misspelt security setting must not be a setting that silently does not hold.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Map};
use federation_service::outbound::Cidr;
use serde::Deserialize;

mod keys;
mod origin;
mod unknown;

pub use keys::{KeyFolder, Keys};
pub(crate) use origin::Host;

/// What a registry is started with. Paths are absolute, or relative to the working directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The one listener: HTTPS, for nodes and for whoever watches over the registry.
    pub http: Http,
    /// What the registry keeps on disk beside its database.
    pub state: State,
    /// What the keys in it are sealed with.
    #[serde(default)]
    pub keys: Keys,
    /// The SQLite database.
    pub database: Database,
    /// How hospitals join.
    #[serde(default)]
    pub joining: Joining,
    /// What is logged, to standard error.
    #[serde(default)]
    pub log: Log,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port that is listened on. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where nodes reach this registry: `https://host[:port]`, no path.
    pub public_url: String,
    /// PEM file with the TLS certificate that root names.
    pub tls_certificate_file: PathBuf,
    /// PEM file with the certificate's private key, readable by the registry's user only.
    pub tls_key_file: PathBuf,
}

/// `[state]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Folder with `keys/directory.pem` and `keys/status.pem`, the online keys.
    pub dir: PathBuf,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH`.
    pub url: String,
}

/// `[joining]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Joining {
    /// Ranges of private addresses that the probes may connect to, such as `10.0.0.0/8`. Public
    /// addresses always may.
    #[serde(deserialize_with = "ranges")]
    pub allow_cidrs: Vec<Cidr>,
}

fn ranges<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Cidr>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| text.parse().map_err(serde::de::Error::custom);
    texts.iter().map(read).collect()
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `json` for machines, `text` for people.
    pub format: LogFormat,
    /// A level (`info`) or a filter (`info,musubi_registry=debug`).
    pub level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            level: "info".to_owned(),
        }
    }
}

/// Every key there is, as written in the file with its table.
pub const KEYS: &[&str] = &[
    "http.bind",
    "http.public_url",
    "http.tls_certificate_file",
    "http.tls_key_file",
    "state.dir",
    "keys.passphrase",
    "keys.passphrase_file",
    "database.url",
    "joining.allow_cidrs",
    "log.format",
    "log.level",
];

/// Before the variables that override a key: `MUSUBI_REGISTRY_HTTP__BIND` is `http.bind`.
const ENVIRONMENT_PREFIX: &str = "MUSUBI_REGISTRY";

/// Why the settings cannot be used. The command ends with 78.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read, is not TOML, lacks a key or holds a value of the wrong kind.
    #[error("{0}")]
    Unreadable(#[from] config::ConfigError),
    /// A key that no version of this program knows.
    #[error("unknown setting `{key}`{}", suggestion(.nearest.as_deref()))]
    UnknownKey {
        /// As found, dotted.
        key: String,
        /// The known key that is most like it, if one is.
        nearest: Option<String>,
    },
    /// `database.url` names something else than a SQLite file.
    #[error("database.url is `{0}`, but a registry keeps its data in SQLite: `sqlite:PATH`")]
    DatabaseUrl(String),
    /// The passphrase of the keys cannot come from where the settings say.
    #[error("keys.passphrase: {0}")]
    Passphrase(String),
    /// `http.public_url` is not `https://host[:port]`.
    #[error("http.public_url is `{0}`, not `https://host[:port]`")]
    PublicUrl(String),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest
        .map(|key| format!(", did you mean `{key}`?"))
        .unwrap_or_default()
}

impl Config {
    /// Reads `path`, then the environment over it. Relative paths become relative to the folder
    /// of `path`.
    ///
    /// # Errors
    /// In the order checked: `Unreadable` (file), `UnknownKey`, `Unreadable` (a key missing or of
    /// the wrong kind), `DatabaseUrl`, `PublicUrl`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, None)
    }

    /// As [`Config::load`], with `environment` in place of the process's own.
    pub(crate) fn load_with(
        path: &Path,
        environment: Option<Map<String, String>>,
    ) -> Result<Self, ConfigError> {
        let credentials = match &environment {
            None => std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            Some(variables) => variables.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        };
        let variables = Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator("_")
            .separator("__")
            .source(environment);
        let file = config::Config::builder()
            .add_source(File::from(path).format(FileFormat::Toml))
            .build()?;
        if file.get::<config::Value>("keys.passphrase").is_ok() {
            return Err(ConfigError::Passphrase(
                "a passphrase does not lie beside the keys that it seals: name its file as \
                 `keys.passphrase_file`, or set MUSUBI_REGISTRY_KEYS__PASSPHRASE"
                    .to_owned(),
            ));
        }
        let raw = config::Config::builder()
            .add_source(file)
            .add_source(variables)
            .build()?;
        unknown::refuse_unknown_keys(raw.clone().try_deserialize()?, KEYS)?;
        let mut settings: Self = raw.try_deserialize()?;
        let base = path.parent().unwrap_or(Path::new(""));
        settings.resolve_paths(base);
        settings.keys.settle(base, credentials.as_deref())?;
        settings.database_path()?;
        Host::of_https_origin(&settings.http.public_url)
            .ok_or_else(|| ConfigError::PublicUrl(settings.http.public_url.clone()))?;
        Ok(settings)
    }

    fn resolve_paths(&mut self, base: &Path) {
        for path in [
            &mut self.http.tls_certificate_file,
            &mut self.http.tls_key_file,
            &mut self.state.dir,
        ] {
            *path = base.join(&*path);
        }
        if let Some(file) = self.database.url.strip_prefix("sqlite:") {
            self.database.url = format!("sqlite:{}", base.join(file).display());
        }
    }

    /// The file that the database is in.
    ///
    /// # Errors
    /// `DatabaseUrl` when the URL is not `sqlite:PATH`.
    pub fn database_path(&self) -> Result<PathBuf, ConfigError> {
        match self.database.url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
            _ => Err(ConfigError::DatabaseUrl(self.database.url.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use super::*;

    const GOOD: &str = r#"
[http]
bind = "127.0.0.1:9000"
public_url = "https://127.0.0.1:9000"
tls_certificate_file = "tls/certificate.pem"
tls_key_file = "/etc/registry/key.pem"
[state]
dir = "."
[database]
url = "sqlite:registry.db"
"#;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let mut config = Config::load_with(&path, Some(environment))?;
        config.state.dir = config
            .state
            .dir
            .strip_prefix(folder.path())
            .unwrap()
            .to_owned();
        Ok(config)
    }

    #[test]
    fn the_example_for_operators_loads_and_shows_every_key() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/registry.toml");
        let config = Config::load_with(&path, Some(Map::new())).unwrap();
        assert_eq!(config.state.dir, Path::new("/var/lib/musubi-registry"));
        let text = std::fs::read_to_string(path).unwrap();
        // The passphrase itself stands in no file.
        for key in KEYS.iter().filter(|key| **key != "keys.passphrase") {
            let name = key.rsplit('.').next().unwrap();
            assert!(
                text.lines().any(|line| line
                    .trim_start_matches("# ")
                    .starts_with(&format!("{name} = "))),
                "{key}"
            );
        }
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let config = load(GOOD, &[]).unwrap();
        assert!(config.http.tls_certificate_file.is_absolute());
        assert_eq!(config.http.tls_key_file, Path::new("/etc/registry/key.pem"));
        assert!(config.database_path().unwrap().ends_with("registry.db"));
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = load(GOOD, &[("MUSUBI_REGISTRY_HTTP__BIND", "127.0.0.1:9999")]).unwrap();
        assert_eq!(config.http.bind.port(), 9999);
    }

    #[test]
    fn a_misspelt_key_is_refused_and_the_right_one_named() {
        let error = load(&GOOD.replace("public_url", "public_ulr"), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown setting `http.public_ulr`, did you mean `http.public_url`?"
        );
    }

    #[test]
    fn a_misspelt_variable_is_refused_too() {
        let error = load(GOOD, &[("MUSUBI_REGISTRY_LOG__LEVLE", "debug")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown setting `log.levle`, did you mean `log.level`?"
        );
    }

    #[test]
    fn another_database_than_sqlite_is_refused() {
        let text = GOOD.replace("sqlite:registry.db", "postgres://localhost/registry");
        assert!(matches!(
            load(&text, &[]).unwrap_err(),
            ConfigError::DatabaseUrl(_)
        ));
    }

    #[test]
    fn an_address_without_tls_is_refused() {
        let text = GOOD.replace("https://127", "http://127");
        assert!(matches!(
            load(&text, &[]).unwrap_err(),
            ConfigError::PublicUrl(_)
        ));
    }

    #[test]
    fn a_passphrase_comes_from_a_file_or_the_environment_and_never_from_the_settings() {
        let word = "a passphrase of this test";
        let source = |text: &str, environment: &[(&str, &str)]| {
            load(text, environment).map(|config| format!("{:?}", config.key_folder()))
        };
        assert!(source(GOOD, &[]).unwrap().contains("none"));
        let variable = ("MUSUBI_REGISTRY_KEYS__PASSPHRASE", word);
        let held = source(GOOD, &[variable]).unwrap();
        assert!(held.contains("environment") && !held.contains(word));
        assert!(source(GOOD, &[("MUSUBI_REGISTRY_KEYS__PASSPHRASE", "short")]).is_err());

        let file = format!("{GOOD}[keys]\npassphrase_file = \"/etc/passphrase\"\n");
        assert!(source(&file, &[]).unwrap().contains("file /etc/passphrase"));
        assert!(source(&file, &[variable]).is_err(), "two places");
        let lent = format!("{GOOD}[keys]\npassphrase_file = \"$CREDENTIALS_DIRECTORY/word\"\n");
        assert!(source(&lent, &[]).is_err(), "nobody lends it");
        let lent = source(&lent, &[("CREDENTIALS_DIRECTORY", "/run/lent")]).unwrap();
        assert!(lent.contains("credential /run/lent/word"));

        let beside = format!("{GOOD}[keys]\npassphrase = \"{word}\"\n");
        let refused = source(&beside, &[]).unwrap_err().to_string();
        assert!(refused.contains("passphrase_file") && !refused.contains(word));
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = load(&GOOD.replace("dir = \".\"", ""), &[]).unwrap_err();
        assert!(error.to_string().contains("dir"), "{error}");
    }
}
