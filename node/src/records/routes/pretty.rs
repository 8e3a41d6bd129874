//! JSON indented for people's eyes, its values spelled as they are.

/// `text`, which is JSON already, with line breaks and two spaces for each level.
pub(super) fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut depth = 0_usize;
    let (mut within, mut escaped) = (false, false);
    let mut opened = false;
    for c in text.chars() {
        if within {
            out.push(c);
            within = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        if matches!(c, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !opened {
                line(&mut out, depth);
            }
        } else if opened {
            line(&mut out, depth);
        }
        opened = matches!(c, '{' | '[');
        out.push(c);
        match c {
            '{' | '[' => depth = depth.saturating_add(1),
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            '"' => within = true,
            _ => {}
        }
    }
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn numbers_and_escapes_keep_their_spelling() {
        assert_eq!(
            indented("{\"a\":[1.50, {}],\"b\":\"\\\"{[,:\\\\\" ,\"c\":[ ]}"),
            "{\n  \"a\": [\n    1.50,\n    {}\n  ],\n  \"b\": \"\\\"{[,:\\\\\",\n  \"c\": []\n}"
        );
    }

    proptest! {
        #[test]
        fn it_says_the_same(texts in proptest::collection::vec(any::<String>(), 0..4)) {
            let value = Value::from(texts);
            let read: Value = serde_json::from_str(&indented(&value.to_string())).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
