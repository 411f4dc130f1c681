//! How values look: for people, in few columns, and nothing that a terminal would obey.

/// A stranger's text: no control characters, no direction marks, at most `most` characters.
pub fn clean(text: &str, most: usize) -> String {
    let shown = |character: &char| {
        !character.is_control()
            && !matches!(*character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut kept: String = text.chars().filter(shown).take(most + 1).collect();
    if kept.chars().count() > most {
        kept = kept.chars().take(most.saturating_sub(1)).chain(['…']).collect();
    }
    kept
}

/// A duration as people say it, in two units at most.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The same of milliseconds.
pub fn span_ms(milliseconds: u64) -> String {
    if milliseconds < 1000 { format!("{milliseconds} ms") } else { span(milliseconds / 1000) }
}

/// A number with a unit prefix: `1.23 M`.
pub fn scaled(value: f64) -> String {
    const UNITS: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
    if !value.is_finite() {
        return "-".into();
    }
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value.fract() == 0.0 && unit == 0 { 0 } else { 2 };
    format!("{value:.digits$} {}", UNITS[unit]).trim_end().into()
}

/// A number of bytes: `1.5 GiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

/// A number with thousands apart: `1,234,567`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share of a whole: `12.3 %`.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".into() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

/// Satoshis as coins.
pub fn coins(satoshis: i64) -> String {
    let (sign, value) = if satoshis < 0 { ("-", satoshis.unsigned_abs()) } else { ("", satoshis as u64) };
    format!("{sign}{}.{:08}", value / 100_000_000, value % 100_000_000)
}

/// The end of a hash, which is where hashes with proof of work differ.
pub fn tail(hash: &str) -> String {
    let digits = hash.chars().count();
    if digits <= 12 {
        hash.into()
    } else {
        format!("…{}", hash.chars().skip(digits - 10).collect::<String>())
    }
}

/// Milliseconds since 1970 as `2026-01-31 12:34:56` UTC.
pub fn moment(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = date(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02} {}", clock(unix_ms))
}

/// The time of day in it: `12:34:56` UTC.
pub fn clock(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Year, month and day of a day counted from 1970-01-01, by counting 400-year cycles that begin on a first of March.
fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let cycle = day / 146_097;
    let of_cycle = day % 146_097;
    let year_of_cycle = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (cycle * 400 + year_of_cycle + u64::from(month <= 2), month, day_of_month)
}

/// `1 block`, `2 blocks`.
pub fn count_of(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 12.5, 1_234_567.0, f64::NAN].map(scaled), ["0", "12.50", "1.23 M", "-"]);
        assert_eq!([1, 1536, 5 << 30].map(bytes), ["1 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!([5_000_000_000, -1].map(coins), ["50.00000000", "-0.00000001"]);
        assert_eq!(
            [59, 3600, 7260, 90_000, 200_000].map(span),
            ["59 s", "60 min", "2 h 1 min", "25 h 0 min", "2 d 7 h"]
        );
        assert_eq!((percent(1, 3), percent(1, 0)), ("33.3 %".into(), "-".into()));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let moments = [0, 951_782_400_000, 951_868_799_000, 1_709_164_800_000, 4_107_542_399_000];
        assert_eq!(
            moments.map(moment),
            [
                "1970-01-01 00:00:00",
                "2000-02-29 00:00:00",
                "2000-02-29 23:59:59",
                "2024-02-29 00:00:00",
                "2100-02-28 23:59:59"
            ]
        );
    }

    #[test]
    fn a_strangers_text_moves_no_cursor() {
        assert_eq!(clean("\u{1b}[2Jn\u{202e}ode\r\n7\u{9b}", 20), "[2Jnode7");
        assert_eq!(clean("0123456789", 10), "0123456789");
        assert_eq!(clean("0123456789a", 10), "012345678…");
        assert_eq!(tail(&"ab".repeat(32)), "…ababababab");
    }
}
