//! Files by the paths Iceberg metadata uses: `file:` and plain paths, `s3://`, `s3a://`, `s3n://`.

use bytes::Bytes;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;

/// Cheap to clone; connections are pooled per bucket.
#[derive(Clone, Debug)]
pub struct Storage {}

impl Storage {
    /// `properties` and `secrets` by PyIceberg's names (`s3.endpoint`, `s3.access-key-id` …).
    pub fn new(properties: &BTreeMap<String, String>, secrets: &BTreeMap<String, Secret>) -> Result<Self> {
        let _ = (properties, secrets);
        Err(Error::internal("not built yet"))
    }
    pub async fn read(&self, path: &str) -> Result<Bytes> {
        Err(Error::internal("not built yet").about(path))
    }
    pub async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let _ = range;
        Err(Error::internal("not built yet").about(path))
    }
    pub async fn size(&self, path: &str) -> Result<u64> {
        Err(Error::internal("not built yet").about(path))
    }
}
