//! From values to pixels.

use super::{is_drawable, svg};

/// One axis: where its ends stand.
#[derive(Copy, Clone, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    is_log: bool,
}

impl Scale {
    /// `low` at the pixel `from`, `high` at `to`. A scale of one value has a little room around it.
    pub(super) fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let (low, high) = (low.min(high), high.max(low));
        let (low, high) = match high - low > low.abs().max(high.abs()).max(1e-9) * 1e-9 {
            true => (low, high),
            false => (
                low - low.abs().max(1.0) * 0.1,
                high + high.abs().max(1.0) * 0.1,
            ),
        };
        Self {
            low,
            high,
            from,
            to,
            is_log: false,
        }
    }

    /// Around all of `values`, with a margin; logarithmic where that is wanted and each is positive.
    pub(super) fn around(values: &[f64], from: f64, to: f64, wants_log: bool) -> Self {
        let mut drawable = values.iter().copied().filter(|value| is_drawable(*value));
        let first = drawable.next().unwrap_or(0.0);
        let (low, high) = drawable.fold((first, first), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if wants_log && low > 0.0 {
            let mut scale = Self::new(low.log10() - 0.05, high.log10() + 0.05, from, to);
            scale.is_log = true;
            return scale;
        }
        let margin = (high - low) * 0.08;
        let floor = if low >= 0.0 { 0.0 } else { f64::MIN };
        Self::new((low - margin).max(floor), high + margin, from, to)
    }

    /// The pixel of a value, never far outside of the axis.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = match self.is_log {
            true if value > 0.0 => value.log10(),
            true => self.low,
            false => value,
        };
        let part = ((value - self.low) / (self.high - self.low)).clamp(-0.5, 1.5);
        self.from + part * (self.to - self.from)
    }

    /// Round values along the axis, about `wanted` of them.
    pub(super) fn ticks(&self, wanted: f64) -> Vec<(f64, String)> {
        if self.is_log {
            return self.powers();
        }
        let step = round_step((self.high - self.low) / wanted.max(1.0));
        let mut marks = Vec::new();
        let mut value = (self.low / step).ceil() * step;
        while value <= self.high && marks.len() < 24 {
            let shown = (value / step).round() * step;
            marks.push((shown, label(shown, step)));
            value += step;
        }
        marks
    }

    fn powers(&self) -> Vec<(f64, String)> {
        let mut marks = Vec::new();
        let mut power = 1e-12;
        while power < 1e13 && marks.len() < 24 {
            for times in [1.0, 2.0, 5.0] {
                let value: f64 = power * times;
                if (self.low..=self.high).contains(&value.log10()) {
                    marks.push((value, svg::number(value)));
                }
            }
            power *= 10.0;
        }
        marks
    }
}

/// 1, 2 or 5 times a power of ten, not below `rough`.
fn round_step(rough: f64) -> f64 {
    let rough = if rough.is_finite() && rough > 1e-9 {
        rough
    } else {
        1.0
    };
    let mut power = 1e-9;
    while power * 10.0 <= rough && power < 1e14 {
        power *= 10.0;
    }
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power * 10.0)
}

fn label(value: f64, step: f64) -> String {
    let mut decimals = 0_usize;
    let mut step = step;
    while step < 0.999 && decimals < 9 {
        step *= 10.0;
        decimals = decimals.saturating_add(1);
    }
    let text = format!("{value:.decimals$}");
    let is_zero = text.trim_start_matches(['-', '0', '.']).is_empty();
    if is_zero { "0".to_owned() } else { text }
}
