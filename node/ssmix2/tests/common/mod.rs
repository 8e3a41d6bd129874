//! Messages as hospitals write them, and what JP Core 1.2.0 asks of what comes out (facts,
//! appendix A).

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking; each test file uses a part of this"
)]

pub mod conformance;

use encoding_rs::ISO_2022_JP;
use serde_json::Value;
use ssmix2::{Chapter, FileName, Institution, Kind, Quarantine, read};

pub const PATIENT: &str = "00079013";
pub const PATIENT_ID: &str = "0110000001.00079013";

/// 雪見病院, in Hokkaido.
pub fn yukimi() -> Institution {
    "0110000001".parse().unwrap()
}

/// A file: its name's parts and its message, line by line.
#[derive(Clone)]
pub struct File {
    pub kind: Kind,
    pub date: &'static str,
    pub order: &'static str,
    pub department: &'static str,
    pub event: &'static str,
    pub lines: Vec<String>,
}

impl File {
    /// A message of `kind` about 雪見 花.
    pub fn of(kind: Kind, event: &'static str, lines: &[&str]) -> Self {
        let undated = matches!(kind, Kind::Adt00 | Kind::Adt61 | Kind::Ppr01);
        let pid = format!(
            "PID|0001||{PATIENT}^^^^PI||雪見^花^^^^^L^I~ユキミ^ハナ^^^^^L^P||19750828|F|||\
             ^^^^001-0001^JPN^H^北海道雪見市白樺町１−２||^PRN^PH^^^^^^^^^099-000-0001"
        );
        let lines = lines.iter().map(|line| (*line).to_owned());
        Self {
            kind,
            date: if undated { "-" } else { "20260401" },
            order: "000000011000354",
            department: if undated { "-" } else { "01" },
            event,
            lines: std::iter::once(pid).chain(lines).collect(),
        }
    }

    pub fn name(&self) -> FileName {
        let Self {
            date,
            kind,
            order,
            department,
            ..
        } = self;
        format!("{PATIENT}_{date}_{kind}_{order}_20260401103059000_{department}_1")
            .parse()
            .unwrap()
    }

    /// The message as text, segments ended by CR.
    pub fn text(&self) -> String {
        let msh = format!(
            "MSH|^~\\&|HIS|YUKIMI|GW|RCV|20260401103059||{}|1|P|2.5||||||~ISO IR87||ISO 2022-1994",
            self.event
        );
        let lines = std::iter::once(&msh).chain(&self.lines);
        lines.map(|line| format!("{line}\r")).collect()
    }

    /// In ISO-2022-JP.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        let (bytes, _, unmappable) = ISO_2022_JP.encode(&text);
        assert!(!unmappable, "a sign that JIS X 0208 has not");
        bytes.into_owned()
    }

    pub fn read(&self) -> Result<Chapter, Quarantine> {
        read(&self.name(), &self.bytes(), &yukimi())
    }

    /// The chapter, all its resources held against JP Core.
    pub fn chapter(&self) -> Chapter {
        let chapter = self.read().unwrap();
        for resource in resources(&chapter) {
            conformance::check(&resource, &chapter.patient);
        }
        chapter
    }
}

pub fn resources(chapter: &Chapter) -> Vec<Value> {
    let parse = |resource: &ssmix2::Resource| {
        let value: Value = serde_json::from_str(&resource.json).unwrap();
        assert_eq!(value["resourceType"], resource.resource_type);
        assert_eq!(value["id"], resource.id.as_str());
        value
    };
    chapter.resources.iter().map(parse).collect()
}

/// The resources of one type.
pub fn of_type(chapter: &Chapter, resource_type: &str) -> Vec<Value> {
    let mut found = resources(chapter);
    found.retain(|resource| resource["resourceType"] == resource_type);
    found
}

/// The only resource of one type.
pub fn only(chapter: &Chapter, resource_type: &str) -> Value {
    let found = of_type(chapter, resource_type);
    assert_eq!(found.len(), 1, "{resource_type}");
    found[0].clone()
}

/// Whether a resource names a code of a system, wherever.
pub fn has_code(value: &Value, system: &str, code: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_code(item, system, code)),
        Value::Object(members) => {
            (value["system"] == system && value["code"] == code)
                || members.values().any(|inner| has_code(inner, system, code))
        }
        _ => false,
    }
}
