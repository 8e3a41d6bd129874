//! Where somebody goes on after signing in: a page of this listener, never another site's.

use crate::pages;

/// The pages, as the first segment of a path; the start is one too.
const PAGES: [&str; 5] = ["c", "desk", "admin", "p", "account"];

/// Whether a page may stand at this path, known or not.
#[must_use]
pub fn is_page(path: &str) -> bool {
    let Some(below) = path.strip_prefix('/') else {
        return false;
    };
    below.is_empty() || PAGES.contains(&below.split('/').next().unwrap_or_default())
}

/// The local path that `text` names, if a page may stand there.
#[must_use]
pub fn local(text: &str) -> Option<&str> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    pages::routes::local(text).filter(|_local| is_page(path))
}

/// `entry` with where to go on: one form for every target.
#[must_use]
pub fn with_next(entry: &str, target: &str) -> String {
    let target = local(target).unwrap_or("/");
    let mut url = format!("{entry}?next=");
    for byte in target.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                url.push(char::from(byte));
            }
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
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
    use proptest::prelude::*;
    use reqwest::Url;

    use super::*;

    #[test]
    fn one_goes_on_at_a_page_of_this_listener() {
        for path in [
            "/",
            "/c",
            "/c/patients/a-1?tab=labs",
            "/p/results",
            "/desk/link",
            "/admin/staff",
            "/account#passkeys",
        ] {
            assert_eq!(local(path), Some(path));
        }
    }

    #[test]
    fn forty_ways_to_another_site_end_at_home() {
        for text in [
            "",
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/\\/evil.example",
            "/c//evil.example",
            "/c/..//evil.example",
            "/c/../../evil",
            "/./c",
            "/.//evil.example",
            "/%2f/evil.example",
            "/%5cevil.example",
            "http://evil.example",
            "https://evil.example",
            "https:evil.example",
            "https:/evil.example",
            "HTTPS://evil.example",
            "//evil.example/c",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "/\tevil.example",
            "/\n/evil.example",
            "/c\r\nset-cookie: a=b",
            "/c\u{0}",
            " /c",
            "/c /x",
            "/\u{2028}/evil",
            "/／evil.example",
            "／／evil.example",
            "@evil.example",
            "evil.example",
            "?next=/c",
            "#/c",
            "/login",
            "/logout",
            "/fhir/Patient",
            "/cc",
            "/c\\..\\..\\evil",
            "/c/<script>",
            "/c\"onload=",
            "mailto:a@b",
            "blob:https://x",
        ] {
            assert_eq!(local(text), None, "{text:?}");
            assert_eq!(with_next("/login", text), "/login?next=/", "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_on_this_host(text in "[/\\\\a-z.:@?#%\t\u{0}-\u{7f}]{0,40}") {
            if let Some(taken) = local(&text) {
                let base = Url::parse("https://musubi.example.jp/login").unwrap();
                let there = base.join(taken).unwrap();
                prop_assert_eq!(there.origin(), base.origin());
            }
        }

        #[test]
        fn the_way_to_the_entry_is_one_header_and_says_what_it_was_given(text in "/c/[!-~]{0,60}") {
            let url = with_next("/login", &text);
            prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic()));
            let whole = Url::parse("https://x.example").unwrap().join(&url).unwrap();
            let next = whole.query_pairs().next().unwrap().1.into_owned();
            prop_assert_eq!(next, local(&text).unwrap_or("/"));
        }
    }
}
