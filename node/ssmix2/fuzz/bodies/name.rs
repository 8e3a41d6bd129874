//! Any text as a file's name. What is accepted reads back as it is written.

use ssmix2::FileName;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(name) = text.parse::<FileName>() {
        assert_eq!(name.to_string().parse().as_ref(), Ok(&name));
        assert!(name.to_string().starts_with(&name.stem()));
    }
}
