//! Import, with its trap: what looks like a notebook becomes one, and loses its ending.

use crate::base::{Fields, Refusal};
use crate::state::workspace::{Kind, parent, place};
use crate::web::{Answer, WorkspaceFiles, done};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Of notebooks and files sent as JSON.
const MAX_BYTES: usize = 10 << 20;

struct Import {
    path: String,
    format: String,
    language: Option<String>,
    overwrite: bool,
    content: Vec<u8>,
}

pub async fn import(State(state): State<WorkspaceFiles>, request: Request) -> Answer {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let import = if kind.starts_with("multipart/form-data") { form(request).await? } else { object(request).await? };
    if import.content.len() > MAX_BYTES {
        let message = format!("content size exceeded the limit of {MAX_BYTES} bytes");
        return Err(Refusal::new(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", message));
    }
    let requested = place(&import.path)?;
    let (path, kind, language) = becomes(&requested, &import)?;
    let now = state.common.now();
    let mut tree = state.tree.lock();
    let above = parent(&path);
    if tree.get(above).is_none_or(|node| node.kind != Kind::Directory) {
        return Err(Refusal::absent(format!("The parent folder ({above}) does not exist.")));
    }
    match tree.get(&path) {
        Some(_) if !import.overwrite => {
            return Err(Refusal::new(400, "RESOURCE_ALREADY_EXISTS", format!("{path} already exists.")));
        }
        Some(node) if node.kind != kind => {
            let message = format!("Cannot overwrite the asset at {path} due to type mismatch.");
            return Err(Refusal::invalid(message));
        }
        _ => {}
    }
    let local = state.folder.workspace(&path)?;
    if let Some(folder) = local.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(local, &import.content)?;
    tree.put(&path, kind, language, import.content.len() as u64, now);
    done()
}

/// Where it goes, as what, in which language.
fn becomes(path: &str, import: &Import) -> Result<(String, Kind, Option<&'static str>), Refusal> {
    let by_ending = [
        (".py", "PYTHON", "# Databricks notebook source"),
        (".sql", "SQL", "-- Databricks notebook source"),
        (".scala", "SCALA", "// Databricks notebook source"),
        (".r", "R", "# Databricks notebook source"),
    ];
    let ending = by_ending.iter().find(|(ending, _, _)| path.to_ascii_lowercase().ends_with(ending));
    let bare = |ending: &str| path.get(..path.len() - ending.len()).unwrap_or(path).to_owned();
    match import.format.as_str() {
        "RAW" => Ok((path.to_owned(), Kind::File, None)),
        "AUTO" => match ending {
            Some((ending, language, start)) if import.content.starts_with(start.as_bytes()) => {
                Ok((bare(ending), Kind::Notebook, Some(language)))
            }
            _ => Ok((path.to_owned(), Kind::File, None)),
        },
        "SOURCE" => {
            let known = ["PYTHON", "SQL", "SCALA", "R"];
            let language = import.language.as_deref().and_then(|word| known.into_iter().find(|one| *one == word));
            let language = language.ok_or_else(|| Refusal::invalid("Language must be set to import as SOURCE"))?;
            Ok((path.to_owned(), Kind::Notebook, Some(language)))
        }
        "JUPYTER" => Ok((path.to_owned(), Kind::Notebook, Some("PYTHON"))),
        other => Err(Refusal::invalid(format!("Unsupported import format: {other}"))),
    }
}

async fn object(request: Request) -> Result<Import, Refusal> {
    let fields = Fields::from_request(request, &()).await?;
    let content = fields.text("content")?.unwrap_or_default();
    Ok(Import {
        path: fields.must_text("path")?.to_owned(),
        format: fields.text("format")?.unwrap_or("SOURCE").to_owned(),
        language: fields.text("language")?.map(str::to_owned),
        overwrite: fields.flag("overwrite"),
        content: STANDARD.decode(content).map_err(|_| Refusal::invalid("content is not base64"))?,
    })
}

async fn form(request: Request) -> Result<Import, Refusal> {
    let broken = |error: &dyn std::fmt::Display| Refusal::malformed(format!("Not a form: {error}"));
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
    let mut import = Import {
        path: String::new(),
        format: "SOURCE".to_owned(),
        language: None,
        overwrite: false,
        content: Vec::new(),
    };
    while let Some(part) = parts.next_field().await.map_err(|error| broken(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(|error| broken(&error))?;
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            "path" => import.path = text(),
            "format" => import.format = text(),
            "language" => import.language = Some(text()),
            "overwrite" => import.overwrite = text() == "true",
            "content" => import.content = bytes.to_vec(),
            _ => {}
        }
    }
    if import.path.is_empty() {
        return Err(Refusal::invalid("Missing required field: path"));
    }
    Ok(import)
}
