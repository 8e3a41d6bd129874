//! The forms of parameters' values.

/// `code`, `system|code`, `|code` or `system|`.
pub(super) fn is_token(text: &str) -> bool {
    let mut parts = text.split('|');
    let (first, second, more) = (parts.next(), parts.next(), parts.next());
    more.is_none()
        && match (first, second) {
            (Some(code), None) => !code.is_empty(),
            (Some(system), Some(code)) => !(system.is_empty() && code.is_empty()),
            _ => false,
        }
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Which end of a range a date bounds; `None` for a date without prefix, or `eq`.
pub(super) fn bound(value: &str) -> (Option<bool>, &str) {
    let prefix = value.get(..2);
    match prefix {
        Some("ge" | "gt") => (Some(true), value.get(2..).unwrap_or_default()),
        Some("le" | "lt") => (Some(false), value.get(2..).unwrap_or_default()),
        Some("eq") => (None, value.get(2..).unwrap_or_default()),
        _ => (None, value),
    }
}

/// Optional prefix, then `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or that with a time and its offset.
pub(super) fn is_date(value: &str) -> bool {
    let (_, date) = bound(value);
    let (day, time) = match date.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (date, None),
    };
    let mut parts = day.split('-');
    let year = parts
        .next()
        .is_some_and(|year| year.len() == 4 && all_digits(year));
    let two = |part: &str, most: u8| {
        part.len() == 2
            && part
                .parse::<u8>()
                .is_ok_and(|number| (1..=most).contains(&number))
    };
    let month = parts.next();
    let day = parts.next();
    let whole = year
        && parts.next().is_none()
        && month.is_none_or(|month| all_digits(month) && two(month, 12))
        && day.is_none_or(|day| all_digits(day) && two(day, 31));
    whole && time.is_none_or(|time| day.is_some() && is_time(time))
}

/// `hh:mm[:ss[.fff]]` and `Z` or `±hh:mm`.
fn is_time(time: &str) -> bool {
    let (clock, offset) = match time.strip_suffix('Z') {
        Some(clock) => (clock, None),
        None => match time.rfind(['+', '-']) {
            Some(at) => (time.get(..at).unwrap_or_default(), time.get(at + 1..)),
            None => return false,
        },
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let fields: Vec<&str> = clock.split(':').collect();
    let pair = |text: &str| text.len() == 2 && all_digits(text);
    let bounded = fields
        .iter()
        .zip([23_u8, 59, 60])
        .all(|(field, most)| pair(field) && field.parse::<u8>().is_ok_and(|number| number <= most));
    bounded
        && (fields.len() == 3 || fields.len() == 2 && fraction.is_none())
        && fraction.is_none_or(|digits| (1..=9).contains(&digits.len()) && all_digits(digits))
        && offset.is_none_or(|offset| {
            offset
                .split_once(':')
                .is_some_and(|(hours, minutes)| pair(hours) && pair(minutes))
        })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
