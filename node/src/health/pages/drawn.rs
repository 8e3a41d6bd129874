//! Measurements as charts: a small one beside each kind, a large one on its page.

use apple_health::{Kind, Value};
use federation_protocol::time::Timestamp;

use super::name;
use crate::health::shown::{Measured, Series};
use crate::pages::Sheet;
use crate::pages::chart::{
    self, ChartWords, Figure, LineChart, Point, Pressure, Pressures, sparkline,
};

/// The words of charts in the reader's language.
struct Words {
    texts: [String; 13],
}

impl Words {
    fn of(page: &Sheet) -> Self {
        let keys = [
            "vitals-chart-table",
            "vitals-when",
            "vitals-source",
            "vitals-value",
            "vitals-chart-range",
            "vitals-chart-high",
            "vitals-chart-low",
            "vitals-chart-least",
            "vitals-chart-middle",
            "vitals-chart-most",
            "vitals-chart-readings",
            "vitals-chart-upper",
            "vitals-chart-lower",
        ];
        Self {
            texts: keys.map(|key| page.t(key)),
        }
    }

    fn lent(&self) -> ChartWords<'_> {
        let [
            table,
            day,
            source,
            value,
            range,
            high,
            low,
            least,
            middle,
            most,
            readings,
            upper,
            lower,
        ] = &self.texts;
        ChartWords {
            table,
            day,
            source,
            value,
            range,
            high,
            low,
            spread: [least, middle, most, readings],
            item: value,
            span: [day, day],
            pressure: [upper, lower],
        }
    }
}

/// The small chart of a kind, where there are two values or more; of blood pressures the upper ones.
pub(super) fn spark(page: &Sheet, series: &Series) -> Option<String> {
    if series.measured.len() < 2 {
        return None;
    }
    let value = |one: &Measured| match one.value {
        Value::Quantity(value) => value,
        Value::Pressure { systolic, .. } => systolic,
    };
    let values: Vec<f64> = series.measured.iter().rev().map(value).collect();
    let title = page.t1("vitals-spark", "kind", name(page, series.kind));
    Some(sparkline(&values, None, &title))
}

/// The large chart of a kind, where there are two values or more.
pub(super) fn chart_of(page: &Sheet, series: &Series, unit: &str) -> Option<Figure> {
    if series.measured.len() < 2 {
        return None;
    }
    let words = Words::of(page);
    let count = series.measured.len();
    let description = page.t1("vitals-chart-about", "count", count);
    Some(if series.kind == Kind::BloodPressure {
        pressures(page, series, unit, &description).draw_with(&words)
    } else {
        let title = page.t1("vitals-spark", "kind", name(page, series.kind));
        let drawn = lines(page, series);
        LineChart {
            title: &title,
            description: &description,
            unit,
            series: &drawn,
            is_log: false,
        }
        .draw(&words.lent())
    })
}

/// Blood pressures on their way to their chart.
struct Drawn {
    title: String,
    description: String,
    unit: String,
    readings: Vec<Pressure>,
}

impl Drawn {
    fn draw_with(&self, words: &Words) -> Figure {
        Pressures {
            title: &self.title,
            description: &self.description,
            unit: &self.unit,
            readings: &self.readings,
            lines: &[],
        }
        .draw(&words.lent())
    }
}

fn pressures(page: &Sheet, series: &Series, unit: &str, description: &str) -> Drawn {
    let reading = |one: &Measured| match one.value {
        Value::Pressure {
            systolic,
            diastolic,
        } => Some(Pressure {
            at: Timestamp::from_unix_seconds(one.at_seconds),
            systolic,
            diastolic,
            source: one.source.clone(),
        }),
        Value::Quantity(_) => None,
    };
    Drawn {
        title: page.t("vitals-chart-pressure"),
        description: description.to_owned(),
        unit: unit.to_owned(),
        readings: series.measured.iter().filter_map(reading).collect(),
    }
}

/// One line for what the person measured, one for what hospitals here did.
fn lines(page: &Sheet, series: &Series) -> Vec<chart::Series> {
    let point = |one: &Measured| match one.value {
        Value::Quantity(value) => Some(Point {
            at: Timestamp::from_unix_seconds(one.at_seconds),
            value: Some(value),
            outside: None,
        }),
        Value::Pressure { .. } => None,
    };
    let whose = [(true, "vitals-by-self"), (false, "vitals-by-hospital")];
    let line = |(place, (own, key)): (usize, (bool, &str))| {
        let theirs = series.measured.iter().filter(|one| one.is_own == own);
        let points: Vec<Point> = theirs.filter_map(point).collect();
        (!points.is_empty()).then(|| chart::Series {
            name: page.t(key),
            place,
            points,
            range: None,
        })
    };
    whose.into_iter().enumerate().filter_map(line).collect()
}
