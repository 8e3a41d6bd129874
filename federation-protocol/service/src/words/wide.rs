//! How wide a text stands on a terminal.

/// Columns that `text` takes: kana, kanji and full-width forms take two.
///
/// Source: Unicode Standard Annex 11 (East Asian Width), classes W and F.
#[must_use]
pub fn width(text: &str) -> usize {
    let columns = |c: char| {
        let wide = matches!(
            u32::from(c),
            0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
                | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x20000..=0x3FFFD
        );
        if wide { 2 } else { 1 }
    };
    text.chars().map(columns).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kanji_and_kana_are_twice_as_wide_as_latin_and_half_width_kana() {
        assert_eq!(width("港病院 ok"), 9);
        assert_eq!(width("ﾐﾅﾄ"), 3);
    }
}
