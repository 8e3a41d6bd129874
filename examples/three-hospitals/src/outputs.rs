//! What the programs print with `-o json`, read back.

use serde_json::Value;

use crate::trouble::Trouble;

/// One JSON value that a command printed.
pub(crate) struct Printed(Value);

impl Printed {
    /// Reads the standard output of a command.
    pub(crate) fn read(stdout: &str) -> Result<Self, Trouble> {
        serde_json::from_str(stdout).map(Self).map_err(|error| {
            Trouble::new(
                format!("a command printed no JSON: {error}"),
                "report this as a bug",
            )
        })
    }

    /// The text at a JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> Result<String, Trouble> {
        let found = self.0.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| {
            Trouble::new(
                format!("a command printed no text at {pointer}"),
                "report this as a bug",
            )
        })
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}
