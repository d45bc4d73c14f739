//! Listings page by page: bounded memory, whatever their length.

use super::lenient::Lenient;
use super::requests::Client;
use crate::service::SERVICE;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use icebridge_http::{Call, Failure, PageGuard, not_this_service};
use icebridge_model::Result;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
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
        let body = self.bytes(&call).await?;
        let wrong = |e: serde_json::Error| {
            let why = format!("{:?} at line {} column {}", e.classify(), e.line(), e.column());
            Failure::Failed(not_this_service(&SERVICE, &self.describe(&call), why))
        };
        let fields: HashMap<String, &RawValue> = serde_json::from_slice(&body).map_err(wrong)?;
        // An empty page may lack the field.
        let items: Option<Lenient<Vec<T>>> = match fields.get(list) {
            Some(text) => serde_json::from_str(text.get()).map_err(wrong)?,
            None => None,
        };
        let next: Option<String> = match fields.get("next_page_token") {
            Some(text) => serde_json::from_str(text.get()).map_err(wrong)?,
            None => None,
        };
        Ok(Page {
            items: items.map(|Lenient(items)| items).unwrap_or_default(),
            next: next.filter(|token| !token.is_empty()),
        })
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
