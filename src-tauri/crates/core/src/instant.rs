//! A time as RFC 3339 writes it, section 5.6: with a date, a time and an offset, and nothing else.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

/// Times beyond those that can be counted are the first or the last one: `9999-12-31T23:59:59Z` is what people write for "for ever".
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (civil, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = |(found, shape): (u8, &u8)| match shape {
        b'0' => found.is_ascii_digit(),
        b'T' => matches!(found, b'T' | b't'),
        other => found == *other,
    };
    if !civil.bytes().zip(SHAPE).all(fits) {
        return None;
    }
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if rest.starts_with('.') && digits == 0 {
        return None;
    }
    let (fraction, zone) = rest.split_at_checked(if digits > 0 { 1 + digits } else { 0 })?;
    // Nine digits are all that is told apart.
    let fraction = fraction.get(..10).unwrap_or(fraction);
    let civil: DateTime = format!("{civil}{fraction}").to_uppercase().parse().ok()?;
    let at = match jiff::tz::Offset::UTC.to_timestamp(civil) {
        Ok(at) => at,
        Err(_) if civil.year() > 0 => Timestamp::MAX,
        Err(_) => Timestamp::MIN,
    };
    let ahead = offset(zone)?;
    Some(at.checked_sub(ahead).unwrap_or(if ahead.is_negative() { Timestamp::MAX } else { Timestamp::MIN }))
}

fn offset(zone: &str) -> Option<SignedDuration> {
    let (sign, hours, minutes) = match zone.as_bytes() {
        [b'Z' | b'z'] => return Some(SignedDuration::ZERO),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (sign, [h1, h2], [m1, m2]),
        _ => return None,
    };
    let number = |[tens, ones]: [&u8; 2]| {
        let digit = |c: &u8| c.is_ascii_digit().then(|| i64::from(c - b'0'));
        Some(digit(tens)? * 10 + digit(ones)?)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = (hours * 60 + minutes) * 60;
    (hours < 24 && minutes < 60).then(|| SignedDuration::from_secs(if *sign == b'-' { -seconds } else { seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rfc_3339_allows_is_a_time() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t01:00:00.999999999999+01:00", 0),
            ("1969-12-31T23:00:30-01:00", 30),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
        ] {
            assert_eq!(parse(text).map(|at| at.as_second()), Some(seconds), "{text}");
        }
        assert_eq!(parse("9999-12-31T23:59:59Z"), Some(Timestamp::MAX));
        assert_eq!(parse("9999-12-30T23:59:59-23:00"), Some(Timestamp::MAX));
        assert!(parse("0000-01-01T00:00:00+23:59").is_some());
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "2026-12-20",
            "2026-12-20T00:00:00",
            "20261220T000000Z",
            "2026-12-20T00:00:00+25:00",
            "2026-12-20T00:00:00+01",
            "2026-12-20T00:00:00+01:60",
            "2026-12-20T00:00:00Z[UTC]",
            "2026-12-20T00:00:00.Z",
            "2026-12-20 00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-12-20T24:00:00Z",
            "2026-12-20T00:00:00é",
            "२०२६-12-20T00:00:00Z",
            " 2026-12-20T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
