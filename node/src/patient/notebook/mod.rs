//! Medicines for a person's electronic medication notebook (電子版お薬手帳): the records of the JAHIS format,
//! as a file and as QR codes that any notebook app reads.
//!
//! Written is version information `JAHISTC08` (specification 2.5 and 2.6), output kind 1: from a medical
//! institution to a person. What is told are prescriptions, not what a pharmacy handed out; a remark
//! in each visit says so. Both the record of who handed out (11) and of who prescribed (51) name the
//! hospital: readers differ in which of them they require.
//!
//! Source: JAHIS 電子版お薬手帳データフォーマット仕様書 Ver.2.x, as far as it could be seen in public readers of the
//! format: record numbers, order, types and lengths of fields (tables 3-9 to 3-32), code tables 1 to
//! 4, splitting by record 911. The specification itself was not at hand.

mod lines;
mod symbols;

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::medicines::{Prescription, Way};
use lines::{Code, Line, Text};

pub(super) use lines::Line as Record;
pub(super) use symbols::{Symbols, symbols};

/// Who the notebook is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owner {
    /// Name in kanji.
    pub(super) name: String,
    /// Name in kana; empty where it is not known.
    pub(super) kana: String,
    /// FHIR's word: `male`, `female`.
    pub(super) gender: String,
    /// Birth date.
    pub(super) born: Option<Date>,
}

/// A hospital as the notebook names it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Institution {
    /// Its name.
    pub(super) name: String,
    /// The ten digits of prefecture, fee table and institution; empty where it has none.
    pub(super) number: String,
}

impl Institution {
    /// Prefecture, fee table and institution, each empty where there is no number.
    fn parts(&self) -> (&str, &str, &str) {
        let digits = self.number.len() == 10 && self.number.bytes().all(|b| b.is_ascii_digit());
        let part = |range| {
            self.number
                .get(range)
                .filter(|_| digits)
                .unwrap_or_default()
        };
        (part(0..2), part(2..3), part(3..10))
    }
}

/// Who made a record: 1, medical staff. The words are the hospital's.
const MADE_BY: &str = "1";
/// What the notebook is told beside the medicines.
const REMARK: &str =
    "病院の処方の情報です。薬局で受け取った薬とは、名前や日数が違うことがあります。";

/// The records, each a line, without their ends.
///
/// Each prescription stands under the day it was written, newest day first; within it under its
/// hospital's own groups (RP).
pub(super) fn records(
    owner: &Owner,
    hospitals: &[Institution],
    prescriptions: &[Prescription],
) -> Vec<Line> {
    let mut records = vec![Line::version(), patient(owner)];
    let mut visits: BTreeMap<(Date, usize), Vec<&Prescription>> = BTreeMap::new();
    for one in prescriptions {
        let key = (one.written.day, one.hospital);
        visits.entry(key).or_default().push(one);
    }
    for ((day, hospital), prescribed) in visits.into_iter().rev() {
        if let Some(institution) = hospitals.get(hospital) {
            visit(&mut records, day, institution, &prescribed);
        }
    }
    records
}

fn patient(owner: &Owner) -> Line {
    let sex = match owner.gender.as_str() {
        "male" => "1",
        "female" => "2",
        _ => "",
    };
    Line::of("1")
        .text(Text::bytes(40), &owner.name)
        .code(Code::bytes(1), sex)
        .code(Code::bytes(8), &owner.born.map(day8).unwrap_or_default())
        .empty(6)
        .text(Text::bytes(40), &owner.kana)
}

fn visit(records: &mut Vec<Line>, day: Date, at: &Institution, prescribed: &[&Prescription]) {
    let (prefecture, table, number) = at.parts();
    let named = |record: &'static str| {
        Line::of(record)
            .text(Text::bytes(120), &at.name)
            .code(Code::bytes(2), prefecture)
            .code(Code::bytes(1), table)
            .code(Code::bytes(7), number)
    };
    records.push(
        Line::of("5")
            .code(Code::bytes(8), &day8(day))
            .made_by(MADE_BY),
    );
    records.push(named("11").empty(3).made_by(MADE_BY));
    records.push(named("51").made_by(MADE_BY));
    let mut by: BTreeMap<&str, Vec<&Prescription>> = BTreeMap::new();
    for one in prescribed {
        let prescriber = one.prescriber.as_deref().unwrap_or_default();
        by.entry(prescriber).or_default().push(one);
    }
    let mut number = 0_u32;
    for (prescriber, prescribed) in by {
        if !prescriber.is_empty() {
            let doctor = Line::of("55").text(Text::bytes(40), prescriber).empty(1);
            records.push(doctor.made_by(MADE_BY));
        }
        for group in groups(&prescribed) {
            number = number.saturating_add(1);
            medicines_of(records, number, &group);
        }
    }
    records.push(
        Line::of("501")
            .text(Text::bytes(400), REMARK)
            .made_by(MADE_BY),
    );
}

/// What is taken together: the hospital's groups, as far as usage and days are the same.
fn groups<'p>(prescribed: &[&'p Prescription]) -> Vec<Vec<&'p Prescription>> {
    let mut groups: Vec<Vec<&Prescription>> = Vec::new();
    for one in prescribed {
        let together = |group: &&mut Vec<&Prescription>| {
            group.first().is_some_and(|first| {
                one.group.is_some()
                    && first.group == one.group
                    && (&first.how, first.days, first.way) == (&one.how, one.days, one.way)
            })
        };
        match groups.iter_mut().find(together) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

fn medicines_of(records: &mut Vec<Line>, number: u32, group: &[&Prescription]) {
    let Some(first) = group.first() else {
        return;
    };
    let rp = number.to_string();
    let form = Form::of(first);
    for one in group {
        let amount = amount(one, form);
        records.push(drug(&rp, one, &amount));
        if let Some(single) = amount.single {
            let note = format!("1回量 {single}");
            let more = Line::of("281")
                .code(Code::bytes(3), &rp)
                .text(Text::bytes(100), &note);
            records.push(more.made_by(MADE_BY));
        }
    }
    records.push(usage(&rp, first, form));
    for note in &first.notes {
        let more = Line::of("311")
            .code(Code::bytes(3), &rp)
            .text(Text::bytes(100), note);
        records.push(more.made_by(MADE_BY));
    }
}

/// The form that decides what amount and days mean (code table 4).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Form {
    /// 1: taken daily.
    Inner,
    /// 3: taken when needed.
    AsNeeded,
    /// 4: injected.
    Injected,
    /// 5: put on.
    Outer,
    /// 10: none of these.
    Other,
}

impl Form {
    fn of(one: &Prescription) -> Self {
        match one.way {
            _ if one.as_needed && one.way != Way::Outer => Self::AsNeeded,
            Way::Inner => Self::Inner,
            Way::Outer => Self::Outer,
            Way::Injected => Self::Injected,
            Way::Unsaid if one.days.is_some() => Self::Inner,
            Way::Unsaid => Self::Other,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Inner => "1",
            Self::AsNeeded => "3",
            Self::Injected => "4",
            Self::Outer => "5",
            Self::Other => "10",
        }
    }
}

struct Amount {
    value: String,
    unit: String,
    /// One dose, where only that is known of a medicine that is taken daily.
    single: Option<String>,
}

/// The amount as the form means it: of a day, of one dose, or of all.
fn amount(one: &Prescription, form: Form) -> Amount {
    let of = |quantity: &super::fhir::Quantity| Amount {
        value: quantity.number.written.clone(),
        unit: quantity.unit.clone(),
        single: None,
    };
    let nothing = || Amount {
        value: String::new(),
        unit: String::new(),
        single: None,
    };
    match form {
        Form::Inner => {
            let daily = one.a_day.as_ref().map(of).or_else(|| divided(one));
            daily.unwrap_or_else(|| {
                let single = one
                    .dose
                    .as_ref()
                    .map(|dose| format!("{}{}", dose.number.written, dose.unit));
                Amount {
                    single,
                    ..nothing()
                }
            })
        }
        Form::AsNeeded => one.dose.as_ref().map_or_else(nothing, of),
        Form::Injected | Form::Outer | Form::Other => {
            let all = one.supplied.as_ref().or(one.dose.as_ref());
            all.map_or_else(nothing, of)
        }
    }
}

/// What was supplied, by the days: where it comes out even to the hundredth.
fn divided(one: &Prescription) -> Option<Amount> {
    let supplied = one.supplied.as_ref()?;
    let days = i32::try_from(one.days?).ok().filter(|days| *days > 0)?;
    let daily = supplied.number.value / f64::from(days);
    let hundredths = (daily * 100.0).round() / 100.0;
    let even = (hundredths - daily).abs() < 1e-9 && daily > 0.0;
    even.then(|| Amount {
        value: hundredths.to_string(),
        unit: supplied.unit.clone(),
        single: None,
    })
}

fn drug(rp: &str, one: &Prescription, amount: &Amount) -> Line {
    let (kind, code) = drug_code(one);
    let line = Line::of("201")
        .code(Code::bytes(3), rp)
        .text(Text::bytes(120), &one.name)
        .code(Code::bytes(12), &amount.value)
        .text(Text::bytes(12), &amount.unit)
        .code(Code::bytes(1), kind)
        .code(Code::bytes(13), code)
        .made_by(MADE_BY);
    match general_code(one) {
        Some(code) => line
            .text(Text::bytes(120), &one.name)
            .code(Code::bytes(1), "2")
            .code(Code::bytes(12), code),
        None => line.empty(3),
    }
}

/// Kind and code of the product: 4 YJ, 6 HOT, 1 none.
fn drug_code(one: &Prescription) -> (&'static str, &str) {
    let found = one
        .codes
        .iter()
        .find_map(|(system, code)| match system.as_str() {
            "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code"
            | "urn:oid:1.2.392.100495.20.2.73" => Some(("4", code.as_str())),
            "http://medis.or.jp/CodeSystem/master-HOT9"
            | "http://medis.or.jp/CodeSystem/master-HOT13"
            | "urn:oid:1.2.392.200119.4.403.1"
            | "urn:oid:1.2.392.200119.4.402.1" => Some(("6", code.as_str())),
            _ => None,
        });
    let plain = |code: &&str| {
        (9..=13).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    found
        .filter(|(_kind, code)| plain(code))
        .unwrap_or(("1", ""))
}

fn general_code(one: &Prescription) -> Option<&str> {
    let of = |(system, code): &&(String, String)| {
        let general = system.ends_with("/MedicationGeneralOrderCode")
            || system == "urn:oid:1.2.392.100495.20.2.81";
        general && code.len() == 12 && code.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    one.codes.iter().find(of).map(|(_, code)| code.as_str())
}

fn usage(rp: &str, one: &Prescription, form: Form) -> Line {
    let days = one.days.map(|days| days.to_string()).unwrap_or_default();
    let (count, unit) = match form {
        Form::Inner => (days.as_str(), "日分"),
        Form::AsNeeded => (days.as_str(), "回分"),
        Form::Injected | Form::Outer | Form::Other => ("1", "調剤"),
    };
    let count = if count.is_empty() { "1" } else { count };
    let kind = if one.usage.is_empty() { "1" } else { "2" };
    let how = if one.how.is_empty() {
        "用法は処方した病院に確認"
    } else {
        &one.how
    };
    Line::of("301")
        .code(Code::bytes(3), rp)
        .text(Text::bytes(100), how)
        .code(Code::bytes(3), count)
        .text(Text::bytes(100), unit)
        .code(Code::bytes(2), form.code())
        .code(Code::bytes(1), kind)
        .code(Code::bytes(16), &one.usage)
        .made_by(MADE_BY)
}

/// `20261130`.
fn day8(day: Date) -> String {
    format!("{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

/// The records as a file: Shift_JIS, each ended by CR LF.
pub(super) fn file(records: &[Line]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend(record.bytes());
        bytes.extend(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests;
