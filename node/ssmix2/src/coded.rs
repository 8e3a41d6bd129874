//! Codes, quantities and identifiers: what most fields hold.

use crate::element::{Decimal, Element, fhir};
use crate::hl7::Piece;
use crate::institution::Institution;
use crate::systems::{self, Place, UCUM};

/// A CWE or CE: code, text and table, and the same again for a second code.
pub(crate) fn concept(piece: Piece<'_>, place: Place, institution: &Institution) -> Element {
    let codings = [1, 4].map(|from| coding(piece, from, place, institution));
    // CWE-9 is what the person at the source read; else a text; else the code must serve.
    let text = [9, 2, 5, 1, 4]
        .iter()
        .find_map(|at| piece.component(*at).text());
    fhir! {"coding": Element::list(codings), "text": text}
}

/// The coding whose code is component `from`, its text and table the two behind it.
pub(crate) fn coding(
    piece: Piece<'_>,
    from: usize,
    place: Place,
    institution: &Institution,
) -> Element {
    let Some(code) = code_of(piece.component(from)) else {
        return Element::Nothing;
    };
    let table = piece.component(from + 2).text().unwrap_or_default();
    fhir! {
        "system": systems::system(&table, &code, place, institution),
        "code": code,
        "display": piece.component(from + 1).text(),
    }
}

/// One coding with a system that is known beforehand.
pub(crate) fn known(system: &str, code: &str, display: &str) -> Element {
    fhir! {"system": system, "code": as_code(code), "display": display}
}

/// A piece as a code.
fn code_of(piece: Piece<'_>) -> Option<String> {
    let code = piece.text().map(|text| as_code(&text));
    code.filter(|code| !code.is_empty())
}

/// FHIR's codes hold single spaces between their words and none around them; a screen's padding, full
/// width or not, is no part of a code.
fn as_code(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A concept of one coding that is known beforehand.
pub(crate) fn of_known(system: &str, code: &str, display: &str) -> Element {
    fhir! {"coding": Element::one(known(system, code, display))}
}

/// A concept of text alone.
pub(crate) fn of_text(text: Option<String>) -> Element {
    fhir! {"text": text}
}

/// `{system, value}`, if there is a value.
pub(crate) fn identifier(system: &str, value: Option<String>) -> Element {
    value.map_or(
        Element::Nothing,
        |value| fhir! {"system": system, "value": value},
    )
}

/// The extension that says why a mandatory element has no value.
pub(crate) fn absent() -> Element {
    Element::one(fhir! {
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "unknown",
    })
}

/// A measured quantity. The code of the unit is UCUM only where the table says ISO+; a unit without
/// a table is text.
pub(crate) fn quantity(
    comparator: Option<&str>,
    value: Decimal,
    unit: Piece<'_>,
    institution: &Institution,
) -> Element {
    let named = fhir! {"value": value, "comparator": comparator};
    named.and(unit_of(unit, institution))
}

/// The unit of a quantity, as the members `unit`, `system` and `code`.
pub(crate) fn unit_of(unit: Piece<'_>, institution: &Institution) -> Element {
    let code = code_of(unit.component(1));
    let name = unit.component(2).text().or_else(|| code.clone());
    let table = unit.component(3).text().unwrap_or_default();
    let system = code
        .as_deref()
        .and_then(|code| systems::system(&table, code, Place::Plain, institution));
    match (system, code) {
        (Some(system), Some(code)) if system == UCUM => match as_ucum(&code) {
            Some(code) => fhir! {"unit": name, "system": UCUM, "code": code},
            None => fhir! {"unit": name},
        },
        (Some(system), Some(code)) => fhir! {"unit": name, "system": system, "code": code},
        _ => fhir! {"unit": name},
    }
}

/// The amount of a medicine. JP Core wants the code of its unit: a unit without a table counts as
/// this hospital's own; an amount without any unit is nothing.
pub(crate) fn dose(value: Option<String>, unit: Piece<'_>, institution: &Institution) -> Element {
    let value = value.as_deref().and_then(Decimal::parse);
    let (Some(value), Some(code)) = (value, code_of(unit.component(1))) else {
        return Element::Nothing;
    };
    let stated = unit_of(unit, institution);
    let has_code = matches!(&stated, Element::Object(members) if members.len() == 3);
    let unit = if has_code {
        stated
    } else {
        let name = unit.component(2).text().unwrap_or_else(|| code.clone());
        fhir! {"unit": name, "system": institution.local_system("unit"), "code": code}
    };
    fhir! {"value": value}.and(unit)
}

/// ISO+ spells most units as UCUM does. What is no possible UCUM code is none.
fn as_ucum(code: &str) -> Option<String> {
    let spelled = match code.to_ascii_lowercase().as_str() {
        "cel" => "Cel",
        "mm(hg)" | "mmhg" => "mm[Hg]",
        _ => code,
    };
    let possible = spelled.bytes().all(|byte| byte.is_ascii_graphic());
    possible.then(|| spelled.to_owned())
}

/// `1.2-2.0`, `<85`, `>=10` as a reference range. The text is always kept: what cannot be taken
/// apart is still readable.
pub(crate) fn reference_range(text: Option<String>, unit: &Element) -> Element {
    let Some(text) = text else {
        return Element::Nothing;
    };
    let bound = |text: &str| {
        let value = Decimal::parse(text.trim())?;
        Some(fhir! {"value": value}.and(unit.clone()))
    };
    let (low, high) = if let Some(high) = text.strip_prefix('<') {
        (None, bound(high.trim_start_matches('=')))
    } else if let Some(low) = text.strip_prefix('>') {
        (bound(low.trim_start_matches('=')), None)
    } else {
        // Not at the first sign, which may be a minus.
        let dash = text.char_indices().skip(1).find(|(_, sign)| *sign == '-');
        let ends = dash.and_then(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)));
        match ends.map(|(low, high)| (bound(low), bound(high))) {
            Some((Some(low), Some(high))) => (Some(low), Some(high)),
            _ => (None, None),
        }
    };
    Element::one(fhir! {"low": low, "high": high, "text": text})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::hl7::Message;

    fn json(element: &Element) -> String {
        let mut json = String::new();
        element.write(&mut json);
        json
    }

    fn field<T>(text: &str, see: impl FnOnce(Piece<'_>, &Institution) -> T) -> T {
        let text = format!("MSH|^~\\&|\rZZZ|{text}\r");
        let message = Message::parse(&text).unwrap();
        let field = message.first("ZZZ").unwrap().field(1);
        see(field, &"0110000001".parse().unwrap())
    }

    #[test]
    fn both_codes_of_a_field_are_kept_with_their_texts() {
        let found = field(
            "3C020000002327101^尿酸^JC10^UA^UA-S^99LAB",
            |piece, at| json(&concept(piece, Place::Plain, at)),
        );
        assert_eq!(
            found,
            "{\"coding\":[{\"system\":\"http://medis.or.jp/CodeSystem/master-JLAC10-17digits\",\
             \"code\":\"3C020000002327101\",\"display\":\"尿酸\"},\
             {\"system\":\"urn:musubi:ssmix2:0110000001:99LAB\",\"code\":\"UA\",\
             \"display\":\"UA-S\"}],\"text\":\"尿酸\"}"
        );
        let text = field("^手書き", |piece, at| {
            json(&concept(piece, Place::Plain, at))
        });
        assert_eq!(text, "{\"text\":\"手書き\"}");
        assert!(field("", |piece, at| concept(piece, Place::Plain, at)).is_nothing());
    }

    #[test]
    fn padding_is_no_part_of_a_code() {
        let found = field("　A1  B　^尿　酸^99LAB", |piece, at| {
            json(&concept(piece, Place::Plain, at))
        });
        assert!(found.contains("\"code\":\"A1 B\""), "{found}");
        assert!(found.contains("\"display\":\"尿　酸\""), "{found}");
    }

    #[test]
    fn only_iso_plus_is_ucum() {
        let unit = |text: &str| field(text, |piece, at| json(&unit_of(piece, at)));
        assert_eq!(
            unit("cel^℃^ISO+"),
            "{\"unit\":\"℃\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"Cel\"}"
        );
        assert_eq!(unit("μg/mL^μg/mL^ISO+"), "{\"unit\":\"μg/mL\"}");
        assert!(unit("mg/dL^mg/dL^99XYZ").contains("0110000001:99XYZ"));
        assert_eq!(unit("mg/dL"), "{\"unit\":\"mg/dL\"}");
    }

    #[test]
    fn a_dose_always_has_the_code_of_its_unit() {
        let of = |value: &str, unit: &str| {
            field(unit, |piece, at| {
                json(&dose(Some(value.to_owned()), piece, at))
            })
        };
        assert!(of("2", "TAB^錠^MR9P").ends_with("MERIT9Code\",\"code\":\"TAB\"}"));
        assert!(of("2", "錠").ends_with("0110000001:unit\",\"code\":\"錠\"}"));
        assert_eq!(of("2", ""), "null");
        assert_eq!(of("適量", "TAB^錠^MR9P"), "null");
    }

    #[test]
    fn ranges_are_taken_apart_where_they_can_be() {
        let range = |text: &str| json(&reference_range(Some(text.to_owned()), &Element::Nothing));
        assert_eq!(
            range("1.20-2.0"),
            "[{\"low\":{\"value\":1.20},\"high\":{\"value\":2.0},\"text\":\"1.20-2.0\"}]"
        );
        assert_eq!(
            range("-2-3"),
            "[{\"low\":{\"value\":-2},\"high\":{\"value\":3},\"text\":\"-2-3\"}]"
        );
        assert_eq!(range("<85"), "[{\"high\":{\"value\":85},\"text\":\"<85\"}]");
        assert_eq!(
            range(">= 10"),
            "[{\"low\":{\"value\":10},\"text\":\">= 10\"}]"
        );
        assert_eq!(range("(-)"), "[{\"text\":\"(-)\"}]");
    }
}
