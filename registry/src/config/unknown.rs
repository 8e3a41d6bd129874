//! Refuses settings that nobody reads, and says which one was probably meant.

use super::ConfigError;

/// How alike two keys must be (Jaro-Winkler, 0 to 1) for one to be offered in place of the other.
const ALIKE: f64 = 0.75;

/// Checks every leaf of `settings` against `known` (dotted keys).
///
/// # Errors
/// `UnknownKey` for the first leaf, in alphabetical order, that is not known.
pub(super) fn refuse_unknown_keys(
    settings: serde_json::Value,
    known: &[&str],
) -> Result<(), ConfigError> {
    let mut keys = Vec::new();
    collect_leaves("", &settings, &mut keys);
    keys.sort_unstable();
    match keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(ConfigError::UnknownKey {
            nearest: nearest(&key, known),
            key,
        }),
    }
}

fn collect_leaves(prefix: &str, value: &serde_json::Value, keys: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(table) => {
            for (name, inner) in table {
                let dot = if prefix.is_empty() { "" } else { "." };
                collect_leaves(&format!("{prefix}{dot}{name}"), inner, keys);
            }
        }
        _ => keys.push(prefix.to_owned()),
    }
}

fn nearest(key: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(key, candidate), *candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}
