//! Buckets that are open. Each is opened once: its client holds its connections.

use super::objects::Bucket;
use crate::sync::lock;
use icebridge_model::Result;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

/// Open at the same time.
const MOST: usize = 256;

/// By name and head.
#[derive(Default)]
pub(in crate::storage) struct Buckets(Mutex<HashMap<(String, String), Arc<OnceCell<Arc<Bucket>>>>>);

impl Buckets {
    /// `head` is the part of the keys that only an address can hold, see [`super::split_key`].
    pub(in crate::storage) async fn get<F: Future<Output = Result<Bucket>>>(
        &self,
        name: &str,
        head: &str,
        open: impl FnOnce() -> F,
    ) -> Result<Arc<Bucket>> {
        let cell = {
            let mut buckets = lock(&self.0);
            // What is not the bucket itself is asked for again when it is needed.
            if buckets.len() >= MOST {
                buckets.retain(|(_, head), _| head.is_empty());
            }
            buckets.entry((name.to_string(), head.to_string())).or_default().clone()
        };
        cell.get_or_try_init(|| async { open().await.map(Arc::new) }).await.cloned()
    }
}
