//! What a plan may say of times in which nothing is cut over.

use super::approvers::is_line;
use crate::instant;
use icebridge_model::freeze::FreezeWindow;
use icebridge_model::{Error, Result};
use jiff::Timestamp;

/// A year has some.
const MOST: usize = 200;

pub fn check(windows: &[FreezeWindow]) -> Result<()> {
    if windows.len() > MOST {
        return Err(Error::invalid(format!("there are more than {MOST} freeze windows")));
    }
    for window in windows {
        let wrong = |what: &str| {
            Err(Error::invalid(what)
                .about(format!("{}/{}", window.from, window.to))
                .with_hint("Write it like 2026-12-20T00:00:00Z/2027-01-05T00:00:00Z='year-end closing'."))
        };
        match (instant::parse(&window.from), instant::parse(&window.to)) {
            (Some(from), Some(to)) if from < to => {}
            // Later than can be counted: it never comes.
            (Some(from), Some(to)) if from == to && to == Timestamp::MAX => {}
            (Some(_), Some(_)) => return wrong("a freeze window does not end after it begins"),
            _ => return wrong("a freeze window's times are not written as RFC 3339 has them"),
        }
        if !is_line(&window.reason) {
            return wrong("the reason of a freeze window is too long, or has a control character");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_time_in_the_right_order() {
        let of = |from: &str, to: &str| {
            let window = FreezeWindow { from: from.into(), to: to.into(), reason: String::new() };
            check(&[window]).is_ok()
        };
        assert!(of("2026-12-20T00:00:00Z", "2027-01-05T00:00:00+01:00"));
        assert!(of("2026-12-20T00:00:00Z", "9999-12-31T23:59:59Z"));
        for (from, to) in [
            ("2027-01-05T00:00:00Z", "2026-12-20T00:00:00Z"),
            ("2026-12-20T00:00:00Z", "2026-12-20T00:00:00Z"),
            ("2026-12-20", "2027-01-05"),
            ("", "2027-01-05T00:00:00Z"),
        ] {
            assert!(!of(from, to), "{from} {to}");
        }
        let reason = FreezeWindow {
            from: "2026-12-20T00:00:00Z".into(),
            to: "2026-12-21T00:00:00Z".into(),
            reason: "a\u{7}b".into(),
        };
        assert!(check(&[reason]).is_err());
    }
}
