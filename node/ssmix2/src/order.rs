//! ORC: what an order's segments share, whatever is ordered.

use crate::chapter::Oddity;
use crate::coded::identifier;
use crate::element::{Decimal, Element, fhir};
use crate::hl7::Segment;
use crate::moment::Moment;
use crate::reading::Reading;
use crate::systems::{ORDER_IN_RP, RESOURCE_INSTANCE, RP_NUMBER, UCUM};

/// When an order was made: ORC-9, else the nearest time that the message has.
pub(crate) fn authored_on(
    reading: &mut Reading<'_, '_>,
    orc: Option<Segment<'_>>,
) -> Option<Moment> {
    let made = orc.and_then(|orc| reading.time(orc, 9, "ORC-9"));
    reading.expect_care_date(made.as_ref(), "ORC-9");
    let valid_from = orc.and_then(|orc| Moment::parse(&orc.text(15)?));
    let sent = reading.message.first("MSH");
    let sent = sent.and_then(|msh| Moment::parse(&msh.text(7)?));
    reading.some_time("ORC-9", made, [valid_from, sent])
}

/// Whether the order stands: by its state (ORC-5), else by its control (ORC-1).
pub(crate) fn request_status(orc: Option<Segment<'_>>, cancelled: &'static str) -> &'static str {
    let code = |field| orc.and_then(|orc| orc.text(field));
    match (code(1).as_deref(), code(5).as_deref()) {
        (Some("CA" | "OC" | "CR"), _) | (_, Some("CA")) => cancelled,
        (Some("DC" | "OD" | "DR"), _) | (_, Some("DC")) if cancelled == "cancelled" => "stopped",
        (Some("DC" | "OD" | "DR"), _) | (_, Some("DC")) => cancelled,
        (Some("HD" | "OH" | "HR"), _) | (_, Some("HD")) => "on-hold",
        (_, Some("CM")) => "completed",
        _ => "active",
    }
}

/// The order itself, for what was done because of it. By number: the order may not be here.
pub(crate) fn by_number(
    reading: &Reading<'_, '_>,
    resource_type: &str,
    number: Option<String>,
) -> Element {
    let number = reading.local("order", number);
    fhir! {"type": resource_type, "identifier": number.clone()}.when(!number.is_nothing())
}

/// Numbers the medicines of a prescription: the RP group as sent, the place inside it counted.
#[derive(Default)]
pub(crate) struct Numbering {
    /// The groups in order of appearance, and how many medicines each has so far.
    groups: Vec<(String, usize)>,
}

/// Where a medicine stands in its prescription.
pub(crate) struct Position {
    /// The RP group.
    pub(crate) rp: String,
    /// Its place in the group, from 1.
    pub(crate) order: usize,
}

impl Numbering {
    /// ORC-4 is `1` in older messages and `order_RP_sequence` since 1.2g. A group without a small
    /// number is numbered by its appearance.
    pub(crate) fn next(&mut self, reading: &mut Reading<'_, '_>, orc: Segment<'_>) -> Position {
        let sent = orc.text(4);
        if sent.is_none() {
            reading.note(Oddity::RpNumber, "ORC-4");
        }
        self.position(sent)
    }

    fn position(&mut self, sent: Option<String>) -> Position {
        let appeared = self.groups.len() + 1;
        let group = match sent {
            Some(sent) => match sent.split('_').collect::<Vec<_>>().as_slice() {
                [_, rp] | [_, rp, _] => (*rp).to_owned(),
                _ => sent,
            },
            None => format!("#{appeared}"),
        };
        let known = self.groups.iter().position(|(name, _)| *name == group);
        let at = known.unwrap_or_else(|| {
            self.groups.push((group.clone(), 0));
            appeared - 1
        });
        let order = self.groups.get_mut(at).map_or(1, |(_, count)| {
            *count += 1;
            *count
        });
        let small = group.parse::<u16>().ok().filter(|number| *number < 1000);
        Position {
            rp: small.map_or_else(|| (at + 1).to_string(), |number| number.to_string()),
            order,
        }
    }
}

impl Position {
    /// The identifiers of a medicine: its RP group, its place there if `ordered`, and the order.
    pub(crate) fn identifiers(&self, ordered: bool, number: Option<String>) -> Vec<Element> {
        let place = ordered.then(|| self.order.to_string());
        vec![
            identifier(RP_NUMBER, Some(self.rp.clone())),
            identifier(ORDER_IN_RP, place),
            identifier(RESOURCE_INSTANCE, number),
        ]
    }

    /// What tells the medicine from the others of its order.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.rp, self.order)
    }
}

/// `90^d` as a duration of days; other units say nothing of a supply.
pub(crate) fn days(tq1: Option<Segment<'_>>) -> Element {
    let Some(field) = tq1.map(|tq1| tq1.field(6)) else {
        return Element::Nothing;
    };
    let unit = field.component(2).sub(1).text();
    let value = field
        .component(1)
        .text()
        .as_deref()
        .and_then(Decimal::parse);
    let in_days = unit.is_none_or(|unit| unit.eq_ignore_ascii_case("d") || unit == "日");
    match value.filter(|_| in_days) {
        Some(value) => fhir! {
            "value": value,
            "unit": "日",
            "system": UCUM,
            "code": "d",
        },
        None => Element::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medicines_are_numbered_inside_their_group() {
        let mut numbering = Numbering::default();
        let mut of = |sent: Option<&str>| {
            let place = numbering.position(sent.map(str::to_owned));
            (place.rp, place.order)
        };
        let rp = |rp: &str, order| (rp.to_owned(), order);
        assert_eq!(of(Some("123456789012345_01_001")), rp("1", 1));
        assert_eq!(of(Some("123456789012345_01_002")), rp("1", 2));
        assert_eq!(of(Some("123456789012345_02_001")), rp("2", 1));
        assert_eq!(of(Some("000000011000354")), rp("3", 1));
        assert_eq!(of(Some("000000011000354")), rp("3", 2));
        assert_eq!(of(None), rp("4", 1));
        assert_eq!(of(None), rp("5", 1));
    }
}
