//! Names, telephone numbers and staff.

use crate::coded::identifier;
use crate::element::{Element, fhir};
use crate::hl7::Piece;
use crate::institution::Institution;

const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

/// The names of an XPN field, one for each representation: kanji, kana, Latin.
pub(crate) fn names(field: Piece<'_>) -> Element {
    Element::list(field.repeats().map(name))
}

/// Whether a name states its representation where its type belongs: one `^` too few.
pub(crate) fn is_shifted(name: Piece<'_>) -> bool {
    let stated = |at| {
        name.component(at)
            .text()
            .as_deref()
            .and_then(representation)
    };
    stated(7).is_some() && stated(8).is_none()
}

fn representation(code: &str) -> Option<&'static str> {
    match code {
        "I" => Some("IDE"),
        "P" => Some("SYL"),
        "A" => Some("ABC"),
        _ => None,
    }
}

/// One name. The first in a resource's contact, and each of a patient's.
pub(crate) fn name(name: Piece<'_>) -> Element {
    let shift = usize::from(is_shifted(name));
    let family = name.component(1).text();
    let given = name.component(2).text();
    let second = name.component(3).text();
    let Some(text) = spoken(&[&family, &given, &second]) else {
        return Element::Nothing;
    };
    let kind = name.component(7 - shift).text();
    let stated = name.component(8 - shift).text();
    let extension = stated.as_deref().and_then(representation).map(|code| {
        fhir! {"url": REPRESENTATION, "valueCode": code}
    });
    fhir! {
        "extension": Element::list([extension.into()]),
        "use": name_use(kind.as_deref()),
        "text": text,
        "family": family,
        "given": Element::list([given.into(), second.into()]),
    }
}

/// A legal name is the usual one in Japan, and JP Core sorts by `usual`.
fn name_use(kind: Option<&str>) -> &'static str {
    match kind {
        Some("M") => "maiden",
        Some("A" | "N") => "nickname",
        _ => "usual",
    }
}

fn spoken(parts: &[&Option<String>]) -> Option<String> {
    let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The telephone numbers of an XTN field. `usual` is their use where none is stated.
pub(crate) fn telecoms(field: Piece<'_>, usual: &str) -> impl Iterator<Item = Element> {
    field.repeats().map(move |number| telecom(number, usual))
}

fn telecom(number: Piece<'_>, usual: &str) -> Element {
    let kind = number.component(3).text();
    let stated = number.component(2).text();
    let mail = number.component(4).text();
    let value = [12, 1].iter().find_map(|at| number.component(*at).text());
    let Some(value) = value.or_else(|| mail.clone()) else {
        return Element::Nothing;
    };
    let system = match kind.as_deref() {
        Some("FX") => "fax",
        Some("Internet" | "X.400") => "email",
        Some("BP") => "pager",
        _ if stated.as_deref() == Some("NET") || mail.is_some() => "email",
        _ => "phone",
    };
    let purpose = match (stated.as_deref(), kind.as_deref()) {
        (Some("PRS"), _) | (_, Some("CP")) => Some("mobile"),
        (Some("PRN"), _) => Some("home"),
        (Some("WPN"), _) => Some("work"),
        // HL7 table 0201 has uses that FHIR has not.
        (Some("ORN" | "VHN" | "ASN" | "EMR" | "NET" | "BPN"), _) => None,
        _ => Some(usual),
    };
    fhir! {"system": system, "value": value, "use": purpose}
}

/// A member of staff (XCN) as a reference that leads by number and says the name: the hospital's
/// staff list is not part of its standardised storage.
pub(crate) fn practitioner(person: Piece<'_>, institution: &Institution) -> Element {
    let number = person.component(1).text();
    let display = spoken(&[&person.component(2).text(), &person.component(3).text()]);
    if number.is_none() && display.is_none() {
        return Element::Nothing;
    }
    fhir! {
        "type": "Practitioner",
        "identifier": identifier(&institution.local_system("staff"), number),
        "display": display,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::hl7::Message;

    fn json(text: &str, see: impl FnOnce(Piece<'_>) -> Element) -> String {
        let text = format!("MSH|^~\\&|\rZZZ|{text}\r");
        let message = Message::parse(&text).unwrap();
        let mut json = String::new();
        see(message.first("ZZZ").unwrap().field(1)).write(&mut json);
        json
    }

    #[test]
    fn a_name_says_how_it_is_written() {
        let found = json("雪見^花^^^^^L^I~ユキミ^ハナ^^^^^L^P", names);
        assert!(found.contains("\"valueCode\":\"IDE\"}],\"use\":\"usual\",\"text\":\"雪見 花\""));
        assert!(
            found.contains("\"valueCode\":\"SYL\"}],\"use\":\"usual\",\"text\":\"ユキミ ハナ\"")
        );
        assert_eq!(
            json("雪見^花^^^^L^I", names),
            json("雪見^花^^^^^L^I", names)
        );
        assert_eq!(json("~", names), "null");
    }

    #[test]
    fn a_number_is_found_in_both_places() {
        let of = |text: &str| json(text, |field| Element::list(telecoms(field, "home")));
        let home = "[{\"system\":\"phone\",\"value\":\"099-000-0001\",\"use\":\"home\"}]";
        assert_eq!(of("^PRN^PH^^^^^^^^^099-000-0001"), home);
        assert_eq!(of("099-000-0001"), home);
        assert!(of("^PRS^CP^^^^^^^^^090").contains("mobile"));
        assert!(of("^NET^Internet^hana@example.jp").contains("\"email\""));
        assert_eq!(of("^WPN^PH^^^^^^^^^"), "null");
    }

    #[test]
    fn staff_are_known_by_number_and_name() {
        let at: Institution = "0110000001".parse().unwrap();
        let found = json("0012^雪見 一郎", |field| practitioner(field, &at));
        assert_eq!(
            found,
            "{\"type\":\"Practitioner\",\"identifier\":{\"system\":\
             \"urn:musubi:ssmix2:0110000001:staff\",\"value\":\"0012\"},\"display\":\"雪見 一郎\"}"
        );
        assert_eq!(json("^^", |field| practitioner(field, &at)), "null");
    }
}
