//! Files of the workspace: where the scripts of jobs lie.

use crate::client::{Call, Client, Family};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::{Code, Error, Result};
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

impl WorkspaceObject {
    pub fn is_folder(&self) -> bool {
        self.object_type.as_deref() == Some("DIRECTORY")
    }

    pub fn is_file(&self) -> bool {
        self.object_type.as_deref() == Some("FILE")
    }

    /// In its folder. Some answers leave `/Workspace` out at the front of a path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
struct Objects {
    #[serde(default)]
    objects: Vec<WorkspaceObject>,
}

#[derive(Deserialize)]
struct Exported {
    content: String,
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

    /// What a folder holds; nothing, where there is no such folder.
    pub async fn workspace_children(&self, folder: &str) -> Result<Vec<WorkspaceObject>> {
        let call = Call::get(Family::Workspace, "/api/2.0/workspace/list").query("path", folder);
        Ok(self.find::<Objects>(call).await?.unwrap_or_default().objects)
    }

    /// A plain file as it is.
    pub async fn export_file(&self, path: &str) -> Result<Vec<u8>> {
        let call =
            Call::get(Family::Workspace, "/api/2.0/workspace/export").query("path", path).query("format", "AUTO");
        let exported: Exported = self.fetch(call).await?;
        STANDARD.decode(exported.content.as_bytes()).map_err(|e| {
            Error::new(Code::WorkspaceFailed, "the workspace's answer is not Base64").about(path).with_cause(e)
        })
    }

    /// With all that is in it. No error if there was none.
    pub async fn delete_workspace_folder(&self, path: &str) -> Result<()> {
        let call = Call::post(Family::Workspace, "/api/2.0/workspace/delete").idempotent();
        self.execute_if_there(call.json(&json!({"path": path, "recursive": true}))?).await
    }
}
