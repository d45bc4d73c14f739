//! The part of a view that is in sight: pages of a list that may be far too long to hold.

use icebridge_model::view::{ViewPage, ViewRequest, ViewRow};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

/// Rows asked for at once: what fits a large screen, and those ahead, so that one answer draws the whole of it.
pub const PAGE: usize = 100;
/// Pages kept: those nearest to what is in sight.
const KEPT: usize = 10;
/// Rows beyond those in sight that are asked for with them.
const AHEAD: usize = 20;

#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The number of the question that was answered last; none before the first answer.
    answered: Option<u64>,
    /// What was asked, without the place of a page.
    request: Option<ViewRequest>,
    /// Counts, sums and facets of the latest answer.
    head: Rc<ViewPage>,
    pages: BTreeMap<usize, Held>,
}

#[derive(Clone, Debug)]
struct Held {
    /// The question it answers.
    number: u64,
    rows: Vec<Rc<ViewRow>>,
}

impl Listing {
    /// With another page. A page of the same request that is older stays in sight until its answer has come; of another
    /// request nothing stays. `steady`: rows do not change places.
    pub fn taken(&self, request: &ViewRequest, number: u64, page: usize, answer: ViewPage, steady: bool) -> Self {
        let mut next = Self { answered: Some(number), request: Some(request.clone()), ..Self::default() };
        if self.request.as_ref() == Some(request) {
            next.pages.clone_from(&self.pages);
        }
        let (head, rows) = parted(answer);
        let rows = match next.pages.get(&page).filter(|_| steady) {
            Some(held) => in_order_of(&held.rows, rows),
            None => rows.into_iter().map(Rc::new).collect(),
        };
        next.head = Rc::new(head);
        next.pages.insert(page, Held { number, rows });
        while next.pages.len() > KEPT {
            let farthest = next.pages.keys().copied().max_by_key(|held| held.abs_diff(page));
            let Some(farthest) = farthest else { break };
            next.pages.remove(&farthest);
        }
        next
    }

    /// With newer rows of tables that are held; the others are none of ours.
    pub fn patched(&self, rows: &[ViewRow]) -> Self {
        let newer: HashMap<&str, &ViewRow> = rows.iter().map(|row| (row.text("name"), row)).collect();
        let mut next = self.clone();
        for held in next.pages.values_mut() {
            if !held.rows.iter().any(|row| newer.contains_key(row.text("name"))) {
                continue;
            }
            for row in &mut held.rows {
                if let Some(newer) = newer.get(row.text("name")) {
                    Rc::make_mut(row).0.extend(newer.0.clone());
                }
            }
        }
        next
    }

    pub fn is_known(&self) -> bool {
        self.answered.is_some()
    }

    /// Counts, sums and facets; it has no rows.
    pub fn head(&self) -> &ViewPage {
        &self.head
    }

    pub fn row(&self, at: usize) -> Option<&Rc<ViewRow>> {
        self.pages.get(&(at / PAGE))?.rows.get(at % PAGE)
    }

    /// Where a table is, if it is among the rows that are held.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.pages.iter().find_map(|(page, held)| {
            let at = held.rows.iter().position(|row| row.text("name") == name)?;
            Some(page * PAGE + at)
        })
    }

    /// The pages that these rows, and some beyond, lie on and that do not answer this question yet.
    pub fn lacking(&self, rows: Range<usize>, number: u64) -> Vec<usize> {
        let known = self.answered == Some(number);
        let count = if known { self.head.matching } else { usize::MAX };
        let first = rows.start.saturating_sub(AHEAD);
        let end = rows.end.saturating_add(AHEAD).min(count).max(1);
        // Before the first answer nobody knows how many there are: one page tells.
        let last = if known { (end - 1) / PAGE } else { rows.end.saturating_sub(1) / PAGE };
        let pages = (first.min(end - 1) / PAGE).min(last)..=last;
        pages.filter(|page| self.pages.get(page).is_none_or(|held| held.number != number)).collect()
    }
}

fn parted(mut answer: ViewPage) -> (ViewPage, Vec<ViewRow>) {
    let rows = std::mem::take(&mut answer.rows);
    (answer, rows)
}

/// The rows in their old order; what was not there waits until rows may change places again.
fn in_order_of(old: &[Rc<ViewRow>], new: Vec<ViewRow>) -> Vec<Rc<ViewRow>> {
    let mut newer: HashMap<String, ViewRow> = new.into_iter().map(|row| (row.text("name").to_string(), row)).collect();
    old.iter().map(|row| newer.remove(row.text("name")).map_or_else(|| row.clone(), Rc::new)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::view::Scope;

    fn request(search: &str) -> ViewRequest {
        let scope = Scope::Inventory { source: "lake".into() };
        ViewRequest { search: search.into(), ..ViewRequest::of(scope) }
    }

    fn row(name: &str, state: &str) -> ViewRow {
        let mut row = ViewRow::default();
        row.set("name", name);
        row.set("state", state);
        row
    }

    fn answer(matching: usize, page: usize) -> ViewPage {
        let rows = (page * PAGE..((page + 1) * PAGE).min(matching)).map(|at| row(&format!("s.t{at}"), "queued"));
        ViewPage { total: matching, matching, offset: page * PAGE, rows: rows.collect(), ..ViewPage::default() }
    }

    fn names(listing: &Listing, count: usize) -> Vec<&str> {
        (0..count).filter_map(|at| listing.row(at)).map(|row| row.text("name")).collect()
    }

    #[test]
    fn only_what_is_in_sight_and_a_little_more_is_asked_for() {
        let none = Listing::default();
        assert_eq!(none.lacking(0..20, 1), [0], "how many there are is not known yet");
        let first = none.taken(&request(""), 1, 0, answer(100_000, 0), false);
        assert_eq!(first.lacking(0..20, 1), Vec::<usize>::new());
        assert_eq!(first.lacking(PAGE - 20..PAGE - 5, 1), [1]);
        assert_eq!(first.lacking(99_990..100_000, 1), [100_000 / PAGE - 1]);
        assert_eq!(first.lacking(0..20, 2), [0], "the same list, asked anew");
        let empty = none.taken(&request(""), 1, 0, answer(0, 0), false);
        assert_eq!(empty.lacking(0..20, 1), Vec::<usize>::new(), "an empty list is whole");
    }

    #[test]
    fn memory_does_not_grow_with_what_was_scrolled_past() {
        let all = (0..500)
            .fold(Listing::default(), |held, page| held.taken(&request(""), 1, page, answer(100_000, page), false));
        assert_eq!(all.pages.len(), KEPT);
        assert!(all.row(499 * PAGE).is_some() && all.row(0).is_none());
    }

    #[test]
    fn another_request_keeps_no_row_of_the_one_before() {
        let held = Listing::default().taken(&request(""), 1, 0, answer(500, 0), false);
        let held = held.taken(&request(""), 1, 1, answer(500, 1), false);
        let again = held.taken(&request(""), 2, 0, answer(500, 0), false);
        assert!(again.row(PAGE + 10).is_some(), "asked anew, the page beside stays in sight");
        assert_eq!(again.lacking(0..PAGE + 10, 2), [1], "and is asked for");
        let other = held.taken(&request("x"), 2, 0, answer(3, 0), false);
        assert!(other.row(PAGE + 10).is_none());
        assert_eq!((other.head().matching, other.position("s.t2")), (3, Some(2)));
    }

    #[test]
    fn rows_keep_their_places_under_a_mouse_and_show_what_is_new() {
        let page = |rows: &[(&str, &str)]| ViewPage {
            matching: rows.len(),
            rows: rows.iter().map(|(name, state)| row(name, state)).collect(),
            ..ViewPage::default()
        };
        let held = Listing::default().taken(&request(""), 1, 0, page(&[("s.a", "queued"), ("s.b", "queued")]), false);
        let failed = page(&[("s.b", "failed"), ("s.a", "queued")]);
        let steady = held.taken(&request(""), 2, 0, failed.clone(), true);
        assert_eq!(names(&steady, 2), ["s.a", "s.b"]);
        assert_eq!(steady.row(1).unwrap().text("state"), "failed");
        assert_eq!(names(&steady.taken(&request(""), 3, 0, failed, false), 2), ["s.b", "s.a"]);
        let patched = held.patched(&[row("s.a", "copying"), row("s.x", "failed")]);
        assert_eq!((patched.row(0).unwrap().text("state"), names(&patched, 9).len()), ("copying", 2));
    }
}
