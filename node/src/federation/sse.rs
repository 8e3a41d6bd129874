//! Server-sent events, as bytes.

use std::fmt::Write as _;

/// One event. Line breaks inside `data` (spacing of raw resources; JSON strings have none) become
/// `data` lines of their own, which a client joins again with line feeds.
#[must_use]
pub fn event(name: &str, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 64);
    let _ = writeln!(text, "event: {name}");
    for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_an_event_is_data() {
        assert_eq!(
            event("part", "{\n \"a\": 1,\r\n \"b\": 2\r}"),
            "event: part\ndata: {\ndata:  \"a\": 1,\ndata:  \"b\": 2\ndata: }\n\n"
        );
    }
}
