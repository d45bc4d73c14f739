//! Listings page by page: bounded memory, whatever their length.

use super::failures::{Failure, garbled};
use super::{Call, Client};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// One answer of a listing. It may be empty and still not be the last.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next one begins; none: this is the last.
    pub next: Option<String>,
}

/// The tokens of a walk, so that one in a circle ends. Hashes: a walk may have many pages.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    tokens: HashSet<u64>,
    state: RandomState,
}

impl Seen {
    pub(crate) fn note(&mut self, token: &str, asked: &str) -> Result<()> {
        match self.tokens.insert(self.state.hash_one(token)) {
            true => Ok(()),
            false => Err(Error::new(Code::WorkspaceRefused, "the listing goes in a circle: a page's token came twice")
                .about(asked)
                .with_hint("List again; if it stays, this is a defect of the server.")),
        }
    }
}

impl Client {
    /// `list`: the field with the items.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        call: &Call,
        list: &'static str,
        token: Option<&str>,
    ) -> Result<Page<T>, Failure> {
        let mut call = call.clone();
        if let Some(token) = token {
            call = call.query("page_token", token);
        }
        let asked = self.asked(&call);
        let body = self.bytes(call).await?.value;
        let wrong = |e: serde_json::Error| Failure::Failed(garbled(&asked, e.to_string()));
        let fields: HashMap<String, &RawValue> = serde_json::from_slice(&body).map_err(wrong)?;
        // An empty page may lack the field.
        let items: Option<Vec<T>> = match fields.get(list) {
            Some(text) => serde_json::from_str(text.get()).map_err(wrong)?,
            None => None,
        };
        let next: Option<String> = match fields.get("next_page_token") {
            Some(text) => serde_json::from_str(text.get()).map_err(wrong)?,
            None => None,
        };
        Ok(Page { items: items.unwrap_or_default(), next: next.filter(|token| !token.is_empty()) })
    }

    /// All pages, from `token` on. Ends after the page without a next one, or with the first error.
    pub(crate) fn pages<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
        list: &'static str,
        token: Option<String>,
    ) -> BoxStream<'static, Result<Page<T>>> {
        let begin = Some((self.clone(), call, token, Seen::default()));
        stream::try_unfold(begin, move |walk| async move {
            let Some((client, call, token, mut seen)) = walk else { return Ok(None) };
            if let Some(token) = &token {
                seen.note(token, &client.asked(&call))?;
            }
            let page = client.page::<T>(&call, list, token.as_deref()).await?;
            let rest = page.next.clone().map(|next| (client, call, Some(next), seen));
            Ok(Some((page, rest)))
        })
        .boxed()
    }

    /// All items at once, for listings that are short by nature.
    pub(crate) async fn all<T: DeserializeOwned>(&self, call: &Call, list: &'static str) -> Result<Vec<T>, Failure> {
        let (mut items, mut token, mut seen) = (Vec::new(), None, Seen::default());
        loop {
            let page = self.page::<T>(call, list, token.as_deref()).await?;
            items.extend(page.items);
            let Some(next) = page.next else { return Ok(items) };
            seen.note(&next, &self.asked(call)).map_err(Failure::Failed)?;
            token = Some(next);
        }
    }

    /// The items of all pages.
    pub(crate) fn items<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
        list: &'static str,
    ) -> BoxStream<'static, Result<T>> {
        let pages = self.pages::<T>(call, list, None);
        pages.map_ok(|page| stream::iter(page.items.into_iter().map(Ok))).try_flatten().boxed()
    }
}
