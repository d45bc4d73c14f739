//! The credentials in use, and when others are asked for.

use super::keys::{AzureKey, KeySource, LentKeys};
use crate::storage::common::cloud::Cloud;
use async_trait::async_trait;
use icebridge_model::{Code, Error, Result};
use object_store::aws::AwsCredential;
use object_store::azure::{AzureCredential, split_sas};
use object_store::gcp::GcpCredential;
use object_store::retry::{RetryContext, RetryFailure, RetryPolicy};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Mutex;

/// A request that starts with these credentials must also end with them.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// For credentials that do not say when they end: an hour is the shortest that the clouds give by default.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(30 * 60);
/// New ones that are refused this soon are refused for another reason than their age.
const NEW: Duration = Duration::from_secs(2);

/// In the form in which object_store signs with them.
pub(super) struct Credentials {
    pub s3: Option<Arc<AwsCredential>>,
    pub azure: Vec<(String, Arc<AzureCredential>)>,
    pub google: Option<Arc<GcpCredential>>,
}

struct Current {
    credentials: Arc<Credentials>,
    until: SystemTime,
    /// None for those that came with the table: they may be old.
    asked_at: Option<Instant>,
}

/// Credentials fetched from their source when there are none or they are about to end; one fetch at a time.
pub(in crate::storage) struct Lender {
    source: Arc<dyn KeySource>,
    /// What came with the table, and when.
    first: Mutex<Option<(LentKeys, SystemTime)>>,
    current: Mutex<Option<Current>>,
    /// Which credentials those in use are, counted from 1.
    generation: AtomicU64,
    clouds: Vec<Cloud>,
}

impl fmt::Debug for Lender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lender").field("source", &self.source).field("clouds", &self.clouds).finish_non_exhaustive()
    }
}

impl Lender {
    /// `first` came with the table; others are asked for when they end.
    pub(in crate::storage) fn new(first: LentKeys, source: Arc<dyn KeySource>) -> Self {
        let clouds =
            [Cloud::S3, Cloud::Azure, Cloud::Google].into_iter().filter(|cloud| first.is_for(*cloud)).collect();
        Self {
            source,
            first: Mutex::new(Some((first, SystemTime::now()))),
            current: Mutex::new(None),
            generation: AtomicU64::new(1),
            clouds,
        }
    }

    pub(in crate::storage) fn lends(&self, cloud: Cloud) -> bool {
        self.clouds.contains(&cloud)
    }

    pub(in crate::storage) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// After a refusal of what was in use when `generation` was read. True if there are others to try.
    pub(in crate::storage) async fn renew_after(&self, generation: u64) -> bool {
        let mut current = self.current.lock().await;
        if self.generation() != generation {
            return true;
        }
        if current.as_ref().is_some_and(|current| current.asked_at.is_some_and(|at| at.elapsed() < NEW)) {
            return false;
        }
        tracing::debug!("the lent credentials are refused; others are asked for");
        *current = None;
        true
    }

    pub(super) async fn credentials(&self) -> Result<Arc<Credentials>> {
        let mut current = self.current.lock().await;
        let now = SystemTime::now();
        if let Some(kept) = current.as_ref().filter(|kept| now < kept.until) {
            return Ok(kept.credentials.clone());
        }
        // Over by now, though not when they came: then they are not even tried.
        let first = self.first.lock().await.take();
        let first = first.filter(|(keys, came)| keys.expires_at.is_none_or(|end| end > now || end <= *came));
        let (keys, asked_at) = match first {
            Some((first, _)) => (first, None),
            None => {
                let keys = self.source.keys().await?;
                self.generation.fetch_add(1, Ordering::AcqRel);
                (keys, Some(Instant::now()))
            }
        };
        let credentials = Arc::new(Credentials::of(&keys)?);
        *current = Some(Current { credentials: credentials.clone(), until: until(keys.expires_at), asked_at });
        Ok(credentials)
    }
}

fn until(end: Option<SystemTime>) -> SystemTime {
    let now = SystemTime::now();
    match end.and_then(|end| end.duration_since(now).ok()) {
        // Those that live shorter than the margin are used for half their life.
        Some(left) => now + left.saturating_sub(MARGIN).max(left / 2),
        // They do not say, or say what cannot be: just made, and over by our clock. A refusal asks for others.
        None => now + WITHOUT_EXPIRY,
    }
}

impl Credentials {
    fn of(keys: &LentKeys) -> Result<Self> {
        let s3 = keys.s3.as_ref().map(|keys| {
            Arc::new(AwsCredential {
                key_id: keys.access_key_id.expose().into(),
                secret_key: keys.secret_access_key.expose().into(),
                token: keys.session_token.as_ref().map(|t| t.expose().into()),
            })
        });
        let azure = keys.azure.iter().map(|key| match key {
            AzureKey::Bearer(token) => {
                Ok((String::new(), Arc::new(AzureCredential::BearerToken(token.expose().into()))))
            }
            // The cause would hold a part of the signature.
            AzureKey::Sas { of, token } => match split_sas(token.expose()) {
                Ok(pairs) => Ok((of.clone(), Arc::new(AzureCredential::SASToken(pairs)))),
                Err(_) => Err(Error::new(Code::StorageDenied, "the catalog lends a SAS token of an unknown form")),
            },
        });
        let google = keys.google.as_ref().map(|token| Arc::new(GcpCredential { bearer: token.expose().into() }));
        Ok(Self { s3, azure: azure.collect::<Result<_>>()?, google })
    }
}

/// Parts of a large upload that are refused are sent once more, with new credentials.
#[derive(Debug)]
pub(in crate::storage) struct Renewal {
    lender: Arc<Lender>,
    /// When the upload began. Parts go up at the same time, so that one may be refused after another had them renewed.
    generation: AtomicU64,
}

impl Renewal {
    pub(in crate::storage) fn of(lender: Arc<Lender>) -> Self {
        let generation = AtomicU64::new(lender.generation());
        Self { lender, generation }
    }
}

#[async_trait]
impl RetryPolicy for Renewal {
    async fn retry(&self, context: RetryContext) -> bool {
        let refused = matches!(context.failure, RetryFailure::Status(status) if matches!(status.as_u16(), 401 | 403));
        if !refused || context.attempt > 2 {
            return false;
        }
        let seen = self.generation.load(Ordering::Acquire);
        let renewed = self.lender.renew_after(seen).await;
        self.generation.store(self.lender.generation(), Ordering::Release);
        renewed
    }
}
