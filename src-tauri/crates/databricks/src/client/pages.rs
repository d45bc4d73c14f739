//! Listings page by page: bounded memory, whatever their length.

use super::lenient;
use super::requests::{Client, NOT_UNDERSTOOD};
use crate::service::SERVICE;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use icebridge_http::{Call, Failure, PageGuard};
use icebridge_model::Result;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;

/// One answer of a listing. It may be empty and still not be the last.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next one begins; none: this is the last.
    pub next: Option<String>,
}

impl Client {
    /// `list`: the field with the items.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        call: &Call,
        list: &'static str,
        token: Option<&str>,
    ) -> Result<Page<T>, Failure> {
        let call = call.clone().query_opt("page_token", token);
        let fields: HashMap<String, Value> = self.send(call.clone()).await?.value;
        self.page_of(&call, list, fields).map_err(|error| Failure::Failed(error.with_hint(NOT_UNDERSTOOD)))
    }

    fn page_of<T: DeserializeOwned>(
        &self,
        call: &Call,
        list: &'static str,
        mut fields: HashMap<String, Value>,
    ) -> Result<Page<T>> {
        // An empty page may lack the field.
        let items = match fields.remove(list) {
            Some(Value::Array(items)) => lenient::read_all(items, &self.describe(call)),
            Some(_) => return Err(self.not_understood(call, format!("`{list}` is not a list"))),
            None => Vec::new(),
        };
        // Without it the rest of the listing would be missing, and nobody would know.
        let next: Option<String> = match fields.remove("next_page_token") {
            Some(token) => {
                let why = |_| self.not_understood(call, "`next_page_token` is not a text");
                Some(lenient::read(token, list).map_err(why)?)
            }
            None => None,
        };
        Ok(Page { items, next: next.filter(|token| !token.is_empty()) })
    }

    /// All pages. Ends after the page without a next one, or with the first error.
    fn pages<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
        list: &'static str,
    ) -> BoxStream<'static, Result<Page<T>>> {
        let begin = Some((self.clone(), call, None::<(String, usize)>, PageGuard::streaming()));
        stream::try_unfold(begin, move |walk| async move {
            let Some((client, call, next, mut guard)) = walk else { return Ok(None) };
            if let Some((token, items_before)) = &next {
                guard.next(token, *items_before, &client.describe(&call), &SERVICE)?;
            }
            let token = next.as_ref().map(|(token, _)| token.as_str());
            let page = client.page::<T>(&call, list, token).await?;
            let rest = page.next.clone().map(|next| (client, call, Some((next, page.items.len())), guard));
            Ok(Some((page, rest)))
        })
        .boxed()
    }

    /// All items at once, for listings that are short by nature.
    pub(crate) async fn all<T: DeserializeOwned>(&self, call: &Call, list: &'static str) -> Result<Vec<T>, Failure> {
        let (mut items, mut token, mut guard) = (Vec::new(), None, PageGuard::in_memory());
        loop {
            let page = self.page::<T>(call, list, token.as_deref()).await?;
            let count = page.items.len();
            items.extend(page.items);
            let Some(next) = page.next else { return Ok(items) };
            guard.next(&next, count, &self.describe(call), &SERVICE).map_err(Failure::Failed)?;
            token = Some(next);
        }
    }

    /// The items of all pages.
    pub(crate) fn items<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
        list: &'static str,
    ) -> BoxStream<'static, Result<T>> {
        let pages = self.pages::<T>(call, list);
        pages.map_ok(|page| stream::iter(page.items.into_iter().map(Ok))).try_flatten().boxed()
    }
}
