//! Numbers and times as people read them: the one format of the CLI, the window and the documents.

/// `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 table`, `12,345 tables`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

pub fn tables(number: usize) -> String {
    counted(number as u64, "table", "tables")
}

/// Without what a terminal or a page would not show as a letter: control characters, and the marks that turn the direction of
/// writing around, by which a name can look like another one.
pub fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect()
}

/// Decimal units, as disks and object stores bill them: `1.2 GB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = number as f64;
    let mut unit = 0;
    // 999.5 would round to "1000", so it belongs to the next unit already.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn seconds(number: u64) -> String {
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {big_unit}") } else { format!("{big} {big_unit} {small} {small_unit}") }
    };
    match number {
        0..60 => format!("{number} s"),
        60..3600 => two(number / 60, "min", number % 60, "s"),
        3600..86_400 => two(number / 3600, "h", number % 3600 / 60, "min"),
        _ => two(number / 86_400, "d", number % 86_400 / 3600, "h"),
    }
}

pub fn milliseconds(number: u64) -> String {
    match number {
        0..1000 => format!("{number} ms"),
        1000..10_000 => format!("{:.1} s", number as f64 / 1000.0),
        _ => seconds(number / 1000),
    }
}

/// A share in whole per cent that says 100 only when nothing is left.
pub fn per_cent(done: u64, total: u64) -> u64 {
    if total == 0 { 0 } else { (u128::from(done.min(total)) * 100 / u128::from(total)) as u64 }
}

/// RFC 3339 in UTC as `2026-01-31 23:59 UTC`; anything else stays as it is.
pub fn moment(rfc3339: &str) -> String {
    match (rfc3339.get(..10), rfc3339.get(10..11), rfc3339.get(11..16)) {
        (Some(date), Some("T"), Some(time)) => format!("{date} {time} UTC"),
        _ => rfc3339.to_string(),
    }
}

/// RFC 3339 in UTC as `2026-01-31 23:59:10`, for lines that are compared with a log; anything else stays as it is.
pub fn moment_with_seconds(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " ")
}

/// Two moments as `2026-01-31 22:10 to 23:59 UTC`, the day twice only if there are two.
pub fn span(from: &str, to: &str) -> String {
    let (from, to) = (moment(from), moment(to));
    match (from.strip_suffix(" UTC"), from.get(..11).and_then(|day| to.strip_prefix(day))) {
        (Some(from), Some(time)) => format!("{from} to {time}"),
        _ => format!("{from} to {to}"),
    }
}

/// Milliseconds since 1970 as [`moment`] writes it.
pub fn epoch_ms(ms: i64) -> String {
    let minutes = ms.div_euclid(60_000);
    let days = minutes.div_euclid(1440);
    let of_day = minutes.rem_euclid(1440);
    // Days to a civil date, counted from 1 March of year 0 so that the leap day comes last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 60, of_day % 60)
}

/// The first twelve digits of a hash: enough to compare by eye, the whole is a hover away.
pub fn short_hash(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_taken_out() {
        assert_eq!(visible("größe 表\t\u{1b}[31m \u{202e}gpj.x"), "größe 表  [31m  gpj.x");
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "row", "rows"), "1 row");
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (99_960_000, "100 MB"),
            (999_600_000, "1.0 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn times_read_as_people_write_them() {
        for (number, text) in [(0, "0 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(seconds(number), text);
        }
        for (number, text) in [(34, "34 ms"), (1250, "1.2 s"), (61_000, "1 min 1 s")] {
            assert_eq!(milliseconds(number), text);
        }
        assert_eq!(moment("2026-01-31T23:59:10.5Z"), "2026-01-31 23:59 UTC");
        assert_eq!(moment("yesterday"), "yesterday");
        assert_eq!(span("2026-01-31T22:10:10Z", "2026-01-31T23:59:10Z"), "2026-01-31 22:10 to 23:59 UTC");
        assert_eq!(
            span("2026-01-31T22:10:10Z", "2026-02-01T00:01:10Z"),
            "2026-01-31 22:10 UTC to 2026-02-01 00:01 UTC"
        );
        assert_eq!(moment_with_seconds("2026-01-02T03:04:05.678Z"), "2026-01-02 03:04:05");
        assert_eq!(moment_with_seconds("odd"), "odd");
        assert_eq!(epoch_ms(0), "1970-01-01 00:00 UTC");
        assert_eq!(epoch_ms(1_709_164_800_000), "2024-02-29 00:00 UTC");
        assert_eq!(epoch_ms(-60_000), "1969-12-31 23:59 UTC");
    }

    #[test]
    fn a_hundred_per_cent_means_done() {
        assert_eq!(per_cent(999, 1000), 99);
        assert_eq!(per_cent(1000, 1000), 100);
        assert_eq!(per_cent(0, 0), 0);
    }
}
