//! Requests that object_store does not send: it deletes by batches of a whole container, for which credentials of a folder
//! are not enough, and does not wait for a copy on the server's side.

use crate::storage::bucket::Direct;
use async_trait::async_trait;
use icebridge_http::Method;
use object_store::ClientOptions;
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, HttpResponse, ReqwestConnector};
use object_store::path::Path as Key;
use std::fmt;
use std::time::Duration;
use url::Url;

const ATTEMPTS: u32 = 4;
/// Within an account a copy is done when it is answered; one that is not is looked at so many times.
const LOOKS: u32 = 40;

pub(super) struct Requests {
    client: HttpClient,
    container: Url,
    account: String,
    credentials: AzureCredentialProvider,
}

/// Without the address, which may hold a signature.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

fn generic(source: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "Azure", source: Box::new(source) }
}

impl Requests {
    pub(super) fn new(
        client: &ClientOptions,
        address: &str,
        container: &str,
        account: &str,
        credentials: AzureCredentialProvider,
    ) -> object_store::Result<Self> {
        let mut url = Url::parse(address).map_err(generic)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(container);
        }
        let client = ReqwestConnector::default().connect(client)?;
        Ok(Self { client, container: url, account: account.into(), credentials })
    }

    async fn send(&self, method: Method, key: &Key) -> object_store::Result<HttpResponse> {
        let mut url = self.container.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(key.parts());
        }
        let credential = self.credentials.get_credential().await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(|_| generic(Refused("the address is none".into())))?;
        AzureAuthorizer::new(&credential, &self.account).try_authorize(&mut request)?;
        self.client.execute(request).await.map_err(generic)
    }

    /// Sends again what the server could not answer.
    async fn answered(&self, method: Method, key: &Key) -> object_store::Result<HttpResponse> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = self.send(method.clone(), key).await;
            let again = match &answer {
                Ok(answer) => matches!(answer.status().as_u16(), 429 | 500..=599),
                Err(object_store::Error::Generic { source, .. }) => source.is::<object_store::client::HttpError>(),
                Err(_) => false,
            };
            if !again || attempt >= ATTEMPTS {
                return answer.and_then(|answer| checked(answer, key));
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
    }
}

fn checked(answer: HttpResponse, key: &Key) -> object_store::Result<HttpResponse> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let code = answer.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    let (path, source) = (key.to_string(), Box::new(Refused(format!("{status} {code}"))));
    Err(match status.as_u16() {
        404 => object_store::Error::NotFound { path, source },
        401 => object_store::Error::Unauthenticated { path, source },
        403 => object_store::Error::PermissionDenied { path, source },
        409 | 412 => object_store::Error::Precondition { path, source },
        _ => object_store::Error::Generic { store: "Azure", source },
    })
}

#[async_trait]
impl Direct for Requests {
    async fn remove(&self, key: &Key) -> object_store::Result<()> {
        self.answered(Method::DELETE, key).await.map(drop)
    }

    async fn copied(&self, key: &Key) -> object_store::Result<bool> {
        for look in 0..LOOKS {
            let answer = self.answered(Method::HEAD, key).await?;
            let status = answer.headers().get("x-ms-copy-status").and_then(|status| status.to_str().ok());
            match status {
                Some("pending") => tokio::time::sleep(Duration::from_millis(250 << look.min(4))).await,
                None | Some("success") => return Ok(true),
                Some(_) => return Ok(false),
            }
        }
        Ok(false)
    }
}
