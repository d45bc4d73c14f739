//! Files of the workspace: where the scripts of jobs lie.

use crate::client::{Call, Client, Family};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceObject {
    #[serde(default)]
    pub path: String,
    /// FILE, NOTEBOOK, DIRECTORY and others.
    #[serde(default)]
    pub object_type: Option<String>,
    #[serde(default)]
    pub object_id: Option<i64>,
    #[serde(default)]
    pub modified_at: Option<i64>,
    #[serde(default)]
    pub size: Option<i64>,
}

/// With this as its first line a Python file becomes a notebook and loses the end of its name.
const NOTEBOOK: &str = "# Databricks notebook source";
const LONGEST: usize = 10 << 20;

impl Client {
    /// With all folders above it. What is there stays.
    pub async fn make_workspace_folder(&self, path: &str) -> Result<()> {
        // Documented to do nothing if it exists.
        let call = Call::post(Family::Workspace, "/api/2.0/workspace/mkdirs").idempotent();
        self.execute(call.json(&json!({"path": path}))?).await?;
        Ok(())
    }

    /// A plain file, in place of what was there. Its folder is made first: the import would fail without.
    pub async fn import_file(&self, path: &str, content: &[u8]) -> Result<()> {
        if content.starts_with(NOTEBOOK.as_bytes()) {
            return Err(Error::invalid("a file that begins like a notebook would become one, under another name")
                .about(path)
                .with_hint(format!("Take the line `{NOTEBOOK}` out of it.")));
        }
        if content.len() > LONGEST {
            return Err(Error::invalid("the workspace takes files up to 10 MB")
                .about(path)
                .with_hint("Put it on a volume."));
        }
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            self.make_workspace_folder(folder).await?;
        }
        let body = json!({"path": path, "format": "AUTO", "overwrite": true, "content": STANDARD.encode(content)});
        // The same file in the same place: written twice is written.
        let call = Call::post(Family::Workspace, "/api/2.0/workspace/import").idempotent();
        self.execute(call.json(&body)?).await?;
        Ok(())
    }

    pub async fn workspace_object(&self, path: &str) -> Result<Option<WorkspaceObject>> {
        self.find(Call::get(Family::Workspace, "/api/2.0/workspace/get-status").query("path", path)).await
    }
}
