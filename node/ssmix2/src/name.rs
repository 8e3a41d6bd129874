//! The name of a file in standardised storage, taken apart and checked.
//!
//! `<patientID>_<careDate>_<dataType>_<orderNo>_<occurrence>_<department>_<flag>`. All but the flag
//! is the file's identity; the flag is its state and changes by renaming.

use std::fmt;
use std::str::FromStr;

use crate::kind::Kind;
use crate::moment::Moment;

/// The order number of files that belong to no order: fifteen nines.
const NO_ORDER: &str = "999999999999999";

/// What the last part of a file's name says about the file. It changes in place, by renaming:
/// an update renames the older file of the same patient, date, kind and order to `2` and writes a
/// new one with `1`; a deletion renames both to `0`.
///
/// Source: facts section 4.1.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `1`: what is true now. Import it.
    Current,
    /// `2`: a newer file took its place. Ignore it; never import it.
    History,
    /// `0`: deleted at the source. Withdraw what the unit put in.
    Deleted,
}

impl Flag {
    /// The sign in the file's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "1",
            Self::History => "2",
            Self::Deleted => "0",
        }
    }
}

/// A name that is built as the standard says.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FileName {
    patient: String,
    care_date: Option<String>,
    kind: Kind,
    order: String,
    occurrence: String,
    /// How many digits of it stand in the name.
    digits: usize,
    department: Option<String>,
    flag: Flag,
}

/// Which part of a file's name is not built as the standard says.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileNameError {
    /// Not seven parts between underscores.
    #[error("the file's name has not seven parts")]
    Parts,
    /// The patient's number is empty, too long, or has signs that cannot stand in a file name.
    #[error("the patient's number in the file's name is malformed")]
    Patient,
    /// Neither `-` nor a day of the calendar.
    #[error("the care date in the file's name is no date")]
    CareDate,
    /// No data type of standardised storage.
    #[error("the file's name says no known data type")]
    Kind,
    /// The order number is empty, too long, or has other signs than letters, digits and `-`.
    #[error("the order number in the file's name is malformed")]
    Order,
    /// Not 14 to 17 digits.
    #[error("the occurrence time in the file's name is malformed")]
    Occurrence,
    /// Neither `-` nor up to eight letters and digits.
    #[error("the department in the file's name is malformed")]
    Department,
    /// None of `0`, `1` and `2`.
    #[error("the condition flag in the file's name is none of 0, 1, 2")]
    Flag,
}

impl FileName {
    /// The patient's number in this hospital, leading zeros kept.
    #[must_use]
    pub fn patient(&self) -> &str {
        &self.patient
    }

    /// The day of care, `YYYYMMDD`; none for undated kinds.
    #[must_use]
    pub fn care_date(&self) -> Option<&str> {
        self.care_date.as_deref()
    }

    /// What the file is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The order number; none where the file says that there is no order (all nines).
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        (self.order != NO_ORDER).then_some(self.order.as_str())
    }

    /// When it happened, Japanese time, to the millisecond: `YYYYMMDDHHMMSSfff`. Texts of 14 to 16
    /// digits are filled up with zeros, so that occurrences compare as texts.
    #[must_use]
    pub fn occurrence(&self) -> &str {
        &self.occurrence
    }

    /// The code of the department (table 0069), where the name has one.
    #[must_use]
    pub fn department(&self) -> Option<&str> {
        self.department.as_deref()
    }

    /// The file's state.
    #[must_use]
    pub const fn flag(&self) -> Flag {
        self.flag
    }

    /// The file's identity: its name without the flag. Renaming 1 → 2 → 0 does not change it.
    #[must_use]
    pub fn stem(&self) -> String {
        let name = self.to_string();
        let end = name.len().saturating_sub(2);
        name.get(..end).unwrap_or_default().to_owned()
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('_').collect();
        let &[
            patient,
            care_date,
            kind,
            order,
            occurrence,
            department,
            flag,
        ] = parts.as_slice()
        else {
            return Err(FileNameError::Parts);
        };
        let known = |ok: bool, error| if ok { Ok(()) } else { Err(error) };
        known(is_patient(patient), FileNameError::Patient)?;
        known(
            care_date == "-" || is_day(care_date),
            FileNameError::CareDate,
        )?;
        known(is_plain(order, 32), FileNameError::Order)?;
        known(is_occurrence(occurrence), FileNameError::Occurrence)?;
        known(is_plain(department, 8), FileNameError::Department)?;
        Ok(Self {
            patient: patient.to_owned(),
            care_date: (care_date != "-").then(|| care_date.to_owned()),
            kind: kind.parse().map_err(|_unknown| FileNameError::Kind)?,
            order: order.to_owned(),
            occurrence: format!("{occurrence:0<17}"),
            digits: occurrence.len(),
            department: (department != "-").then(|| department.to_owned()),
            flag: match flag {
                "1" => Flag::Current,
                "2" => Flag::History,
                "0" => Flag::Deleted,
                _ => return Err(FileNameError::Flag),
            },
        })
    }
}

fn is_patient(text: &str) -> bool {
    let sign = |sign: char| sign.is_ascii_graphic() && !matches!(sign, '/' | '\\');
    (1..=64).contains(&text.len()) && text.chars().all(sign) && text != "." && text != ".."
}

fn is_plain(text: &str, most: usize) -> bool {
    let sign = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
    (1..=most).contains(&text.len()) && text.chars().all(sign)
}

fn is_day(text: &str) -> bool {
    text.len() == 8 && Moment::parse(text).is_some()
}

fn is_occurrence(text: &str) -> bool {
    (14..=17).contains(&text.len()) && text.chars().all(|sign| sign.is_ascii_digit())
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}_{}_{}_{}_{}_{}_{}",
            self.patient,
            self.care_date().unwrap_or("-"),
            self.kind,
            self.order,
            self.occurrence.get(..self.digits).unwrap_or_default(),
            self.department().unwrap_or("-"),
            self.flag.as_str()
        )
    }
}

/// The patient's number does not belong in logs.
impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileName")
            .field("kind", &self.kind)
            .field("flag", &self.flag)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const NAME: &str = "0009013_20111220_OML-11_000000011000354_20111220103059000_01_1";

    #[test]
    fn a_name_reads_back_as_it_is_written() {
        for name in [
            NAME,
            "7775629477_-_ADT-00_999999999999999_20211103124124917_-_2",
            "1_-_PPR-01_7_20210616090000000_105_0",
            "1_20240229_OMD_7_20210616090000000_105_0",
            "1_-_PPR-01_7_20210616090000_105_0",
            "1_-_PPR-01_7_202106160900001_105_0",
        ] {
            assert_eq!(name.parse::<FileName>().unwrap().to_string(), name);
        }
        let short = "1_-_PPR-01_7_20210616090000_105_1".parse::<FileName>();
        assert_eq!(short.unwrap().occurrence(), "20210616090000000");
    }

    #[test]
    fn the_stem_outlives_every_renaming() {
        let stems = ["1", "2", "0"].map(|flag| {
            let name = format!("{}{flag}", NAME.strip_suffix('1').unwrap());
            name.parse::<FileName>().unwrap().stem()
        });
        assert_eq!(stems, [NAME.strip_suffix("_1").unwrap(); 3]);
    }

    #[test]
    fn fifteen_nines_are_no_order() {
        let name: FileName = "1_-_ADT-00_999999999999999_20211103124124917_-_1"
            .parse()
            .unwrap();
        assert_eq!(
            (name.order(), name.care_date(), name.department()),
            (None, None, None)
        );
    }

    #[test]
    fn each_malformed_part_is_named() {
        let refused = |from: &str, to: &str| {
            let name = NAME.replacen(from, to, 1);
            name.parse::<FileName>().unwrap_err()
        };
        assert_eq!(refused("_01_1", "_1"), FileNameError::Parts);
        assert_eq!(refused("_01_1", "_01_1_1"), FileNameError::Parts);
        assert_eq!(refused("0009013", ""), FileNameError::Patient);
        assert_eq!(refused("0009013", "患者"), FileNameError::Patient);
        assert_eq!(refused("0009013", ".."), FileNameError::Patient);
        assert_eq!(refused("20111220", "20110230"), FileNameError::CareDate);
        assert_eq!(refused("20111220", "201112"), FileNameError::CareDate);
        assert_eq!(refused("OML-11", "OML-99"), FileNameError::Kind);
        assert_eq!(refused("000000011000354", "a b"), FileNameError::Order);
        assert_eq!(
            refused("20111220103059000", "2011122010"),
            FileNameError::Occurrence
        );
        assert_eq!(refused("_01_1", "_a:b_1"), FileNameError::Department);
        assert_eq!(refused("_01_1", "_01_3"), FileNameError::Flag);
    }
}
