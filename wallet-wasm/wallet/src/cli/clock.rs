//! Dates, in UTC.

use super::failure::Failure;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `2026-01-31 12:34`.
pub fn shown(time: u64) -> String {
    let (year, month, day) = civil(time / DAY);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", time % DAY / 3600, time % 3600 / 60)
}

/// The seconds of a date as `2026-01-31`.
pub fn parse_date(text: &str) -> Result<u64, Failure> {
    let bad = || Failure::usage(format!("'{text}' is not a date like 2026-01-31"));
    let parts: Vec<u64> = text.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
    let [year @ 1970..=9999, month @ 1..=12, day @ 1..=31] = parts[..] else { return Err(bad()) };
    // The calendar of one year is searched: simpler than the inverse, and no less sure.
    let start = (year - 1970) * 365;
    let found = (start..start + 2500).find(|days| civil(*days) == (year, month, day));
    found.map(|days| days * DAY).ok_or_else(bad)
}

/// The date of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u64::from(leap(year)) {
        rest -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        for (time, text) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_767_139_200, "2025-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(parse_date(text), Ok(time), "{text}");
            assert_eq!(shown(time + 3660), format!("{text} 01:01"));
        }
        for bad in ["", "2025", "2025-02-29", "2025-13-01", "1969-12-31", "x-y-z", "2025-1-1-1"] {
            assert!(parse_date(bad).is_err(), "{bad}");
        }
    }
}
