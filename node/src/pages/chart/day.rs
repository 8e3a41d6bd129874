//! Moments on an axis, in Japanese time.

use federation_protocol::time::Timestamp;

/// Japan has no summer time.
const JAPAN_SECONDS: i64 = 9 * 3600;
const MINUTES_A_DAY: i64 = 1440;

/// Minutes since 1970 of Japanese time; `None` some thousand years away.
pub(super) fn minutes(at: Timestamp) -> Option<i32> {
    let seconds = at.unix_seconds().checked_add(JAPAN_SECONDS)?;
    let minutes = i32::try_from(seconds.div_euclid(60)).ok()?;
    // Years 1800 to 2300: what lies outside was mistyped, and would crush all else on the axis.
    let plausible = -89_400_000..=173_600_000;
    plausible.contains(&minutes).then_some(minutes)
}

/// Year, month, day of the day that `minutes` lie in.
pub(super) fn civil(minutes: i64) -> (i64, i64, i64) {
    let date = jiff::civil::date(1970, 1, 1);
    let days = jiff::Span::new().try_days(minutes.div_euclid(MINUTES_A_DAY));
    match days.and_then(|days| date.checked_add(days)) {
        Ok(date) => (date.year().into(), date.month().into(), date.day().into()),
        Err(_) => (1970, 1, 1),
    }
}

/// Minutes of a day's beginning.
pub(super) fn of_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let (year, month, day) = (
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    let days = date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
    Some(i64::from(days).saturating_mul(MINUTES_A_DAY))
}

/// `2026/11/18`: the same in both languages.
pub(super) fn date(minutes: i64) -> String {
    let (year, month, day) = civil(minutes);
    format!("{year}/{month:02}/{day:02}")
}

/// The marks of an axis from `first` to `last`, at most `most`: days, months or years.
pub(super) fn ticks(first: i64, last: i64, most: i64) -> Vec<(i64, String)> {
    let days = last.saturating_sub(first).div_euclid(MINUTES_A_DAY).max(1);
    let most = most.max(2);
    if days <= most.saturating_mul(20) {
        return by_days(first, last, days.div_euclid(most).max(1));
    }
    let months = days.div_euclid(30).max(1);
    let step = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
    let step = step
        .into_iter()
        .find(|step| months.div_euclid(*step) < most)
        .unwrap_or(2400);
    by_months(first, last, step)
}

fn by_days(first: i64, last: i64, step: i64) -> Vec<(i64, String)> {
    let begin = first
        .div_euclid(MINUTES_A_DAY)
        .saturating_mul(MINUTES_A_DAY);
    let mut marks = Vec::new();
    let mut at = begin;
    while at <= last && marks.len() < 40 {
        if at >= first {
            let (_, month, day) = civil(at);
            marks.push((at, format!("{month}/{day}")));
        }
        at = at.saturating_add(step.saturating_mul(MINUTES_A_DAY));
    }
    marks
}

fn by_months(first: i64, last: i64, step: i64) -> Vec<(i64, String)> {
    let (year, month, _) = civil(first);
    let mut count = year
        .saturating_mul(12)
        .saturating_add(month.saturating_sub(1));
    count = count.div_euclid(step).saturating_mul(step);
    let mut marks = Vec::new();
    while marks.len() < 40 {
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12).saturating_add(1));
        let Some(at) = of_civil(year, month, 1).filter(|at| *at <= last) else {
            break;
        };
        if at >= first {
            let label = match step % 12 {
                0 => format!("{year}"),
                _ => format!("{year}/{month}"),
            };
            marks.push((at, label));
        }
        count = count.saturating_add(step);
    }
    marks
}
