//! The only place that talks to JavaScript's side of Tauri: one typed call for every operation, and the stream of events.
//!
//! Requests, responses and events travel as JSON text or bytes and are parsed here, never by JavaScript: its numbers
//! cannot hold a 64-bit snapshot id.

use crate::state::prefs::Prefs;
use icebridge_model::databricks::WorkspaceSpec;
use icebridge_model::event::Event;
use icebridge_model::ops::Operation;
use icebridge_model::{Code, Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// How the app was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Launch {
    /// `--sample`: open with the sample lakehouse ready.
    pub sample: bool,
    pub state_dir: String,
    /// The address of the sandbox that runs in the app.
    pub sandbox: Option<String>,
    /// Where metrics are served now.
    pub metrics: Option<String>,
    /// `--metrics`: serve them.
    pub with_metrics: bool,
}

/// The sandbox that runs in the app.
#[derive(Clone, Debug, Deserialize)]
pub struct Sandbox {
    pub url: String,
    /// As it is saved: signed in, where there is a keychain.
    pub workspace: WorkspaceSpec,
}

pub async fn call<O: Operation>(request: O::Request) -> Result<O::Response> {
    let payload = to_text(&request)?;
    let answer = invoke("rpc", &[("op", O::NAME), ("payload", &payload)]).await.map_err(|e| e.about(O::NAME))?;
    let bytes = js_sys::Uint8Array::new(&answer).to_vec();
    serde_json::from_slice(&bytes).map_err(|e| unreadable(O::NAME, &e))
}

/// Stops an operation of which half is as good as nothing.
pub async fn abandon<O: Operation>() -> Result<()> {
    invoke("abandon", &[("op", O::NAME)]).await.map(|_| ())
}

pub async fn launch() -> Result<Launch> {
    from_js(&invoke("launch", &[]).await?, "launch")
}

/// Starts it, or tells of the one that runs.
pub async fn start_sandbox() -> Result<Sandbox> {
    from_js(&invoke("sandbox_start", &[]).await?, "sandbox")
}

pub async fn end_sandbox() -> Result<()> {
    invoke("sandbox_end", &[]).await.map(|_| ())
}

/// Serves the metrics of the app on this machine, and says where.
pub async fn serve_metrics() -> Result<String> {
    from_js(&invoke("metrics_serve", &[]).await?, "metrics")
}

pub async fn end_metrics() -> Result<()> {
    invoke("metrics_end", &[]).await.map(|_| ())
}

pub async fn read_preferences() -> Result<Prefs> {
    from_js(&invoke("preferences_read", &[]).await?, "preferences")
}

pub async fn write_preferences(prefs: &Prefs) -> Result<()> {
    invoke("preferences_write", &[("text", &to_text(prefs)?)]).await.map(|_| ())
}

/// Opens a public page in the person's own browser.
pub async fn open_link(url: &str) -> Result<()> {
    invoke("open_link", &[("url", url)]).await.map(|_| ())
}

/// Shows a folder in the desktop's file manager.
pub async fn open_folder(path: &str) -> Result<()> {
    invoke("open_folder", &[("path", path)]).await.map(|_| ())
}

/// Opens a page that lies in the state folder in the person's own browser.
pub async fn open_document(path: &str) -> Result<()> {
    invoke("open_document", &[("path", path)]).await.map(|_| ())
}

/// Calls `handle` with every event until the window closes.
pub async fn listen(handle: impl Fn(Event) + 'static) -> Result<()> {
    let handler = Closure::<dyn FnMut(JsValue)>::new(move |message: JsValue| {
        let payload = js_sys::Reflect::get(&message, &"payload".into()).ok().and_then(|p| p.as_string());
        match payload.as_deref().map(serde_json::from_str::<Event>) {
            Some(Ok(event)) => handle(event),
            // An event is only news: what it announced is read again when the operation ends.
            _ => web_sys::console::warn_2(&"an event could not be read".into(), &message),
        }
    });
    let function = tauri_function("event", "listen")?;
    let promise = function
        .call2(&JsValue::UNDEFINED, &"event".into(), handler.as_ref())
        .map_err(|thrown| from_thrown(&thrown))?;
    settle(promise).await?;
    // The page listens as long as it lives.
    handler.forget();
    Ok(())
}

async fn invoke(command: &str, arguments: &[(&str, &str)]) -> Result<JsValue> {
    let object = js_sys::Object::new();
    for (name, value) in arguments {
        js_sys::Reflect::set(&object, &(*name).into(), &(*value).into()).map_err(|thrown| from_thrown(&thrown))?;
    }
    let function = tauri_function("core", "invoke")?;
    let promise =
        function.call2(&JsValue::UNDEFINED, &command.into(), &object).map_err(|thrown| from_thrown(&thrown))?;
    settle(promise).await
}

async fn settle(promise: JsValue) -> Result<JsValue> {
    let promise: js_sys::Promise = promise.unchecked_into();
    JsFuture::from(promise).await.map_err(|thrown| from_thrown(&thrown))
}

fn tauri_function(module: &str, name: &str) -> Result<js_sys::Function> {
    let missing = || {
        Error::new(Code::Internal, "this page is not inside the IceBridge window")
            .with_hint("Start the desktop app; the page has no backend in a browser.")
    };
    let mut value: JsValue = js_sys::global().into();
    for part in ["__TAURI__", module, name] {
        value = js_sys::Reflect::get(&value, &part.into()).map_err(|_| missing())?;
    }
    value.dyn_into().map_err(|_| missing())
}

fn to_text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal("a request could not be written").with_cause(e))
}

fn from_js<T: DeserializeOwned>(value: &JsValue, what: &str) -> Result<T> {
    let text = value.as_string().unwrap_or_default();
    serde_json::from_str(&text).map_err(|e| unreadable(what, &e))
}

fn unreadable(what: &str, cause: &serde_json::Error) -> Error {
    Error::internal("the backend's answer could not be read").about(what).with_cause(cause)
}

/// The backend rejects with an [`Error`]; Tauri itself with a sentence.
fn from_thrown(thrown: &JsValue) -> Error {
    let text = js_sys::JSON::stringify(thrown).ok().and_then(|text| text.as_string());
    if let Some(error) = text.as_deref().and_then(|text| serde_json::from_str::<Error>(text).ok()) {
        return error;
    }
    let words = thrown.as_string().or(text).unwrap_or_else(|| format!("{thrown:?}"));
    Error::internal("the backend could not be reached").with_cause_text(words)
}
