//! Freeze windows: a plan may say when nobody is moved. The way back is never closed by one.

use crate::instant;
use icebridge_model::freeze::FreezeWindow;
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use jiff::Timestamp;

/// Asked again before each thing that cannot be taken back unseen: what came before it may have taken hours.
pub(super) fn refuse(plan: &Plan) -> Result<()> {
    let Some((windows, end)) = open_at(&plan.settings.freeze, Timestamp::now()) else { return Ok(()) };
    let told: Vec<String> = windows.iter().map(ToString::to_string).collect();
    let end = match end {
        Some(end) => format!("Move after {end}."),
        None => "Make a plan with other windows.".into(),
    };
    Err(Error::new(Code::Frozen, format!("no table is cut over {}", told.join(", nor ")))
        .with_hint(format!("{end} `icebridge cutover back` is not refused, nor is a sync.")))
}

/// The windows from now on that leave no moment between them, and the first moment that is free again. None: nothing is closed.
fn open_at(windows: &[FreezeWindow], at: Timestamp) -> Option<(Vec<&FreezeWindow>, Option<Timestamp>)> {
    let mut left: Vec<&FreezeWindow> = windows.iter().collect();
    let (mut found, mut end) = (Vec::new(), at);
    while let Some(place) = left.iter().position(|window| is_open(window, at) || is_open(window, end)) {
        let window = left.remove(place);
        found.push(window);
        match time(&window.to) {
            Some(to) if to < Timestamp::MAX => end = end.max(to),
            _ => return Some((found, None)),
        }
    }
    (!found.is_empty()).then_some((found, Some(end)))
}

/// The end is the first moment that is free again.
fn is_open(window: &FreezeWindow, at: Timestamp) -> bool {
    match (time(&window.from), time(&window.to)) {
        (Some(from), Some(to)) => from <= at && at < to,
        // Plans with others are not made. Whoever wrote it wanted a pause.
        _ => true,
    }
}

/// Plans of earlier versions may have other forms.
fn time(text: &str) -> Option<Timestamp> {
    instant::parse(text).or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> FreezeWindow {
        FreezeWindow { from: from.into(), to: to.into(), reason: String::new() }
    }

    #[test]
    fn a_window_is_open_from_its_first_moment_to_its_last() {
        let windows = [
            window("2026-12-20T00:00:00Z", "2026-12-21T00:00:00Z"),
            window("2026-12-24T00:00:00+01:00", "2026-12-25T00:00:00Z"),
        ];
        let found = |at: &str| open_at(&windows, at.parse().unwrap()).map(|(open, _)| open[0].from.as_str());
        assert_eq!(found("2026-12-19T23:59:59Z"), None);
        assert_eq!(found("2026-12-20T00:00:00Z"), Some("2026-12-20T00:00:00Z"));
        assert_eq!(found("2026-12-21T00:00:00Z"), None);
        assert_eq!(found("2026-12-23T23:00:00Z"), Some("2026-12-24T00:00:00+01:00"));
        assert!(open_at(&[window("x", "y")], Timestamp::now()).is_some());
        assert!(open_at(&[window("20201220T000000Z", "2020-12-21T00:00:00+01")], Timestamp::now()).is_none());
    }

    #[test]
    fn windows_that_meet_are_told_with_the_end_of_the_last_one() {
        let windows = [
            window("2026-12-21T00:00:00Z", "2026-12-23T00:00:00Z"),
            window("2026-12-20T00:00:00Z", "2026-12-21T00:00:00Z"),
            window("2026-12-20T00:00:00Z", "2026-12-20T06:00:00Z"),
            window("2027-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ];
        let found = |at: &str| open_at(&windows, at.parse().unwrap()).map(|(open, end)| (open.len(), end));
        let end = "2026-12-23T00:00:00Z".parse().unwrap();
        assert_eq!(found("2026-12-20T01:00:00Z"), Some((3, Some(end))));
        assert_eq!(found("2026-12-23T00:00:00Z"), None);
        assert_eq!(found("2027-02-01T00:00:00Z"), Some((1, None)), "no moment after it can be counted");
    }
}
