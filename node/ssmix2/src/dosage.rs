//! How a medicine is to be taken: TQ1, RXR and the amounts of RXE, as a Dosage.

use crate::chapter::Oddity;
use crate::coded::{self, dose};
use crate::element::{Decimal, Element, fhir};
use crate::hl7::{Piece, Segment};
use crate::institution::Institution;
use crate::order::days;
use crate::reading::Reading;
use crate::systems::{self, STRENGTH_OF_PRODUCT, UCUM, USAGE_ADDITIONAL};

const EXTENSION: &str =
    "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_MedicationDosage_";

/// The segments that say how: the medicine's RXE, one TQ1, and the way in.
#[derive(Copy, Clone)]
pub(crate) struct Said<'t> {
    pub(crate) rxe: Segment<'t>,
    pub(crate) tq1: Option<Segment<'t>>,
    pub(crate) rxr: Option<Segment<'t>>,
}

/// The dosage of a prescription.
pub(crate) fn oral(reading: &mut Reading<'_, '_>, said: Said<'_>) -> Element {
    let (start, end) = bounds(reading, said.tq1);
    let period = start.map_or(Element::Nothing, |start| {
        let period = fhir! {"start": start, "end": end};
        fhir! {"url": format!("{EXTENSION}PeriodOfUse"), "valuePeriod": period}
    });
    let supply = days(said.tq1);
    let known = !supply.is_nothing();
    let duration = fhir! {"url": format!("{EXTENSION}UsageDuration"), "valueDuration": supply};
    let usage = Usage::of(reading, said);
    let per_day = rate_per_day(said.rxe, reading.institution);
    fhir! {
        "extension": Element::list([period, duration.when(known)]),
        "text": usage.text,
        "additionalInstruction": usage.additional,
        "timing": fhir! {"code": usage.code},
    }
    .and(way(reading, said.rxr))
    .and(amounts(reading, said.rxe, per_day))
}

/// The dosage of an injection. Its profile knows no period of use: FHIR's own bounds say it.
pub(crate) fn injection(reading: &mut Reading<'_, '_>, said: Said<'_>) -> Element {
    let (start, end) = bounds(reading, said.tq1);
    let bounds = fhir! {"boundsPeriod": fhir! {"start": start, "end": end}};
    let device = said
        .rxr
        .map_or(Element::Nothing, |rxr| device(reading, rxr));
    let usage = Usage::of(reading, said);
    let unit = said.rxe.text(24).unwrap_or_default();
    let rate = said
        .rxe
        .text(23)
        .map(|value| rate(&format!("{value}{unit}"), reading.institution));
    if rate.as_ref().is_some_and(Element::is_nothing) {
        reading.note(Oddity::Amount, "RXE-23");
    }
    fhir! {
        "extension": Element::one(device_reference(&device)),
        "text": usage.text,
        "additionalInstruction": usage.additional,
        "timing": fhir! {"repeat": bounds, "code": usage.code},
    }
    .and(way(reading, said.rxr))
    .and(amounts(reading, said.rxe, rate.into()))
}

fn bounds(
    reading: &mut Reading<'_, '_>,
    tq1: Option<Segment<'_>>,
) -> (Option<String>, Option<String>) {
    let Some(tq1) = tq1 else {
        return (None, None);
    };
    let start = reading.time(tq1, 7, "TQ1-7");
    let end = reading.time(tq1, 8, "TQ1-8");
    let end = reading.end(start.as_ref(), end, "TQ1-8");
    (
        start.map(|time| time.date_time()),
        end.map(|time| time.date_time()),
    )
}

/// What TQ1 says of when: a usage code of 16 digits, supplements of 8, and words.
struct Usage {
    code: Element,
    additional: Element,
    text: Option<String>,
}

impl Usage {
    fn of(reading: &mut Reading<'_, '_>, said: Said<'_>) -> Self {
        let Some(tq1) = said.tq1 else {
            return Self {
                code: Element::Nothing,
                additional: Element::Nothing,
                text: amount_in_words(reading, said.rxe),
            };
        };
        let patterns: Vec<Piece<'_>> = tq1
            .field(3)
            .repeats()
            .map(|pattern| pattern.component(1).lowered())
            .collect();
        let is_supplement = |piece: &Piece<'_>| {
            let coding = coded::coding(*piece, 1, systems::Place::Plain, reading.institution);
            has_system(&coding, USAGE_ADDITIONAL)
        };
        let main = patterns.iter().position(|piece| !is_supplement(piece));
        let code = main
            .and_then(|at| patterns.get(at))
            .map(|piece| reading.concept(*piece));
        let others = patterns
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != main);
        let additional = others.map(|(_, piece)| reading.concept(*piece));
        let additional = Element::list(additional.chain(reading.concepts(said.rxe.field(27))));
        let words = patterns.iter().map(|piece| piece.component(2).text());
        let words = words.chain([tq1.field(11).text(), amount_in_words(reading, said.rxe)]);
        let words: Vec<String> = words.flatten().collect();
        Self {
            code: code.into(),
            additional,
            text: Some(words.join(" ")).filter(|text| !text.is_empty()),
        }
    }
}

fn has_system(coding: &Element, system: &str) -> bool {
    let Element::Object(members) = coding else {
        return false;
    };
    members.contains(&("system", system.into()))
}

/// The amount of RXE-3 where it is no quantity: `適量`.
fn amount_in_words(reading: &mut Reading<'_, '_>, rxe: Segment<'_>) -> Option<String> {
    let amount = rxe.text(3)?;
    if !dose(Some(amount.clone()), rxe.field(5), reading.institution).is_nothing() {
        return None;
    }
    reading.note(Oddity::Amount, "RXE-3");
    let unit = rxe.field(5);
    let unit = unit
        .component(2)
        .text()
        .or_else(|| unit.component(1).text());
    Some(format!("{amount}{}", unit.unwrap_or_default()))
}

/// Route (-1), site (-2) and method (-4) of RXR.
pub(crate) fn way(reading: &Reading<'_, '_>, rxr: Option<Segment<'_>>) -> Element {
    let Some(rxr) = rxr else {
        return Element::Nothing;
    };
    let of = |field: usize, place| coded::concept(rxr.field(field), place, reading.institution);
    fhir! {
        "site": of(2, systems::Place::BodySite),
        "route": of(1, systems::Place::Plain),
        "method": of(4, systems::Place::Method),
    }
}

fn amounts(reading: &Reading<'_, '_>, rxe: Segment<'_>, rate: Element) -> Element {
    let amount = dose(rxe.text(3), rxe.field(5), reading.institution);
    let stated = fhir! {"doseQuantity": amount, "rateRatio": rate};
    if stated.is_nothing() {
        return stated;
    }
    let (system, code, display) = STRENGTH_OF_PRODUCT;
    let kind = fhir! {"type": coded::of_known(system, code, display)};
    fhir! {"doseAndRate": Element::one(kind.and(stated))}
}

/// RXE-19, `6^TAB&錠&MR9P`: the total of a day.
fn rate_per_day(rxe: Segment<'_>, institution: &Institution) -> Element {
    let total = rxe.field(19);
    let unit = total.component(2).lowered();
    let numerator = dose(total.component(1).text(), unit, institution);
    let day = fhir! {"value": Decimal::of(1), "unit": "日", "system": UCUM, "code": "d"};
    fhir! {"numerator": numerator.clone(), "denominator": day}.when(!numerator.is_nothing())
}

/// `102ml/hr` as a ratio; nothing if it is not built like that.
pub(crate) fn rate(text: &str, institution: &Institution) -> Element {
    let number_ends = text.find(|sign: char| !sign.is_ascii_digit() && sign != '.');
    let (number, unit) = text.split_at(number_ends.unwrap_or(text.len()));
    let Some((amount, time)) = unit.trim().split_once('/') else {
        return Element::Nothing;
    };
    let time = match time.trim().to_ascii_lowercase().as_str() {
        "h" | "hr" | "hour" | "時間" => "h",
        "min" | "m" | "分" => "min",
        "s" | "sec" | "秒" => "s",
        "d" | "day" | "日" => "d",
        _ => return Element::Nothing,
    };
    let amount = amount.trim();
    let (system, code) = match amount.to_ascii_lowercase().as_str() {
        "" => return Element::Nothing,
        "ml" => (UCUM.to_owned(), "mL"),
        "l" | "mg" | "g" | "ug" => (UCUM.to_owned(), amount),
        _ => (institution.local_system("unit"), amount),
    };
    let Some(value) = Decimal::parse(number) else {
        return Element::Nothing;
    };
    fhir! {
        "numerator": fhir! {"value": value, "unit": amount, "system": system, "code": code},
        "denominator": fhir! {"value": Decimal::of(1), "unit": time, "system": UCUM, "code": time},
    }
}

/// RXR-3 as a contained Device.
pub(crate) fn device(reading: &Reading<'_, '_>, rxr: Segment<'_>) -> Element {
    let kind = reading.concept(rxr.field(3));
    let known = !kind.is_nothing();
    fhir! {"resourceType": "Device", "id": "device", "type": kind}.when(known)
}

/// The extension that refers to a contained device, if there is one.
pub(crate) fn device_reference(device: &Element) -> Element {
    let reference = fhir! {"reference": "#device"};
    fhir! {"url": format!("{EXTENSION}Device"), "valueReference": reference}
        .when(!device.is_nothing())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_rate_is_taken_apart() {
        let of = |text: &str| {
            let mut json = String::new();
            rate(text, &"0110000001".parse().unwrap()).write(&mut json);
            json
        };
        assert_eq!(
            of("102ml/hr"),
            "{\"numerator\":{\"value\":102,\"unit\":\"ml\",\"system\":\
             \"http://unitsofmeasure.org\",\"code\":\"mL\"},\"denominator\":{\"value\":1,\
             \"unit\":\"h\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"h\"}}"
        );
        assert!(of("2.5γ/分").contains("0110000001:unit\",\"code\":\"γ\""));
        for text in [
            "",
            "102",
            "102ml",
            "ml/hr",
            "102ml/週",
            "102/hr",
            "1.2.3ml/h",
        ] {
            assert_eq!(of(text), "null", "{text}");
        }
    }
}
