//! Any bytes as a file of every kind, alone and behind the head of a message that is about the
//! right patient, so that the rooms are reached. What is read is one patient's, with lawful ids.

use ssmix2::{FileName, Institution, Kind, read};

pub(crate) fn run(data: &[u8]) {
    let Ok(institution) = "0110000001".parse::<Institution>() else {
        return;
    };
    for kind in Kind::ALL {
        let text = format!("7_20260401_{kind}_12_20260401103059000_01_1");
        let Ok(name) = text.parse::<FileName>() else {
            continue;
        };
        judge(&name, data, &institution);
        let family = match kind {
            Kind::Ppr01 => "PPR^ZD1",
            Kind::Omp01 | Kind::Omp02 => "RDE^O11",
            Kind::Omp11 | Kind::Omp12 => "RAS^O17",
            Kind::Oml01 => "OML^O33",
            Kind::Oml11 => "OUL^R22",
            _ => "ADT^A08",
        };
        let head = format!("MSH|^~\\&|||||20260401||{family}\rPID|||7\rPV1||I\rSPM|\r");
        judge(&name, &[head.as_bytes(), data].concat(), &institution);
    }
}

fn judge(name: &FileName, bytes: &[u8], institution: &Institution) {
    let Ok(chapter) = read(name, bytes, institution) else {
        return;
    };
    for resource in chapter.resources {
        let sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.');
        assert!((1..=64).contains(&resource.id.len()) && resource.id.chars().all(sign));
        assert!(resource.json.starts_with("{\"resourceType\":\"") && resource.json.ends_with('}'));
    }
}
