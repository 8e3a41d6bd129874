//! Text as people mean it: for the index only, never for what is stored.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest text, in characters, that the index keeps of one value. What is as long may have been
/// longer: see [`is_full`].
pub(super) const LONGEST: usize = 64;

/// Folds a name for comparison by its beginning: full and half width, upper and lower case,
/// hiragana and katakana, accents and voicing marks, variation selectors, spaces and punctuation
/// make no difference. `ﾔﾏﾀﾞ 太郎`, `やまだ太郎` and `ヤマタ　太郎` are the same.
///
/// Source: JP Core guide-stringSearch; FHIR R4 search, string.
pub(super) fn folded(text: &str) -> String {
    folding(text).take(LONGEST).collect()
}

/// [`folded`], the whole of it.
pub(super) fn folded_whole(text: &str) -> String {
    folding(text).collect()
}

/// Whether more may have stood behind what the index keeps of a text.
pub(super) fn is_full(folded: &str) -> bool {
    folded.chars().count() >= LONGEST
}

fn folding(text: &str) -> impl Iterator<Item = char> {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c) && !is_selector(*c) && is_kept(*c))
        .flat_map(char::to_lowercase)
        .map(hiragana)
        // Lower case can decompose once more (İ); what is left of a mark goes too.
        .filter(|c| !is_combining_mark(*c))
        .nfc()
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}')
}

/// Letters and digits of every script, and the prolonged sound mark.
fn is_kept(c: char) -> bool {
    c.is_alphanumeric() || c == 'ー'
}

fn hiragana(c: char) -> char {
    match c {
        'ァ'..='ヶ' => u32::from(c)
            .checked_sub(0x60)
            .and_then(char::from_u32)
            .unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ways_to_write_one_name_are_equal() {
        let same = [
            ["ヤマダ　タロウ", "ﾔﾏﾀﾞﾀﾛｳ"],
            ["やまだ太郎", "ヤマダ 太郎"],
            ["ＳＡＴＯ", "sato"],
            ["葛\u{e0100}城", "葛城"],
            ["Müller-Lüdenscheidt", "MULLER LUDENSCHEIDT"],
            ["①番", "1番"],
            ["ｱｰﾄ", "アート"],
        ];
        for [one, other] in same {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("山田"), folded("山本"));
        assert_eq!(folded("𠮷田"), "𠮷田");
        assert_eq!(folded(" 、・"), "");
    }

    proptest! {
        #[test]
        fn folding_is_idempotent_and_short(text in any::<String>()) {
            let once = folded(&text);
            prop_assert!(once.chars().count() <= LONGEST);
            prop_assert_eq!(folded(&once), once.clone());
            let whole = folded_whole(&text);
            prop_assert!(whole.starts_with(&once));
            prop_assert_eq!(is_full(&once), whole.chars().count() >= LONGEST);
        }
    }
}
