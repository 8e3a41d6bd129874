//! Small texts of HTTP that conditions and versions come in.

/// Name–value pairs of a query string, `%XX` and `+` decoded.
pub(crate) fn form_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decoded(name), percent_decoded(value)))
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = [ahead.next(), ahead.next()];
                match digits.map(|digit| digit.and_then(hex_digit)) {
                    [Some(high), Some(low)] => {
                        bytes.push(high << 4 | low);
                        rest = ahead;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The version of an entity tag, `W/"3"`.
pub(super) fn version_of_etag(etag: &str) -> Option<i32> {
    let etag = etag.trim();
    let quoted = etag.strip_prefix("W/").unwrap_or(etag);
    let digits = quoted.strip_prefix('"')?.strip_suffix('"')?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entity_tags_are_read() {
        assert_eq!(version_of_etag("W/\"3\""), Some(3));
        assert_eq!(version_of_etag("\"12\""), Some(12));
        for bad in [
            "3",
            "W/3",
            "W/\"\"",
            "W/\"-1\"",
            "*",
            "W/\"99999999999\"",
            "\"",
        ] {
            assert_eq!(version_of_etag(bad), None, "{bad}");
        }
    }

    #[test]
    fn forms_are_decoded() {
        let pairs = form_pairs("identifier=urn%3Ax%7C%E6%BC%A2+1&&flag&bad=%zz%4");
        let expected = [("identifier", "urn:x|漢 1"), ("flag", ""), ("bad", "%zz%4")];
        assert!(
            pairs
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .eq(expected)
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            form_pairs(&text);
            version_of_etag(&text);
        }
    }
}
