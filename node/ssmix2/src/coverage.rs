//! IN1 of an ADT-00: a Coverage.

use crate::coded::{self, identifier};
use crate::element::{Element, fhir};
use crate::hl7::Segment;
use crate::reading::Reading;
use crate::systems::Place;

const EXTENSION: &str = "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_";
const MEMBER: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
const CARD: &str = "http://jpfhir.jp/fhir/core/IdSystem/JP_Coverage_id";
const INSURER: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsurerNumber";

/// Symbol, number and branch of the insured (IN1-10), full or half width as sent.
struct Insured {
    symbol: Option<String>,
    number: Option<String>,
    branch: Option<String>,
}

impl Insured {
    /// `symbol~number~branch`. One text alone cannot be taken apart: it is a number.
    fn of(in1: Segment<'_>) -> Self {
        let mut parts = in1
            .field(10)
            .all_repeats()
            .map(|part| part.component(1).text());
        let (first, second, third) = (parts.next().flatten(), parts.next(), parts.next());
        match second {
            Some(number) => Self {
                symbol: first,
                number,
                branch: third.flatten(),
            },
            None => Self {
                symbol: None,
                number: first,
                branch: None,
            },
        }
    }

    /// `insurer(8):symbol:number:branch`, the number that a person keeps from hospital to hospital.
    /// Only where the insurer is a number and the insured has one: public expense has neither.
    fn member(&self, insurer: Option<&str>) -> Option<String> {
        let insurer = insurer.filter(|insurer| {
            (1..=8).contains(&insurer.len()) && insurer.bytes().all(|byte| byte.is_ascii_digit())
        })?;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let number = self.number.as_deref()?;
        let (symbol, branch) = (part(&self.symbol), part(&self.branch));
        Some(format!("{insurer:0>8}:{symbol}:{number}:{branch}"))
    }

    /// `"symbol","number"` with the branch behind it, as JP Core writes what is on a card.
    fn card(&self, with_branch: bool) -> Option<String> {
        let number = self.number.as_deref()?;
        let symbol = self.symbol.as_deref().unwrap_or_default();
        let branch = self.branch.as_deref().filter(|_| with_branch);
        let branch = branch
            .map(|branch| format!(",\"{branch}\""))
            .unwrap_or_default();
        Some(format!("\"{symbol}\",\"{number}\"{branch}"))
    }
}

/// Adds one Coverage.
pub(crate) fn put(reading: &mut Reading<'_, '_>, in1: Segment<'_>) {
    let insured = Insured::of(in1);
    let insurer = in1.text(3);
    let member = insured.member(insurer.as_deref());
    let extension = |name: &str, value: &Option<String>| {
        let url = format!("{EXTENSION}{name}");
        value.clone().map_or(
            Element::Nothing,
            |value| fhir! {"url": url, "valueString": value},
        )
    };
    let start = reading.time(in1, 12, "IN1-12");
    let end = reading.time(in1, 13, "IN1-13");
    let end = reading.end(start.as_ref(), end, "IN1-13");
    let (start, end) = (start.map(|day| day.date()), end.map(|day| day.date()));
    let body = fhir! {
        "extension": Element::list([
            extension("InsuredPersonSymbol", &insured.symbol),
            extension("InsuredPersonNumber", &insured.number),
            extension("InsuredPersonSubNumber", &insured.branch),
        ]),
        "identifier": Element::list([
            identifier(MEMBER, member),
            identifier(CARD, insured.card(true)),
        ]),
        "status": "active",
        "type": reading.concept(in1.field(2)),
        "subscriberId": insured.card(false),
        "beneficiary": reading.subject(),
        "dependent": insured.branch.clone(),
        "relationship": relationship(reading, in1),
        "period": fhir! {"start": start, "end": end},
        "payor": Element::one(payor(insurer, in1)),
        "class": Element::one(group(in1)),
    };
    let id = reading.id("IN1");
    reading.put("Coverage", &id, "JP_Coverage", Vec::new(), body);
}

fn payor(insurer: Option<String>, in1: Segment<'_>) -> Element {
    let named = fhir! {
        "identifier": identifier(INSURER, insurer),
        "display": in1.text(4),
    };
    if named.is_nothing() {
        return fhir! {"extension": coded::absent()};
    }
    fhir! {"type": "Organization"}.and(named)
}

/// IN1-11, the group's name.
fn group(in1: Segment<'_>) -> Element {
    let Some(name) = in1.text(11) else {
        return Element::Nothing;
    };
    let system = "http://terminology.hl7.org/CodeSystem/coverage-class";
    fhir! {"type": coded::of_known(system, "group", "Group"), "value": name.clone(), "name": name}
}

/// What the insured is to the patient, and the other way round in FHIR's words.
fn relationship(reading: &Reading<'_, '_>, in1: Segment<'_>) -> Element {
    let own = match in1.text(17).as_deref() {
        Some("SEL") => ("self", "Self"),
        Some("SPO") => ("spouse", "Spouse"),
        Some("PAR" | "FTH" | "MTH") => ("child", "Child"),
        Some("CHD" | "SON" | "DAU") => ("parent", "Parent"),
        Some(_) => ("other", "Other"),
        None => return Element::Nothing,
    };
    let system = "http://terminology.hl7.org/CodeSystem/subscriber-relationship";
    let sent = coded::coding(in1.field(17), 1, Place::Plain, reading.institution);
    fhir! {
        "coding": Element::list([coded::known(system, own.0, own.1), sent]),
        "text": in1.field(17).component(2).text(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::hl7::Message;

    fn insured(field: &str) -> Insured {
        let text = format!("MSH|^~\\&|\rIN1|1|||||||||{field}\r");
        let message = Message::parse(&text).unwrap();
        Insured::of(message.first("IN1").unwrap())
    }

    #[test]
    fn the_member_number_keeps_its_colons_and_widths() {
        let of = |field: &str| insured(field).member(Some("12345"));
        assert_eq!(of("あいう~１８７~05").unwrap(), "00012345:あいう:１８７:05");
        assert_eq!(of("~１８７").unwrap(), "00012345::１８７:");
        assert_eq!(of("123・4567").unwrap(), "00012345::123・4567:");
        assert_eq!(of(""), None);
        assert_eq!(insured("1~2~3").member(Some("組合")), None);
        assert_eq!(insured("1~2~3").member(None), None);
    }

    #[test]
    fn a_card_is_written_with_its_quotes() {
        assert_eq!(
            insured("123~456~01").card(true).unwrap(),
            "\"123\",\"456\",\"01\""
        );
        assert_eq!(insured("123~456").card(false).unwrap(), "\"123\",\"456\"");
    }
}
