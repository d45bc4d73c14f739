//! Which rows of a long list are worth drawing: those in sight and a few more on either side.

use std::ops::Range;

/// Height of a row in CSS pixels; `--row` in the style sheet says the same.
pub const ROW: f64 = 32.0;
const MARGIN: usize = 10;

pub fn visible(scroll_top: f64, height: f64, count: usize) -> Range<usize> {
    let first = (scroll_top.max(0.0) / ROW) as usize;
    let last = ((scroll_top.max(0.0) + height.max(0.0)) / ROW).ceil() as usize;
    let end = last.saturating_add(MARGIN).min(count);
    first.saturating_sub(MARGIN).min(end)..end
}

/// Where to scroll so that a row is wholly in sight; none if it already is. `height` is that of the rows' viewport.
pub fn reveal(row: usize, scroll_top: f64, height: f64) -> Option<f64> {
    let top = row as f64 * ROW;
    if top < scroll_top {
        Some(top)
    } else if top + ROW > scroll_top + height {
        Some((top + ROW - height).max(0.0))
    } else {
        None
    }
}

/// The row a key moves to, from the selected one (or from none).
pub fn step(key: &str, selected: Option<usize>, count: usize, page: usize) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let page = page.max(1);
    let next = match (key, selected) {
        ("ArrowDown", Some(row)) => row + 1,
        ("ArrowDown" | "PageDown" | "Home", None) => 0,
        ("ArrowUp" | "PageUp" | "End", None) => last,
        ("ArrowUp", Some(row)) => row.saturating_sub(1),
        ("PageDown", Some(row)) => row + page,
        ("PageUp", Some(row)) => row.saturating_sub(page),
        ("Home", _) => 0,
        ("End", _) => last,
        _ => return None,
    };
    Some(next.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_in_sight_are_drawn() {
        assert_eq!(visible(0.0, 320.0, 10_000), 0..20);
        assert_eq!(visible(3200.0, 320.0, 10_000), 90..120);
        assert_eq!(visible(1e9, 320.0, 5), 5..5);
        assert_eq!(visible(-20.0, 320.0, 3), 0..3);
        assert_eq!(visible(0.0, 0.0, 0), 0..0);
    }

    #[test]
    fn a_selected_row_is_brought_into_sight() {
        assert_eq!(reveal(0, 64.0, 320.0), Some(0.0));
        assert_eq!(reveal(5, 64.0, 320.0), None);
        assert_eq!(reveal(20, 0.0, 320.0), Some(352.0));
    }

    #[test]
    fn keys_stay_within_the_list() {
        assert_eq!(step("ArrowDown", None, 3, 10), Some(0));
        assert_eq!(step("ArrowDown", Some(2), 3, 10), Some(2));
        assert_eq!(step("PageUp", Some(2), 3, 10), Some(0));
        assert_eq!(step("End", None, 3, 10), Some(2));
        assert_eq!(step("a", Some(1), 3, 10), None);
        assert_eq!(step("ArrowDown", None, 0, 10), None);
    }
}
