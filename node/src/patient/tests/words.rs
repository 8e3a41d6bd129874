//! The explanations of items.

use super::*;
use crate::patient::items::ITEMS;

#[test]
fn each_item_has_a_name_and_an_explanation_and_no_text_is_without_an_item() {
    for language in [Language::Ja, Language::En] {
        let page = sheet(language);
        for item in ITEMS {
            for part in ["name", "about"] {
                let key = format!("results-{}-{part}", item.id);
                assert_ne!(page.t(&key), key);
            }
        }
    }
    let mut files = crate::words::FILES.iter();
    let file = files.find(|file| file.name() == "results").unwrap();
    assert_eq!(file.keys(Language::Ja).len(), ITEMS.len() * 2);
}

#[test]
fn no_explanation_names_a_limit_or_tells_what_to_do() {
    let page = sheet(Language::Ja);
    for item in ITEMS {
        let about = page.t(&format!("results-{}-about", item.id));
        for word in [
            "以上",
            "以下",
            "未満",
            "異常",
            "してください",
            "mg/dL",
            "診断",
        ] {
            assert!(!about.contains(word), "{}: {about}", item.id);
        }
    }
}
