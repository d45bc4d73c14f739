//! Freeze windows: a plan may say when nobody is moved. The way back is never closed by one.

use icebridge_model::freeze::FreezeWindow;
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use jiff::Timestamp;

pub(super) fn refuse(plan: &Plan) -> Result<()> {
    match open_at(&plan.settings.freeze, Timestamp::now()) {
        None => Ok(()),
        Some(window) => Err(Error::new(Code::Frozen, format!("no table is cut over {window}"))
            .about(plan.short_hash())
            .with_hint("Move after that. `icebridge cutover back` is not refused, nor is a sync.")),
    }
}

/// The end is the first moment that is free again.
fn open_at(windows: &[FreezeWindow], at: Timestamp) -> Option<&FreezeWindow> {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    windows.iter().find(|window| match (time(&window.from), time(&window.to)) {
        (Some(from), Some(to)) => from <= at && at < to,
        // Plans with others are not made. Whoever wrote it wanted a pause.
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_from_its_first_moment_to_its_last() {
        let window = |from: &str, to: &str| FreezeWindow { from: from.into(), to: to.into(), reason: String::new() };
        let windows = [
            window("2026-12-20T00:00:00Z", "2026-12-21T00:00:00Z"),
            window("2026-12-24T00:00:00+01:00", "2026-12-25T00:00:00Z"),
        ];
        let found = |at: &str| open_at(&windows, at.parse().unwrap()).map(|window| window.from.as_str());
        assert_eq!(found("2026-12-19T23:59:59Z"), None);
        assert_eq!(found("2026-12-20T00:00:00Z"), Some("2026-12-20T00:00:00Z"));
        assert_eq!(found("2026-12-21T00:00:00Z"), None);
        assert_eq!(found("2026-12-23T23:00:00Z"), Some("2026-12-24T00:00:00+01:00"));
        assert!(open_at(&[window("x", "y")], Timestamp::now()).is_some());
    }
}
