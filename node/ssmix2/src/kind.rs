//! The kinds of files that standardised storage knows, and which of them are read here.

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($variant:ident $code:literal $family:literal [$($event:literal)|*] $does:literal;)*) => {
        /// What a file of standardised storage is about: the data type in its folder and name.
        ///
        /// Source: SS-MIX2 standardised storage 1.2, the 26 data types; facts section 4.2.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $does] $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of the standard's list.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The data type as folders and file names spell it: `OML-11`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What MSH-9 says first in every message of this kind: `ADT`.
            pub(crate) const fn family(self) -> &'static str {
                match self { $(Self::$variant => $family,)* }
            }

            /// The events of MSH-9 that belong to this kind. The first does it; the second, where
            /// there is one, takes it back.
            pub(crate) const fn events(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($event),*],)* }
            }
        }
    };
}

kinds! {
    Adt00 "ADT-00" "ADT" ["A08" | "A23"] "患者基本情報: demographics, contacts, insurance, allergies, body.";
    Adt01 "ADT-01" "ADT" ["A54" | "A55"] "担当医の変更: the attending physician changed.";
    Adt12 "ADT-12" "ADT" ["A04"] "外来診察の受付: an outpatient visit.";
    Adt21 "ADT-21" "ADT" ["A14" | "A27"] "入院予定: an admission is planned.";
    Adt22 "ADT-22" "ADT" ["A01" | "A11"] "入院実施: an admission.";
    Adt31 "ADT-31" "ADT" ["A21" | "A52"] "外出泊実施: leave of absence.";
    Adt32 "ADT-32" "ADT" ["A22" | "A53"] "外出泊帰院実施: return from leave.";
    Adt41 "ADT-41" "ADT" ["A15" | "A26"] "転科・転棟予定: a transfer is planned.";
    Adt42 "ADT-42" "ADT" ["A02" | "A12"] "転科・転棟実施: a transfer.";
    Adt51 "ADT-51" "ADT" ["A16" | "A25"] "退院予定: a discharge is planned.";
    Adt52 "ADT-52" "ADT" ["A03" | "A13"] "退院実施: a discharge.";
    Adt61 "ADT-61" "ADT" ["A60"] "アレルギー情報: allergies, in full.";
    Ppr01 "PPR-01" "PPR" ["ZD1"] "病名（歴）情報: the whole list of diagnoses.";
    Omd "OMD" "OMD" ["O03"] "食事オーダ: a diet.";
    Omp01 "OMP-01" "RDE" ["O11"] "処方オーダ: a prescription.";
    Omp11 "OMP-11" "RAS" ["O17"] "処方実施通知: prescribed medicines were given.";
    Omp02 "OMP-02" "RDE" ["O11"] "注射オーダ: an injection is ordered.";
    Omp12 "OMP-12" "RAS" ["O17"] "注射実施通知: an injection was given.";
    Oml01 "OML-01" "OML" ["O33"] "検体検査オーダ: a laboratory order.";
    Oml11 "OML-11" "OUL" ["R22"] "検体検査結果通知: laboratory results.";
    Omg01 "OMG-01" "OMG" ["O19"] "放射線検査オーダ: a radiology order.";
    Omg11 "OMG-11" "OMI" ["Z23"] "放射線検査の実施通知: a radiology examination was done.";
    Omg02 "OMG-02" "OMG" ["O19"] "内視鏡検査オーダ: an endoscopy order.";
    Omg12 "OMG-12" "OMI" ["Z23"] "内視鏡検査の実施通知: an endoscopy was done.";
    Omg03 "OMG-03" "OMG" ["O19"] "生理検査オーダ: an order for physiological tests.";
    Omg13 "OMG-13" "ORU" ["R01"] "生理検査結果通知: results of physiological tests.";
}

impl Kind {
    /// Whether [`crate::read`] makes resources of this kind. The others are counted and skipped.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(
            self,
            Self::Adt00
                | Self::Adt12
                | Self::Adt22
                | Self::Adt42
                | Self::Adt52
                | Self::Adt61
                | Self::Ppr01
                | Self::Omp01
                | Self::Omp11
                | Self::Omp02
                | Self::Omp12
                | Self::Oml01
                | Self::Oml11
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no data type of standardised storage.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no data type of SS-MIX2 standardised storage")]
pub struct KindError;

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|kind| kind.as_str() == text);
        known.copied().ok_or(KindError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_as_it_is_written() {
        assert_eq!(Kind::ALL.len(), 26);
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("OML-12".parse::<Kind>(), Err(KindError));
        assert_eq!("oml-11".parse::<Kind>(), Err(KindError));
    }
}
