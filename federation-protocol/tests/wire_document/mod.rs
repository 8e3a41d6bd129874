//! The examples of `docs/WIRE.md`, compared with what the code makes.
//!
//! An example stands behind a marker line `<!-- example:NAME -->` as one fenced block. A test
//! renders it with fixed keys, times and nonces and calls [`check`]; with `UPDATE_WIRE=1` in the
//! environment the block is rewritten instead. Tests of other packages include this file:
//! `#[path = "../../federation-protocol/tests/wire_document/mod.rs"] mod wire_document;`

#![allow(
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "tests fail by panicking; not every test renders JSON"
)]

use std::path::Path;
use std::sync::Mutex;

/// One rewriting at a time: the tests of one program run side by side.
static DOCUMENT: Mutex<()> = Mutex::new(());

/// Compares rendered examples, `(name, text)`, with the document's blocks, or rewrites these.
#[track_caller]
pub(crate) fn check(examples: &[(&str, String)]) {
    let _alone = DOCUMENT.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("docs/WIRE.md"))
        .find(|path| path.is_file())
        .expect("docs/WIRE.md stands in the repository");
    let document = std::fs::read_to_string(&path).expect("docs/WIRE.md is readable");
    let mut rewritten = document.clone();
    for (name, text) in examples {
        rewritten = with_example(&rewritten, name, text);
    }
    if rewritten == document {
        return;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "rewriting is asked for by the developer"
    )]
    let update = std::env::var("UPDATE_WIRE").is_ok_and(|value| value == "1");
    if update {
        std::fs::write(&path, rewritten).expect("docs/WIRE.md is writable");
    } else {
        let stale: Vec<_> = examples
            .iter()
            .filter(|(name, text)| with_example(&document, name, text) != document)
            .map(|(name, text)| format!("--- {name}, as the code makes it:\n{text}"))
            .collect();
        panic!(
            "docs/WIRE.md differs from what the code makes.\n{}\nnext: UPDATE_WIRE=1 cargo test, \
             and review the change: peers read it",
            stale.join("\n")
        );
    }
}

/// The document with this example's block in place of what stands there.
#[track_caller]
fn with_example(document: &str, name: &str, text: &str) -> String {
    let marker = format!("<!-- example:{name} -->\n```");
    let Some((before, rest)) = document.split_once(&marker) else {
        panic!("docs/WIRE.md has no line <!-- example:{name} --> followed by a fenced block");
    };
    let (language, rest) = rest.split_once('\n').expect("the fence's line ends");
    // An empty block has its closing fence at once.
    let after = match rest.strip_prefix("```") {
        Some(after) => after,
        None => rest.split_once("\n```").expect("the fenced block ends").1,
    };
    format!(
        "{before}{marker}{language}\n{}\n```{after}",
        text.trim_end()
    )
}

/// JSON, indented by two: for reading; what is signed has no white space.
pub(crate) fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("examples are JSON")
}

/// A message as HTTP/1.1 shows it: first line, headers, body.
pub(crate) fn http(first: &str, headers: &[(&str, String)], body: &[u8]) -> String {
    let mut text = format!("{first}\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(body));
    text
}
