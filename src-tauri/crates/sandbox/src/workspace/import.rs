//! Import, with its trap: what looks like a notebook becomes one, and loses its ending.

use super::tree::{Kind, parent, place};
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// Of notebooks and files sent as JSON.
const LARGEST: usize = 10 << 20;

struct Wanted {
    path: String,
    format: String,
    language: Option<String>,
    overwrite: bool,
    content: Vec<u8>,
}

pub async fn import(State(world): State<Shared>, request: Request) -> Answer {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = if kind.starts_with("multipart/form-data") { form(request).await? } else { object(request).await? };
    if wanted.content.len() > LARGEST {
        let words = format!("content size exceeded the limit of {LARGEST} bytes");
        return Err(Refusal::new(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", words));
    }
    let asked = place(&wanted.path)?;
    let (path, kind, language) = becomes(&asked, &wanted)?;
    let now = world.clock.now();
    let mut tree = locked(&world.workspace);
    let above = parent(&path);
    if tree.get(above).is_none_or(|node| node.kind != Kind::Directory) {
        return Err(Refusal::absent(format!("The parent folder ({above}) does not exist.")));
    }
    match tree.get(&path) {
        Some(_) if !wanted.overwrite => {
            return Err(Refusal::new(400, "RESOURCE_ALREADY_EXISTS", format!("{path} already exists.")));
        }
        Some(node) if node.kind != kind => {
            let words = format!("Cannot overwrite the asset at {path} due to type mismatch.");
            return Err(Refusal::invalid(words));
        }
        _ => {}
    }
    let local = world.folder.workspace(&path)?;
    if let Some(folder) = local.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(local, &wanted.content)?;
    tree.put(&path, kind, language, wanted.content.len() as u64, now);
    Ok(Json(json!({})))
}

/// Where it goes, as what, in which language.
fn becomes(path: &str, wanted: &Wanted) -> Result<(String, Kind, Option<&'static str>), Refusal> {
    let by_ending = [
        (".py", "PYTHON", "# Databricks notebook source"),
        (".sql", "SQL", "-- Databricks notebook source"),
        (".scala", "SCALA", "// Databricks notebook source"),
        (".r", "R", "# Databricks notebook source"),
    ];
    let ending = by_ending.iter().find(|(ending, _, _)| path.to_ascii_lowercase().ends_with(ending));
    let bare = |ending: &str| path.get(..path.len() - ending.len()).unwrap_or(path).to_owned();
    match wanted.format.as_str() {
        "RAW" => Ok((path.to_owned(), Kind::File, None)),
        "AUTO" => match ending {
            Some((ending, language, start)) if wanted.content.starts_with(start.as_bytes()) => {
                Ok((bare(ending), Kind::Notebook, Some(language)))
            }
            _ => Ok((path.to_owned(), Kind::File, None)),
        },
        "SOURCE" => {
            let known = ["PYTHON", "SQL", "SCALA", "R"];
            let language = wanted.language.as_deref().and_then(|word| known.into_iter().find(|one| *one == word));
            let language = language.ok_or_else(|| Refusal::invalid("Language must be set to import as SOURCE"))?;
            Ok((path.to_owned(), Kind::Notebook, Some(language)))
        }
        "JUPYTER" => Ok((path.to_owned(), Kind::Notebook, Some("PYTHON"))),
        other => Err(Refusal::invalid(format!("Unsupported import format: {other}"))),
    }
}

async fn object(request: Request) -> Result<Wanted, Refusal> {
    let fields = Fields::from_request(request, &()).await?;
    let content = fields.text("content")?.unwrap_or_default();
    Ok(Wanted {
        path: fields.must_text("path")?.to_owned(),
        format: fields.text("format")?.unwrap_or("SOURCE").to_owned(),
        language: fields.text("language")?.map(str::to_owned),
        overwrite: fields.flag("overwrite"),
        content: STANDARD.decode(content).map_err(|_| Refusal::invalid("content is not base64"))?,
    })
}

async fn form(request: Request) -> Result<Wanted, Refusal> {
    let broken = |error: &dyn std::fmt::Display| Refusal::new(400, "MALFORMED_REQUEST", format!("Not a form: {error}"));
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
    let mut wanted = Wanted {
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
            "path" => wanted.path = text(),
            "format" => wanted.format = text(),
            "language" => wanted.language = Some(text()),
            "overwrite" => wanted.overwrite = text() == "true",
            "content" => wanted.content = bytes.to_vec(),
            _ => {}
        }
    }
    if wanted.path.is_empty() {
        return Err(Refusal::invalid("Missing required field: path"));
    }
    Ok(wanted)
}
