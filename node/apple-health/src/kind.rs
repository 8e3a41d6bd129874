//! What is taken of a phone, and what each kind is in Apple's, LOINC's and JP Core's words.

use std::fmt;
use std::str::FromStr;

use crate::unit::Measure;

/// A kind of measurement that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// 血圧: both pressures of one measurement.
    BloodPressure,
    /// 脈拍.
    HeartRate,
    /// 安静時心拍数.
    RestingHeartRate,
    /// 心拍変動, the standard deviation between normal beats.
    HeartRateVariability,
    /// 酸素飽和度 by pulse oximetry.
    OxygenSaturation,
    /// 体温.
    BodyTemperature,
    /// 呼吸数.
    RespiratoryRate,
    /// 血糖 by a meter or a sensor at home; no laboratory's.
    BloodGlucose,
    /// 体重.
    BodyMass,
    /// 身長.
    Height,
    /// BMI.
    BodyMassIndex,
    /// 体脂肪率.
    BodyFat,
    /// 腹囲.
    WaistCircumference,
    /// 歩数 of one day.
    Steps,
    /// 睡眠: one period, with the time asleep in it.
    Sleep,
}

/// The text names no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of measurement")]
pub struct KindError;

/// Bounds of a value, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Range {
    /// Whether a value lies in it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        (self.least..=self.most).contains(&value)
    }
}

/// One row of the table: everything that is said of a kind.
pub(crate) struct Row {
    pub(crate) word: &'static str,
    /// Apple's identifier, without its prefix.
    pub(crate) apple: &'static str,
    /// What exporter apps call it.
    pub(crate) exporter: &'static [&'static str],
    pub(crate) loinc: &'static [(&'static str, &'static str)],
    /// A code of the JP Core body measurements or of the MEDIS nursing observations.
    pub(crate) japanese: Option<(&'static str, &'static str)>,
    pub(crate) text: &'static str,
    pub(crate) measure: Measure,
    /// Digits after the point that are kept.
    pub(crate) decimals: u8,
    /// What a living body can show; beyond it a device or a hand erred.
    pub(crate) possible: Range,
    /// What is worth asking "really?" about when a hand enters it.
    pub(crate) usual: Range,
}

const fn range(least: f64, most: f64) -> Range {
    Range { least, most }
}

impl Kind {
    /// Every kind, in the order of the page.
    pub const ALL: [Self; 15] = [
        Self::BloodPressure,
        Self::HeartRate,
        Self::BodyMass,
        Self::BloodGlucose,
        Self::OxygenSaturation,
        Self::BodyTemperature,
        Self::Steps,
        Self::Sleep,
        Self::RestingHeartRate,
        Self::HeartRateVariability,
        Self::RespiratoryRate,
        Self::Height,
        Self::BodyMassIndex,
        Self::BodyFat,
        Self::WaistCircumference,
    ];

    /// The kind of Apple's identifier. Pressures and sleep have readers of their own.
    pub(crate) fn of_apple(identifier: &str) -> Option<Self> {
        let bare = identifier.strip_prefix("HKQuantityTypeIdentifier")?;
        let mut known = Self::ALL.into_iter();
        known.find(|kind| kind.row().apple == bare)
    }

    /// The kind of an exporter app's name, however it writes it.
    pub(crate) fn of_exporter(name: &str) -> Option<Self> {
        if let Some(kind) = Self::of_apple(name) {
            return Some(kind);
        }
        let plain: String = name
            .chars()
            .filter(|sign| sign.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let mut known = Self::ALL.into_iter();
        known.find(|kind| {
            let row = kind.row();
            row.exporter.contains(&plain.as_str()) || row.apple.eq_ignore_ascii_case(&plain)
        })
    }

    /// The word in forms, tables and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().word
    }

    /// The LOINC code that the kind is searched by.
    #[must_use]
    pub fn loinc(self) -> &'static str {
        self.row().loinc.first().map_or("", |(code, _)| code)
    }

    /// Whether a LOINC code means this kind.
    pub(crate) fn has_loinc(self, code: &str) -> bool {
        self.row().loinc.iter().any(|(known, _)| *known == code)
    }

    /// The unit as people read it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        self.row().measure.unit()
    }

    /// How many digits after the point a value has.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.row().decimals
    }

    /// What a living body can show. Of a pressure: the upper one.
    #[must_use]
    pub const fn possible(self) -> Range {
        self.row().possible
    }

    /// Outside of it a hand that enters a value is asked whether it is so. Of a pressure: the upper
    /// one.
    #[must_use]
    pub const fn usual(self) -> Range {
        self.row().usual
    }

    /// The bounds of the lower pressure: possible, usual.
    #[must_use]
    pub const fn diastolic() -> (Range, Range) {
        (range(10.0, 250.0), range(35.0, 130.0))
    }

    pub(crate) const fn row(self) -> &'static Row {
        match self {
            Self::BloodPressure => &BLOOD_PRESSURE,
            Self::HeartRate => &HEART_RATE,
            Self::RestingHeartRate => &RESTING_HEART_RATE,
            Self::HeartRateVariability => &HEART_RATE_VARIABILITY,
            Self::OxygenSaturation => &OXYGEN_SATURATION,
            Self::BodyTemperature => &BODY_TEMPERATURE,
            Self::RespiratoryRate => &RESPIRATORY_RATE,
            Self::BloodGlucose => &BLOOD_GLUCOSE,
            Self::BodyMass => &BODY_MASS,
            Self::Height => &HEIGHT,
            Self::BodyMassIndex => &BODY_MASS_INDEX,
            Self::BodyFat => &BODY_FAT,
            Self::WaistCircumference => &WAIST,
            Self::Steps => &STEPS,
            Self::Sleep => &SLEEP,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut known = Self::ALL.into_iter();
        known.find(|kind| kind.as_str() == text).ok_or(KindError)
    }
}

const BLOOD_PRESSURE: Row = Row {
    word: "blood-pressure",
    apple: "BloodPressure",
    exporter: &["bloodpressure"],
    loinc: &[("85354-9", "Blood pressure panel with all children optional")],
    japanese: None,
    text: "血圧",
    measure: Measure::Pressure,
    decimals: 0,
    possible: range(30.0, 350.0),
    usual: range(70.0, 220.0),
};

const HEART_RATE: Row = Row {
    word: "heart-rate",
    apple: "HeartRate",
    exporter: &["heartrate", "pulse"],
    loinc: &[("8867-4", "Heart rate")],
    japanese: None,
    text: "心拍数",
    measure: Measure::Rate,
    decimals: 0,
    possible: range(10.0, 350.0),
    usual: range(35.0, 200.0),
};

const RESTING_HEART_RATE: Row = Row {
    word: "resting-heart-rate",
    apple: "RestingHeartRate",
    exporter: &["restingheartrate"],
    loinc: &[("40443-4", "Heart rate --resting")],
    japanese: None,
    text: "安静時心拍数",
    measure: Measure::Rate,
    decimals: 0,
    possible: range(10.0, 250.0),
    usual: range(35.0, 120.0),
};

const HEART_RATE_VARIABILITY: Row = Row {
    word: "heart-rate-variability",
    apple: "HeartRateVariabilitySDNN",
    exporter: &["heartratevariability", "hrv"],
    loinc: &[(
        "80404-7",
        "R-R interval.standard deviation (Heart rate variability)",
    )],
    japanese: None,
    text: "心拍変動(SDNN)",
    measure: Measure::Milliseconds,
    decimals: 1,
    possible: range(0.1, 1_000.0),
    usual: range(1.0, 400.0),
};

const OXYGEN_SATURATION: Row = Row {
    word: "oxygen-saturation",
    apple: "OxygenSaturation",
    exporter: &["oxygensaturation", "bloodoxygensaturation", "spo2"],
    loinc: &[
        (
            "59408-5",
            "Oxygen saturation in Arterial blood by Pulse oximetry",
        ),
        ("2708-6", "Oxygen saturation in Arterial blood"),
    ],
    japanese: None,
    text: "酸素飽和度(SpO2)",
    measure: Measure::Percent,
    decimals: 1,
    possible: range(20.0, 100.0),
    usual: range(70.0, 100.0),
};

const BODY_TEMPERATURE: Row = Row {
    word: "body-temperature",
    apple: "BodyTemperature",
    exporter: &["bodytemperature"],
    loinc: &[("8310-5", "Body temperature")],
    japanese: None,
    text: "体温",
    measure: Measure::Temperature,
    decimals: 2,
    possible: range(20.0, 46.0),
    usual: range(34.0, 42.0),
};

const RESPIRATORY_RATE: Row = Row {
    word: "respiratory-rate",
    apple: "RespiratoryRate",
    exporter: &["respiratoryrate"],
    loinc: &[("9279-1", "Respiratory rate")],
    japanese: Some(("31001369", "呼吸数")),
    text: "呼吸数",
    measure: Measure::Rate,
    decimals: 1,
    possible: range(1.0, 120.0),
    usual: range(6.0, 60.0),
};

const BLOOD_GLUCOSE: Row = Row {
    word: "blood-glucose",
    apple: "BloodGlucose",
    exporter: &["bloodglucose", "glucose"],
    loinc: &[(
        "41653-7",
        "Glucose [Mass/volume] in Capillary blood by Glucometer",
    )],
    japanese: None,
    text: "血糖(自己測定)",
    measure: Measure::Glucose,
    decimals: 1,
    possible: range(5.0, 2_000.0),
    usual: range(40.0, 600.0),
};

const BODY_MASS: Row = Row {
    word: "body-mass",
    apple: "BodyMass",
    exporter: &["bodymass", "weightbodymass", "weight"],
    loinc: &[("29463-7", "Body weight")],
    japanese: Some(("31000296", "体重")),
    text: "体重",
    measure: Measure::Mass,
    decimals: 2,
    possible: range(0.2, 650.0),
    usual: range(2.0, 200.0),
};

const HEIGHT: Row = Row {
    word: "height",
    apple: "Height",
    exporter: &["height", "bodyheight"],
    loinc: &[("8302-2", "Body height")],
    japanese: Some(("31000298", "身長")),
    text: "身長",
    measure: Measure::Length,
    decimals: 1,
    possible: range(15.0, 280.0),
    usual: range(40.0, 220.0),
};

const BODY_MASS_INDEX: Row = Row {
    word: "body-mass-index",
    apple: "BodyMassIndex",
    exporter: &["bodymassindex", "bmi"],
    loinc: &[("39156-5", "Body mass index (BMI) [Ratio]")],
    japanese: Some(("31003020", "ＢＭＩ")),
    text: "BMI",
    measure: Measure::MassIndex,
    decimals: 1,
    possible: range(3.0, 250.0),
    usual: range(12.0, 60.0),
};

const BODY_FAT: Row = Row {
    word: "body-fat",
    apple: "BodyFatPercentage",
    exporter: &["bodyfatpercentage", "bodyfat"],
    loinc: &[("41982-0", "Percentage of body fat Measured")],
    japanese: Some(("31001697", "体脂肪率")),
    text: "体脂肪率",
    measure: Measure::Percent,
    decimals: 1,
    possible: range(1.1, 90.0),
    usual: range(3.0, 65.0),
};

const WAIST: Row = Row {
    word: "waist-circumference",
    apple: "WaistCircumference",
    exporter: &["waistcircumference"],
    loinc: &[("8280-0", "Waist Circumference at umbilicus by Tape measure")],
    japanese: Some(("31000301", "腹囲")),
    text: "腹囲",
    measure: Measure::Length,
    decimals: 1,
    possible: range(10.0, 400.0),
    usual: range(40.0, 180.0),
};

const STEPS: Row = Row {
    word: "steps",
    apple: "StepCount",
    exporter: &["stepcount", "steps"],
    loinc: &[
        ("41950-7", "Number of steps in 24 hour Measured"),
        ("55423-8", "Number of steps in unspecified time Pedometer"),
    ],
    japanese: None,
    text: "歩数(1日)",
    measure: Measure::Steps,
    decimals: 0,
    possible: range(0.0, 300_000.0),
    usual: range(0.0, 80_000.0),
};

const SLEEP: Row = Row {
    word: "sleep",
    apple: "SleepAnalysis",
    exporter: &["sleepanalysis", "sleep"],
    loinc: &[("93832-4", "Sleep duration")],
    japanese: None,
    text: "睡眠時間",
    measure: Measure::Hours,
    decimals: 2,
    possible: range(0.0, 48.0),
    usual: range(1.0, 16.0),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_and_read_back_by_its_word() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            for name in kind.row().exporter {
                assert_eq!(Kind::of_exporter(name), Some(kind));
            }
            let (possible, usual) = (kind.possible(), kind.usual());
            assert!(possible.least <= usual.least && usual.most <= possible.most);
        }
    }

    #[test]
    fn no_kind_has_the_code_of_another() {
        // A map that others use once had the pulse's code on the lower pressure.
        let mut codes: Vec<_> = Kind::ALL
            .iter()
            .flat_map(|kind| kind.row().loinc)
            .map(|(code, _)| *code)
            .chain(["8480-6", "8462-4"])
            .collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
