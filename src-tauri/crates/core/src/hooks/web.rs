//! A hook that is a web address: it gets a POST. The address may hold a secret, so that only its origin is ever shown.

use super::answer::{LONGEST_ANSWER, answer, failed};
use icebridge_databricks::Transport;
use icebridge_http::{Call, Explanation, Failure, Family, HttpClient, Limits, Refusal, Response, RetryPolicy, Service};
use icebridge_model::hooks::HookCall;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::time::Duration;
use url::Url;

static SERVICE: Service = Service {
    name: "the hook",
    unreachable: Code::HookFailed,
    unreachable_hint: "Check the address, the network and the proxy.",
    certificate_hint: "If your company opens TLS connections with an authority of its own, give its certificates: --ca-file.",
    proxy_hint: "Give the proxy's address with user:password@ before its name.",
    refused: Code::HookFailed,
    not_this_service: "the address answers, but not as a hook",
    not_this_service_hint: "Check the address. A sign-in page or a proxy may have answered instead.",
    empty_answer: "null",
    explain,
};

const FAMILY: Family = Family { name: "hooks", limits: Limits { start: 5.0, max: 5.0, at_once: 4 } };

fn explain(_: &Refusal) -> Explanation {
    Explanation {
        code: Code::HookFailed,
        message: "the hook refused the call",
        hint: "See what it says, and its own log.",
    }
}

pub(super) fn is_address(text: &str) -> bool {
    // A password would be dropped from what is called.
    let is_whole = |url: &Url| url.has_host() && url.username().is_empty() && url.password().is_none();
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && is_whole(&url))
}

pub(super) fn origin(text: &str) -> String {
    Url::parse(text).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

pub(super) async fn call(transport: &Transport, address: &str, limit: Duration, call: &HookCall) -> Result<String> {
    let url = Url::parse(address).map_err(|e| Error::invalid("this is no address").with_cause(e))?;
    let origin = url.origin().ascii_serialization();
    let path = url[url::Position::BeforePath..url::Position::AfterQuery].to_string();
    let client = HttpClient::new(transport, &origin, &SERVICE).map_err(|e| hidden(e.message, &origin))?;
    // Once: whether a first call did what it is for nobody knows, and writers may be waiting.
    let client = client.with_policy(RetryPolicy { attempts: 1, ..RetryPolicy::default() });
    let request = Call::post(FAMILY, path.clone())
        .header("Idempotency-Key", call.key.clone())
        .scrub(&Secret::new(path))
        .json(call)?
        .within(limit)
        .once();
    let sent = async {
        let answered = client.open(&request).await.map_err(|failure| told(failure, &origin))?;
        read(answered).await
    };
    match tokio::time::timeout(limit, sent).await {
        Ok(told) => answer_of(&told?),
        Err(_) => Err(failed(format!("the hook did not answer within {} s", limit.as_secs()))),
    }
}

/// One byte more than is kept tells too long from just long enough.
async fn read(mut answered: Response) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() <= LONGEST_ANSWER {
        match answered.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(e) => return Err(failed("the hook's answer was cut off").with_cause(e.without_url())),
        }
    }
    Ok(bytes)
}

/// Chat servers answer with a word where nobody reads it.
fn answer_of(bytes: &[u8]) -> Result<String> {
    match bytes.first() {
        Some(b'{') => answer(bytes),
        _ => Ok(String::new()),
    }
}

/// Neither the address nor what the server says, which may repeat it: the origin, and the status.
fn told(failure: Failure, origin: &str) -> Error {
    match failure.refusal() {
        Some(refusal) => hidden(format!("the hook refused the call: HTTP {}", refusal.status), origin),
        None => hidden(Error::from(failure).message, origin),
    }
}

fn hidden(message: String, origin: &str) -> Error {
    Error::new(Code::HookFailed, message)
        .about(origin)
        .with_hint("Check the address, the network and the proxy, and the server's own log.")
}
