//! Pages of a list, with what makes real ones hard: an empty page that has a next one, and no promised order.

use super::fields::Params;
use super::refusal::Refusal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Which page a client wants, whatever the parameter's name is in that API.
#[derive(Clone, Debug)]
pub struct Page {
    /// `max_results`, `page_size` or `limit` as sent.
    pub size: Option<i64>,
    offset: usize,
    reversed: bool,
    empty: bool,
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
    /// `reversed`: a list that begins here comes in reverse, to its last page. `empty`: this page has no items.
    pub fn read(params: &Params, reversed: bool, empty: bool) -> Result<Self, Refusal> {
        let mut size = None;
        for name in ["max_results", "page_size", "limit"] {
            if let Some(text) = params.get(name).filter(|text| !text.is_empty()) {
                let number: i64 =
                    text.parse().map_err(|_| Refusal::invalid(format!("{name} must be an integer: {text}")))?;
                if number < 0 {
                    return Err(Refusal::invalid(format!("{name} must not be negative")));
                }
                size = Some(number);
            }
        }
        let (offset, reversed) = match params.get("page_token").filter(|text| !text.is_empty()) {
            Some(token) => read_token(token).ok_or_else(|| Refusal::invalid("Invalid page token"))?,
            None => (0, reversed),
        };
        Ok(Self { size, offset, reversed, empty })
    }

    /// Permission calls take no small pages.
    pub fn of_permissions(self) -> Result<Self, Refusal> {
        match self.size {
            Some(1..=149) => Err(Refusal::invalid("max_results must be either 0 or greater than or equal to 150")),
            _ => Ok(self),
        }
    }

    /// Unity Catalog's rule: not asked for is all at once, 0 is the server's own size, which is also the most.
    pub fn unity(&self, server: usize) -> usize {
        match self.size {
            None => usize::MAX,
            Some(0) => server,
            Some(size) => usize::try_from(size).unwrap_or(server).min(server),
        }
    }

    /// The rule of the other APIs: they always page.
    pub fn plain(&self, usual: usize, most: usize) -> usize {
        match self.size.and_then(|size| usize::try_from(size).ok()) {
            None => usual,
            Some(0) => most,
            Some(size) => size.min(most),
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
            page = Page { size: None, offset, reversed, empty: false };
        }
    }

    #[test]
    fn every_item_comes_once_in_either_order_and_after_an_empty_page() {
        let first = Page { size: None, offset: 0, reversed: false, empty: false };
        assert_eq!(walk(first.clone(), 7, 3), ((0..7).collect(), 3));
        assert_eq!(walk(Page { reversed: true, ..first.clone() }, 7, 3), ((0..7).rev().collect(), 3));
        let (seen, pages) = walk(Page { empty: true, ..first.clone() }, 7, 3);
        assert_eq!((seen, pages), ((0..7).collect(), 4), "one more page, and nothing lost");
        assert_eq!(walk(first, 0, 3), (vec![], 1));
    }

    #[test]
    fn a_foreign_token_is_not_a_page() {
        assert_eq!(read_token("!!"), None);
        assert_eq!(read_token(""), None);
        assert_eq!(read_token(&URL_SAFE_NO_PAD.encode("rx")), None);
        assert_eq!(read_token(&URL_SAFE_NO_PAD.encode("ü1")), None);
    }

    #[test]
    fn a_page_is_read_from_its_parameters() {
        let read = |pairs: &[(&str, &str)]| {
            let params = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Page::read(&params, false, false)
        };
        assert_eq!(read(&[("page_size", "7"), ("page_token", &token(4, true))]).unwrap().offset, 4);
        assert_eq!(read(&[("max_results", ""), ("page_token", "")]).unwrap().size, None);
        for bad in [("max_results", "-1"), ("limit", "x"), ("page_token", "!!")] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_follow_the_rule_of_their_api() {
        let page = |size| Page { size, offset: 0, reversed: false, empty: false };
        for (asked, unity, other) in [(None, usize::MAX, 20), (Some(0), 50, 25), (Some(9), 9, 9), (Some(99), 50, 25)] {
            assert_eq!((page(asked).unity(50), page(asked).plain(20, 25)), (unity, other), "{asked:?}");
        }
    }

    #[test]
    fn permission_calls_refuse_small_pages() {
        let page = |size| Page { size, offset: 0, reversed: false, empty: false };
        for good in [None, Some(0), Some(150), Some(1000)] {
            assert!(page(good).of_permissions().is_ok(), "{good:?}");
        }
        for bad in [1, 149] {
            assert!(page(Some(bad)).of_permissions().is_err(), "{bad}");
        }
    }
}
