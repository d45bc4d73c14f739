//! What the window remembers: theme, page, columns, last route. Kept beside the state, so that another state folder is
//! another desk.

use crate::backend::Backend;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use tauri::{AppHandle, State};
use tauri_plugin_store::StoreExt as _;

const FILE: &str = "window.json";
const KEY: &str = "window";

#[tauri::command]
pub async fn preferences_read(app: AppHandle, backend: State<'_, Backend>) -> Result<String> {
    let path = backend.state_dir().join(FILE);
    let store = app.store(&path).map_err(|e| failed("read", &path, e))?;
    // Nothing remembered is an empty object, which every field of the window's preferences has a default for.
    Ok(store.get(KEY).unwrap_or_else(|| Value::Object(Default::default())).to_string())
}

#[tauri::command]
pub async fn preferences_write(app: AppHandle, backend: State<'_, Backend>, text: String) -> Result<()> {
    let value: Value =
        serde_json::from_str(&text).map_err(|e| Error::internal("the preferences are not JSON").with_cause(e))?;
    let path = backend.state_dir().join(FILE);
    let store = app.store(&path).map_err(|e| failed("read", &path, e))?;
    store.set(KEY, value);
    store.save().map_err(|e| failed("saved", &path, e))
}

fn failed(what: &str, path: &std::path::Path, cause: tauri_plugin_store::Error) -> Error {
    Error::new(Code::StorageFailed, format!("the window's preferences cannot be {what}"))
        .about(path.display())
        .with_cause(cause)
        .with_hint("The migration is not affected; the window opens with its defaults next time.")
}
