//! Numbers, sizes, times and errors as people read them.

use icebridge_model::Error;

/// `error: …`, its causes, `hint: …`, `code: …`.
pub fn error(error: &Error) -> String {
    let mut text = format!("error: {}", error.message);
    if let Some(object) = &error.object {
        text.push_str(&format!(" ({object})"));
    }
    for cause in &error.causes {
        text.push_str(&format!("\n  caused by: {cause}"));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text.push_str(&format!("\ncode: {}", error.code));
    text
}

/// `1,234,567`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three digits and a unit: `12.3 MB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match value {
        _ if unit == 0 => format!("{n} B"),
        v if v < 9.995 => format!("{v:.2} {}", UNITS[unit]),
        v if v < 99.95 => format!("{v:.1} {}", UNITS[unit]),
        v => format!("{v:.0} {}", UNITS[unit]),
    }
}

/// `8 s`, `2 min 5 s`, `3 h 20 min`.
pub fn seconds(n: u64) -> String {
    match n {
        0..60 => format!("{n} s"),
        60..3600 => format!("{} min {} s", n / 60, n % 60),
        _ => format!("{} h {} min", n / 3600, n / 60 % 60),
    }
}

pub fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", number(n as u64)) }
}

/// RFC 3339 without what nobody reads.
pub fn moment(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::Code;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1000, 12_345, 999_499, 999_600, 5_000_000_000].map(bytes),
            ["0 B", "999 B", "1.00 kB", "12.3 kB", "999 kB", "1.00 MB", "5.00 GB"]
        );
        assert_eq!([5, 125, 12_000].map(seconds), ["5 s", "2 min 5 s", "3 h 20 min"]);
        assert_eq!(moment("2026-01-02T03:04:05.678Z"), "2026-01-02 03:04:05");
        assert_eq!(moment("odd"), "odd");
    }

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let full = Error::new(Code::FileMissing, "a data file is missing")
            .about("a.b")
            .with_cause_text("no such file")
            .with_hint("Restore it.");
        let text = super::error(&full);
        assert_eq!(
            text,
            "error: a data file is missing (a.b)\n  caused by: no such file\nhint: Restore it.\ncode: file-missing"
        );
    }
}
