//! Keys that a catalog vends, renewed before they expire.

use async_trait::async_trait;
use icebridge_model::Result;
use icebridge_model::secret::Secret;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Keys that a catalog vends for a while.
#[derive(Clone, Debug)]
pub struct S3Keys {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
    pub expires_at: Option<SystemTime>,
}

/// Where such keys come from. Asked again shortly before they expire.
#[async_trait]
pub trait S3KeySource: fmt::Debug + Send + Sync {
    async fn keys(&self) -> Result<S3Keys>;
}

/// Keys fetched from their source when there are none or they are about to expire; one fetch at a time.
#[derive(Debug)]
pub(super) struct VendedKeys {
    source: Arc<dyn S3KeySource>,
    /// The keys in use and until when.
    current: tokio::sync::Mutex<Option<(Arc<AwsCredential>, SystemTime)>>,
}

impl VendedKeys {
    pub(super) fn new(source: Arc<dyn S3KeySource>) -> Self {
        Self { source, current: tokio::sync::Mutex::new(None) }
    }
}

/// A request that starts with these keys must also end with them.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// For keys that do not say when they expire: an hour is the shortest that AWS gives by default.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(30 * 60);

#[async_trait]
impl CredentialProvider for VendedKeys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut current = self.current.lock().await;
        if let Some((keys, until)) = &*current
            && SystemTime::now() < *until
        {
            return Ok(keys.clone());
        }
        let keys = match self.source.keys().await {
            Ok(keys) => keys,
            Err(e) => return Err(object_store::Error::Generic { store: "S3", source: Box::new(e) }),
        };
        let now = SystemTime::now();
        let until = match keys.expires_at {
            // Keys that live shorter than the margin are used for half their life.
            Some(end) => {
                let left = end.duration_since(now).unwrap_or_default();
                now + left.saturating_sub(MARGIN).max(left / 2)
            }
            None => now + WITHOUT_EXPIRY,
        };
        let credential = Arc::new(AwsCredential {
            key_id: keys.access_key_id.expose().into(),
            secret_key: keys.secret_access_key.expose().into(),
            token: keys.session_token.as_ref().map(|t| t.expose().into()),
        });
        *current = Some((credential.clone(), until));
        Ok(credential)
    }
}
