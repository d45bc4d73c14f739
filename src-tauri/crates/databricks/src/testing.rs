//! What the tests of this crate share: a workspace on this machine, and a client that waits for nothing.

use crate::auth::Auth;
use crate::client::Client;
use crate::host::Host;
use crate::options::ClientOptions;
use icebridge_http::{Limiters, Proxy, RetryPolicy, Transport};
use icebridge_model::secret::Secret;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) use icebridge_loopback::{Reply, Request, Server, json as ok};

pub(crate) fn refused(status: u16, kind: &str) -> Reply {
    Reply::Json(status, json!({"error_code": kind, "message": format!("{kind} it is")}))
}

pub(crate) fn page(list: &str, items: Value, next: Option<&str>) -> Reply {
    let mut body = json!({});
    if items != json!([]) {
        body[list] = items;
    }
    if let Some(next) = next {
        body["next_page_token"] = json!(next);
    }
    ok(body)
}

/// The server as a workspace.
pub(crate) trait Workspace {
    fn host(&self) -> Host;
    fn client_with(&self, auth: Auth) -> Client;
    fn client(&self) -> Client {
        self.client_with(Auth::token_of(Secret::new("canary-token")).unwrap())
    }
}

impl Workspace for Server {
    fn host(&self) -> Host {
        Host::parse(&self.uri).unwrap()
    }
    fn client_with(&self, auth: Auth) -> Client {
        Client::new(self.host(), None, auth, &options()).unwrap()
    }
}

pub(crate) fn direct() -> Transport {
    Transport { proxy: Proxy::Direct, answer: Duration::from_millis(400), ..Transport::default() }
}

pub(crate) fn fast() -> RetryPolicy {
    RetryPolicy {
        first_wait: Duration::from_millis(2),
        max_wait: Duration::from_millis(10),
        attempts: 4,
        patience: Duration::from_secs(5),
        repeat_silence: true,
    }
}

/// Fast, and with limiters of its own.
pub(crate) fn options() -> ClientOptions {
    ClientOptions { transport: direct(), limiters: Limiters::default(), retry: fast() }
}
