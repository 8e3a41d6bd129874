//! The hospital whose storage is read, and the identifier systems that follow from its number.

use std::str::FromStr;

/// A medical institution's number: two digits of the prefecture, one of the point table, seven of
/// the institution.
///
/// Kept as text: in Hokkaido it begins with a zero. It comes from the node's settings, never from
/// a message, because CX-4 is usually empty.
///
/// Source: facts sections 0.4 and 3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution(String);

/// The text is no institution's number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an institution's number: ten digits that begin with a prefecture, 01 to 47")]
pub struct InstitutionError;

impl Institution {
    /// The ten digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The system of the numbers that this hospital gives its patients. The `1` before the number
    /// is part of the OID: an arc cannot begin with a zero.
    #[must_use]
    pub fn patient_system(&self) -> String {
        format!("urn:oid:1.2.392.100495.20.3.51.1{}", self.0)
    }

    /// The system of this hospital's prescription numbers.
    pub(crate) fn prescription_system(&self) -> String {
        format!("urn:oid:1.2.392.100495.20.3.11.1{}", self.0)
    }

    /// The system of other numbers that only this hospital gives: `urn:musubi:ssmix2:<number>:<what>`.
    pub(crate) fn local_system(&self, what: &str) -> String {
        format!("urn:musubi:ssmix2:{}:{what}", self.0)
    }
}

impl FromStr for Institution {
    type Err = InstitutionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        let prefecture = text.get(..2).and_then(|two| two.parse::<u8>().ok());
        match prefecture {
            Some(1..=47) if digits => Ok(Self(text.to_owned())),
            _ => Err(InstitutionError),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn hokkaido_keeps_its_zero() {
        let hokkaido: Institution = "0110000001".parse().unwrap();
        let system = hokkaido.patient_system();
        assert_eq!(system, "urn:oid:1.2.392.100495.20.3.51.10110000001");
    }

    #[test]
    fn a_number_of_no_prefecture_is_refused() {
        for text in [
            "",
            "0010000001",
            "4810000001",
            "110000001",
            "01100000011",
            "０110000001",
        ] {
            assert_eq!(text.parse::<Institution>(), Err(InstitutionError), "{text}");
        }
    }
}
