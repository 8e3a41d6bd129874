//! Units as phones write them, and the one that each kind is kept in.

/// What is measured, and so in which unit it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Rate,
    Milliseconds,
    Pressure,
    Percent,
    Temperature,
    Glucose,
    Mass,
    Length,
    MassIndex,
    Steps,
    Hours,
}

impl Measure {
    /// As people read it.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Rate => "回/分",
            Self::Milliseconds => "ms",
            Self::Pressure => "mmHg",
            Self::Percent => "%",
            Self::Temperature => "℃",
            Self::Glucose => "mg/dL",
            Self::Mass => "kg",
            Self::Length => "cm",
            Self::MassIndex => "kg/m2",
            Self::Steps => "歩",
            Self::Hours => "時間",
        }
    }

    /// The UCUM code. Source: UCUM 2.1, facts section 5.
    pub(crate) const fn ucum(self) -> &'static str {
        match self {
            Self::Rate => "/min",
            Self::Milliseconds => "ms",
            Self::Pressure => "mm[Hg]",
            Self::Percent => "%",
            Self::Temperature => "Cel",
            Self::Glucose => "mg/dL",
            Self::Mass => "kg",
            Self::Length => "cm",
            Self::MassIndex => "kg/m2",
            Self::Steps => "{steps}",
            Self::Hours => "h",
        }
    }

    /// A value in the unit that is kept; `None` for a unit that is not known here.
    pub(crate) fn converted(self, value: f64, unit: &str) -> Option<f64> {
        let unit = unit.trim();
        match self {
            Self::Rate => match unit {
                "count/min" | "/min" | "bpm" | "beats/min" | "breaths/min" | "回/分" => {
                    Some(value)
                }
                "count/s" | "/s" => Some(value * 60.0),
                _ => None,
            },
            Self::Milliseconds => match unit {
                "ms" => Some(value),
                "s" => Some(value * 1_000.0),
                _ => None,
            },
            Self::Pressure => match unit {
                "mmHg" | "mm[Hg]" => Some(value),
                "kPa" => Some(value * 7.500_617),
                _ => None,
            },
            // Exports write a fraction under the sign `%`; exporter apps write hundredths.
            Self::Percent if unit == "%" && value <= 1.0 => Some(value * 100.0),
            Self::Percent => (unit == "%").then_some(value),
            Self::Temperature => match unit {
                "degC" | "°C" | "℃" | "Cel" | "C" => Some(value),
                "degF" | "°F" | "℉" | "[degF]" | "F" => Some((value - 32.0) / 1.8),
                "K" => Some(value - 273.15),
                _ => None,
            },
            Self::Glucose if unit == "mg/dL" => Some(value),
            Self::Glucose => molar_mass(unit).map(|grams| value * grams / 10.0),
            Self::Mass => factor(value, unit, &MASSES),
            Self::Length => factor(value, unit, &LENGTHS),
            Self::MassIndex => ["count", "kg/m2", "kg/m^2", "kg/m²", ""]
                .contains(&unit)
                .then_some(value),
            Self::Steps => ["count", "steps", "{steps}", "歩"]
                .contains(&unit)
                .then_some(value),
            Self::Hours => match unit {
                "h" | "hr" | "時間" => Some(value),
                "min" => Some(value / 60.0),
                _ => None,
            },
        }
    }
}

const MASSES: [(&str, f64); 7] = [
    ("kg", 1.0),
    ("g", 0.001),
    ("lb", 0.453_592_37),
    ("lbs", 0.453_592_37),
    ("[lb_av]", 0.453_592_37),
    ("oz", 0.028_349_523_125),
    ("st", 6.350_293_18),
];

const LENGTHS: [(&str, f64); 8] = [
    ("cm", 1.0),
    ("m", 100.0),
    ("mm", 0.1),
    ("in", 2.54),
    ("[in_i]", 2.54),
    ("ft", 30.48),
    ("[ft_i]", 30.48),
    ("yd", 91.44),
];

fn factor(value: f64, unit: &str, known: &[(&str, f64)]) -> Option<f64> {
    let found = known.iter().find(|(name, _)| *name == unit);
    found.map(|(_, factor)| value * factor)
}

/// The grams of a mole of glucose in `mmol<180.1558800000541>/L`; `mmol/L` means the same.
fn molar_mass(unit: &str) -> Option<f64> {
    const GLUCOSE: f64 = 180.156;
    if unit == "mmol/L" {
        return Some(GLUCOSE);
    }
    let grams = unit.strip_prefix("mmol<")?.strip_suffix(">/L")?;
    let grams: f64 = grams.parse().ok()?;
    // Another molecule's is no sugar.
    ((grams - GLUCOSE).abs() < 0.5).then_some(grams)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn units_of_other_countries_are_ours() {
        let of = |measure: Measure, value, unit| {
            (measure.converted(value, unit).unwrap() * 100.0).round() / 100.0
        };
        assert_eq!(of(Measure::Mass, 154.324, "lb"), 70.0);
        assert_eq!(of(Measure::Length, 5.5, "ft"), 167.64);
        assert_eq!(of(Measure::Length, 65.0, "in"), 165.1);
        assert_eq!(of(Measure::Temperature, 98.6, "degF"), 37.0);
        assert_eq!(
            of(Measure::Glucose, 5.5, "mmol<180.1558800000541>/L"),
            99.09
        );
        assert_eq!(of(Measure::Glucose, 5.5, "mmol/L"), 99.09);
        assert_eq!(of(Measure::Percent, 0.96, "%"), 96.0);
        assert_eq!(of(Measure::Percent, 96.0, "%"), 96.0);
        assert_eq!(of(Measure::Pressure, 16.0, "kPa"), 120.01);
    }

    #[test]
    fn an_unknown_unit_is_no_value() {
        for (measure, unit) in [
            (Measure::Mass, "catty"),
            (Measure::Glucose, "mmol<342.3>/L"),
            (Measure::Glucose, "mmol<NaN>/L"),
            (Measure::Rate, "%"),
            (Measure::Pressure, ""),
        ] {
            assert_eq!(measure.converted(1.0, unit), None, "{unit}");
        }
    }
}
