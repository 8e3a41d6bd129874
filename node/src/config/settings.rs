//! Every setting that was given, with where it was given: the file first, the environment over it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Environment, File, FileFormat, Source, Value, ValueKind};

use super::error::ConfigError;
use super::values;

/// The environment's prefix: `MUSUBI_NODE_FEDERATION__BIND` is `federation.bind`.
pub const ENVIRONMENT_PREFIX: &str = "MUSUBI_NODE";

/// Where a value stands that came from the environment.
pub(super) const ENVIRONMENT: &str = "the environment";

/// How a path begins that the service manager lends (systemd `LoadCredential=`).
pub(super) const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY/";

/// Variables with the prefix that are not settings: the command line owns them.
const NOT_SETTINGS: [&str; 2] = ["config", "token_file"];

/// Settings by dotted key.
pub(super) struct Settings {
    origin: String,
    folder: PathBuf,
    credentials: Option<PathBuf>,
    given: BTreeMap<String, Value>,
}

impl Settings {
    /// Reads `file` and lays `environment` over it. `None` for the environment means the process's.
    pub(super) fn read(
        file: &Path,
        environment: Option<BTreeMap<String, String>>,
        known: &[&'static str],
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable {
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
        let origin = file.display().to_string();
        let tree = File::from_str(&text, FileFormat::Toml)
            .collect()
            .map_err(|error| ConfigError::Syntax {
                path: file.to_owned(),
                reason: error.to_string(),
            })?;
        let mut given = BTreeMap::new();
        for (key, value) in tree {
            flatten(&origin, key, value, &mut given);
        }
        let credentials = match &environment {
            None => std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            Some(variables) => variables.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        };
        let variables = Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator("_")
            .separator("__")
            .ignore_empty(true)
            .source(environment.map(|variables| variables.into_iter().collect()))
            .collect()
            .map_err(|error| ConfigError::Invalid {
                key: ENVIRONMENT_PREFIX.into(),
                origin: ENVIRONMENT.into(),
                problem: error.to_string(),
            })?;
        for (key, value) in variables {
            if !NOT_SETTINGS.contains(&key.as_str()) {
                flatten(ENVIRONMENT, key, value, &mut given);
            }
        }
        refuse_unknown(&given, known)?;
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
        Ok(Self {
            origin,
            folder,
            credentials,
            given,
        })
    }

    /// The setting parsed by `parse`, if it was given.
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.given.get(key) else {
            return Ok(None);
        };
        let text = match &value.kind {
            ValueKind::String(text) => text.clone(),
            ValueKind::I64(number) => number.to_string(),
            ValueKind::Boolean(yes) => yes.to_string(),
            ValueKind::Array(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                items.join(",")
            }
            _ => return Err(self.invalid(key, "expected a text, a number or a list of texts")),
        };
        parse(text.trim())
            .map(Some)
            .map_err(|problem| self.invalid(key, problem))
    }

    /// The same for a key that must be given.
    pub(super) fn needed<T>(
        &self,
        key: &'static str,
        meaning: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.parsed(key, parse)?
            .ok_or_else(|| ConfigError::Missing {
                key,
                origin: self.origin.clone(),
                meaning,
            })
    }

    /// A text of 1 to 200 characters.
    pub(super) fn text(text: &str) -> Result<String, String> {
        match text.chars().count() {
            1..=200 => Ok(text.to_owned()),
            _ => Err("expected 1 to 200 characters".into()),
        }
    }

    /// An address to listen on.
    pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_ignored| {
            format!("`{text}` is no address to listen on; write IP:PORT, as in `127.0.0.1:8443`")
        })
    }

    /// A length of time within `bounds`, or `default`.
    pub(super) fn duration(
        &self,
        key: &str,
        default: Duration,
        bounds: std::ops::RangeInclusive<Duration>,
    ) -> Result<Duration, ConfigError> {
        let value = self.parsed(key, values::duration)?.unwrap_or(default);
        if bounds.contains(&value) {
            return Ok(value);
        }
        Err(self.invalid(
            key,
            format!(
                "{value:?} is outside {:?} to {:?}",
                bounds.start(),
                bounds.end()
            ),
        ))
    }

    /// A file's path; a relative one counts from the folder of the configuration file.
    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self
            .parsed(key, Self::text)?
            .map(|path| self.folder.join(path)))
    }

    /// A path as [`Self::path`], where a URL of the form `sqlite:PATH` holds it.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// A path as [`Self::path`], or one that the service manager lends.
    pub(super) fn secret_path(&self, key: &str, path: &str) -> Result<PathBuf, ConfigError> {
        let Some(name) = path.strip_prefix(CREDENTIALS) else {
            return Ok(self.folder.join(path));
        };
        let lent = self.credentials.as_ref().map(|folder| folder.join(name));
        lent.ok_or_else(|| {
            self.invalid(
                key,
                "CREDENTIALS_DIRECTORY is not set: start by the service manager, with \
                 LoadCredential= in the unit, or name the file itself",
            )
        })
    }

    /// Where the value of `key` stands.
    pub(super) fn origin_of(&self, key: &str) -> &str {
        let value = self.given.get(key);
        value.and_then(Value::origin).unwrap_or(&self.origin)
    }

    /// The setting `key`, or the first line of the file that `<key>_file` names; never both.
    pub(super) fn secret(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let file_key = format!("{key}_file");
        let direct = self.parsed(key, Self::text)?;
        let named = self.parsed(&file_key, Self::text)?;
        let Some(path) = named
            .map(|path| self.secret_path(&file_key, &path))
            .transpose()?
        else {
            return Ok(direct);
        };
        if direct.is_some() {
            return Err(self.invalid(&file_key, format!("`{key}` is given too: keep one of them")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        match text.lines().next().map(str::trim) {
            Some(line) if !line.is_empty() => Ok(Some(line.to_owned())),
            _ => Err(self.invalid(&file_key, format!("{} is empty", path.display()))),
        }
    }

    /// An error about `key`, naming where its value stands.
    pub(super) fn invalid(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            key: key.to_owned(),
            origin: self.origin_of(key).to_owned(),
            problem: problem.into(),
        }
    }
}

fn flatten(origin: &str, key: String, value: Value, into: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (inner, value) in table {
                flatten(origin, format!("{key}.{inner}"), value, into);
            }
        }
        kind => {
            into.insert(key, Value::new(Some(&origin.to_owned()), kind));
        }
    }
}

fn refuse_unknown(
    given: &BTreeMap<String, Value>,
    known: &[&'static str],
) -> Result<(), ConfigError> {
    for (key, value) in given {
        if known.contains(&key.as_str()) {
            continue;
        }
        let nearest = known
            .iter()
            .map(|candidate| {
                (
                    strsim::normalized_damerau_levenshtein(key, candidate),
                    *candidate,
                )
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness >= 0.6);
        return Err(ConfigError::UnknownKey {
            key: key.clone(),
            origin: value.origin().unwrap_or("the configuration").to_owned(),
            suggestion: nearest.map(|(_, candidate)| candidate.to_owned()),
        });
    }
    Ok(())
}
