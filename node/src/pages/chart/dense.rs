//! Many readings in few pixels: least, median and most of each stretch.

/// One stretch of time that had readings.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Bin {
    /// The middle of it, minutes.
    pub(super) at: i32,
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
    /// How many readings.
    pub(super) count: usize,
}

/// Gathers readings (minutes and value, each drawable) into at most `bins` stretches of the same length.
pub(super) fn binned(readings: &[(i32, f64)], bins: u16) -> Vec<Bin> {
    let times = readings.iter().map(|(at, _)| i64::from(*at));
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
        return Vec::new();
    };
    let bins = i64::from(bins.max(1));
    let width = last
        .saturating_sub(first)
        .div_euclid(bins)
        .saturating_add(1);
    let mut sorted: Vec<(i64, f64)> = readings
        .iter()
        .map(|(at, value)| {
            (
                i64::from(*at).saturating_sub(first).div_euclid(width),
                *value,
            )
        })
        .collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    sorted
        .chunk_by(|one, other| one.0 == other.0)
        .filter_map(|chunk| {
            let (place, least) = chunk.first().copied()?;
            let middle = place
                .saturating_mul(width)
                .saturating_add(width.div_euclid(2));
            Some(Bin {
                at: i32::try_from(first.saturating_add(middle)).ok()?,
                least,
                median: median(chunk)?,
                most: chunk.last()?.1,
                count: chunk.len(),
            })
        })
        .collect()
}

/// The median of values that are sorted.
fn median(sorted: &[(i64, f64)]) -> Option<f64> {
    let half = sorted.len().div_euclid(2);
    let upper = sorted.get(half)?.1;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted.get(half.checked_sub(1)?)?.1;
    Some((lower + upper) / 2.0)
}
