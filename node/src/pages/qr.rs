//! QR codes, drawn into a page: black on white whatever the page's colours.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around a symbol. Source: ISO/IEC 18004, 9.1.
const QUIET: usize = 4;

/// `bytes` as an SVG element, its corrections at level M; `None` for more than one symbol holds.
///
/// Runs of dark modules, row by row, take a third of what a square for each module does.
#[must_use]
pub fn qr(bytes: &[u8]) -> Option<String> {
    let code = QrCode::with_error_correction_level(bytes, EcLevel::M).ok()?;
    let whole = code.width().saturating_add(2 * QUIET);
    let path = runs(&code);
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" width=\"240\" \
         height=\"240\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{whole}v{whole}H0z\"/>\
         <path stroke=\"#000\" d=\"{path}\"/></svg>"
    ))
}

/// A stroke through the middle of each run: `M4 4.5h7`.
fn runs(code: &QrCode) -> String {
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        let mut x = QUIET;
        for run in row.chunk_by(|one, next| one == next) {
            if run.first() == Some(&Color::Dark) {
                let _ = write!(path, "M{x} {}.5h{}", y.saturating_add(QUIET), run.len());
            }
            x = x.saturating_add(run.len());
        }
    }
    path
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use super::*;

    #[test]
    fn every_module_of_the_symbol_is_drawn_and_no_other() {
        for text in ["x", "https://minato.example/v#AAAA", &"くすり".repeat(60)] {
            let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
            let (side, colors) = (code.width(), code.to_colors());
            let mut drawn = vec![Color::Light; side * side];
            for run in runs(&code).split('M').skip(1) {
                let (x, rest) = run.split_once(' ').unwrap();
                let (y, length) = rest.split_once(".5h").unwrap();
                let number = |text: &str| text.parse::<usize>().unwrap();
                let at = (number(y) - QUIET) * side + number(x) - QUIET;
                drawn[at..at + number(length)].fill(Color::Dark);
            }
            assert!(drawn == colors, "{text}");
        }
        assert_eq!(qr(&[b'x'; 4_000]), None);
    }
}
