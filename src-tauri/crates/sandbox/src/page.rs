//! Pages of a list, with what makes real ones hard: an empty page that has a next one, and no promised order.

use crate::answer::Refusal;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Asked for by a fault rule: this page is empty, the next one goes on.
#[derive(Clone, Copy, Debug)]
pub struct EmptyPage;

/// Asked for by a fault rule: this list comes in another order, to its last page.
#[derive(Clone, Copy, Debug)]
pub struct Reordered;

/// Which page a client wants, whatever the parameter's name is in that API.
#[derive(Clone, Debug)]
pub struct Page {
    /// `max_results`, `page_size` or `limit` as sent.
    pub asked: Option<i64>,
    offset: usize,
    reversed: bool,
    empty: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = Query::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let query = query.map(|Query(query)| query).unwrap_or_default();
        let mut asked = None;
        for name in ["max_results", "page_size", "limit"] {
            if let Some(text) = query.get(name).filter(|text| !text.is_empty()) {
                let number =
                    text.parse().map_err(|_| Refusal::invalid(format!("{name} must be an integer: {text}")))?;
                asked = Some(number);
            }
        }
        if asked.is_some_and(|number| number < 0) {
            return Err(Refusal::invalid("max_results must not be negative"));
        }
        let (offset, reversed) = match query.get("page_token").filter(|text| !text.is_empty()) {
            Some(token) => read_token(token).ok_or_else(|| Refusal::invalid("Invalid page token"))?,
            None => (0, parts.extensions.get::<Reordered>().is_some()),
        };
        Ok(Self { asked, offset, reversed, empty: parts.extensions.get::<EmptyPage>().is_some() })
    }
}

fn token(offset: usize, reversed: bool) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{offset}", if reversed { 'r' } else { 'f' }))
}

fn read_token(token: &str) -> Option<(usize, bool)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let offset = text.get(1..)?.parse().ok()?;
    Some((offset, text.starts_with('r')))
}

impl Page {
    /// Permission calls take no small pages.
    pub fn of_permissions(self) -> Result<Self, Refusal> {
        match self.asked {
            Some(1..=149) => Err(Refusal::invalid("max_results must be either 0 or greater than or equal to 150")),
            _ => Ok(self),
        }
    }

    /// Unity Catalog's rule: not asked for is all at once, 0 is the server's own size, which is also the most.
    pub fn unity(&self, server: usize) -> usize {
        match self.asked {
            None => usize::MAX,
            Some(0) => server,
            Some(asked) => usize::try_from(asked).unwrap_or(server).min(server),
        }
    }

    /// The rule of the other APIs: they always page.
    pub fn plain(&self, usual: usize, most: usize) -> usize {
        match self.asked.and_then(|asked| usize::try_from(asked).ok()) {
            None => usual,
            Some(0) => most,
            Some(asked) => asked.min(most),
        }
    }

    /// This page of `total` items under `name`, which is left out when empty, as protocol buffers do; the next page's token
    /// beside it.
    pub fn cut(&self, name: &str, total: usize, size: usize, item: impl Fn(usize) -> Value) -> Map<String, Value> {
        let mut answer = Map::new();
        let from = self.offset.min(total);
        let until = if self.empty { from } else { from.saturating_add(size.max(1)).min(total) };
        let items: Vec<Value> = (from..until).map(|at| item(if self.reversed { total - 1 - at } else { at })).collect();
        if !items.is_empty() {
            answer.insert(name.to_owned(), items.into());
        }
        if until < total {
            answer.insert("next_page_token".to_owned(), token(until, self.reversed).into());
        }
        answer
    }

    pub fn of(&self, name: &str, items: &[Value], size: usize) -> Map<String, Value> {
        self.cut(name, items.len(), size, |at| items.get(at).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(mut page: Page, total: usize, size: usize) -> (Vec<u64>, usize) {
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let answer = page.cut("items", total, size, |at| at.into());
            pages += 1;
            seen.extend(answer.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64));
            let Some(next) = answer.get("next_page_token").and_then(Value::as_str) else { return (seen, pages) };
            let (offset, reversed) = read_token(next).unwrap();
            page = Page { asked: None, offset, reversed, empty: false };
        }
    }

    #[test]
    fn every_item_comes_once_in_either_order_and_after_an_empty_page() {
        let first = Page { asked: None, offset: 0, reversed: false, empty: false };
        assert_eq!(walk(first.clone(), 7, 3), ((0..7).collect(), 3));
        assert_eq!(walk(Page { reversed: true, ..first.clone() }, 7, 3), ((0..7).rev().collect(), 3));
        let (seen, pages) = walk(Page { empty: true, ..first.clone() }, 7, 3);
        assert_eq!((seen, pages), ((0..7).collect(), 4), "one more page, and nothing lost");
        assert_eq!(walk(first, 0, 3), (vec![], 1));
    }

    #[test]
    fn a_token_of_somebody_else_is_not_a_page() {
        assert_eq!(read_token("!!"), None);
        assert_eq!(read_token(""), None);
        assert_eq!(read_token(&URL_SAFE_NO_PAD.encode("rx")), None);
        assert_eq!(read_token(&URL_SAFE_NO_PAD.encode("ü1")), None);
    }

    #[test]
    fn permission_calls_refuse_small_pages() {
        let page = |asked| Page { asked, offset: 0, reversed: false, empty: false };
        for good in [None, Some(0), Some(150), Some(1000)] {
            assert!(page(good).of_permissions().is_ok(), "{good:?}");
        }
        for bad in [1, 149] {
            assert!(page(Some(bad)).of_permissions().is_err(), "{bad}");
        }
    }
}
