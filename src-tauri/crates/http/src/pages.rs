//! Listings that end: no page's token twice, and no more pages, items or empty pages in a row than any server has.

use crate::service::Service;
use icebridge_model::{Error, Result};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

const MAX_PAGES: usize = 200_000;
const MAX_ITEMS: usize = 10_000_000;
/// Of a listing that is held as a whole.
const MAX_ITEMS_IN_MEMORY: usize = 1_000_000;
/// Servers filter after paging, so some pages are empty.
const MAX_EMPTY_IN_A_ROW: usize = 1_000;
/// Pages of one item or none, of a listing that is held as a whole. Beyond so many, every server has larger pages.
const MAX_TINY_PAGES: usize = 2_000;

/// Follows one listing. Keeps hashes of the tokens: there may be many pages.
#[derive(Debug)]
pub struct PageGuard {
    tokens: HashSet<u64>,
    hasher: RandomState,
    items: usize,
    max_items: usize,
    /// Of [`MAX_TINY_PAGES`].
    max_tiny: usize,
    tiny: usize,
    empty_in_a_row: usize,
}

impl PageGuard {
    /// For a listing that is handled page by page.
    pub fn streaming() -> Self {
        Self::new(MAX_ITEMS, usize::MAX)
    }

    /// For a listing that is held as a whole.
    pub fn in_memory() -> Self {
        Self::new(MAX_ITEMS_IN_MEMORY, MAX_TINY_PAGES)
    }

    fn new(max_items: usize, max_tiny: usize) -> Self {
        let (tokens, hasher) = (HashSet::new(), RandomState::new());
        Self { tokens, hasher, items: 0, max_items, max_tiny, tiny: 0, empty_in_a_row: 0 }
    }

    /// After a page with `items`, before asking for the one that `token` names. `listing`: what is listed, for the error.
    pub fn next(&mut self, token: &str, items: usize, listing: &str, service: &'static Service) -> Result<()> {
        self.items = self.items.saturating_add(items);
        self.tiny += usize::from(items < 2);
        self.empty_in_a_row = if items == 0 { self.empty_in_a_row + 1 } else { 0 };
        let fault = if !self.tokens.insert(self.hasher.hash_one(token)) {
            "the listing does not end: the server gave the same page token twice"
        } else if self.tokens.len() > MAX_PAGES || self.items > self.max_items {
            "the listing does not end: it has more pages or items than any real one"
        } else if self.tiny > self.max_tiny {
            "the listing does not end: its pages have one item or none"
        } else if self.empty_in_a_row > MAX_EMPTY_IN_A_ROW {
            "the listing does not end: page after page is empty"
        } else {
            return Ok(());
        };
        Err(Error::new(service.refused, fault)
            .about(listing)
            .with_hint("List again; if it stays, this is a defect of the server."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::SERVICE;

    #[test]
    fn a_listing_in_a_circle_or_without_end_is_stopped() {
        let mut guard = PageGuard::streaming();
        guard.next("a", 0, "l", &SERVICE).unwrap();
        guard.next("b", 0, "l", &SERVICE).unwrap();
        assert!(guard.next("a", 1, "l", &SERVICE).is_err());
        let pages = |items: usize| {
            let mut guard = PageGuard::streaming();
            (0..=MAX_PAGES).find(|page| guard.next(&page.to_string(), items, "l", &SERVICE).is_err())
        };
        assert_eq!(pages(0), Some(MAX_EMPTY_IN_A_ROW));
        assert_eq!(pages(1), Some(MAX_PAGES));
        assert_eq!(pages(1000), Some(MAX_ITEMS / 1000));
        let mut held = PageGuard::in_memory();
        let stopped = (0..=MAX_PAGES).find(|page| held.next(&page.to_string(), 1, "l", &SERVICE).is_err());
        assert_eq!(stopped, Some(MAX_TINY_PAGES));
        assert!(PageGuard::in_memory().next("a", MAX_ITEMS_IN_MEMORY + 1, "l", &SERVICE).is_err());
    }
}
