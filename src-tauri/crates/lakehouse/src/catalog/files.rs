//! Tables with no catalog: a folder that holds tables, one table's folder, or one metadata.json.

use super::{Catalog, Secrets, no_such_table};
use crate::limits::Limit;
use crate::metadata::TableMetadata;
use crate::storage::{Child, Storage};
use crate::table::Table;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::facts::UnconfirmedMetadata;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::Mutex;

/// A warehouse is a few levels deep; what goes deeper or wider than this is some other folder, chosen by mistake.
const MAX_DEPTH: usize = 8;
const MAX_FOLDERS: usize = 50_000;
const FOLDERS_AT_ONCE: usize = 16;

/// The namespace of tables that lie straight in the given folder: a table needs one to be mapped and to be a target.
const DEFAULT_NAMESPACE: &str = "default";

#[derive(Debug)]
pub(super) struct FilesCatalog {
    spec: CatalogSpec,
    storage: Storage,
    root: String,
    /// The tables of the last walk and where they lie.
    found: Mutex<Option<BTreeMap<TableIdent, TablePath>>>,
}

#[derive(Clone, Debug)]
enum TablePath {
    Folder(String),
    Metadata(String),
}

impl FilesCatalog {
    pub(super) fn open(spec: &CatalogSpec, secrets: &Secrets) -> Result<Self> {
        let storage = Storage::new(&spec.properties, secrets)?.of_catalog(spec)?;
        let uri = spec.uri.trim_end_matches('/');
        if uri.is_empty() {
            return Err(Error::invalid("the path to the tables is empty").about(&spec.name));
        }
        // A path typed by a person may be relative; paths in metadata are compared with it later.
        let root = if uri.contains("://") || uri.starts_with("file:") {
            uri.to_string()
        } else {
            let absolute =
                std::path::absolute(uri).map_err(|e| Error::invalid("this is no path").about(uri).with_cause(e))?;
            absolute.to_string_lossy().into_owned()
        };
        Ok(Self { spec: spec.clone(), storage, root, found: Mutex::new(None) })
    }

    async fn walk(&self) -> Result<BTreeMap<TableIdent, TablePath>> {
        if is_metadata_file(last_part(&self.root)) {
            self.storage.size(&self.root).await?;
            // …/orders/metadata/v3.metadata.json is the table orders.
            let folder = parent(&self.root);
            let folder = if last_part(folder) == "metadata" { parent(folder) } else { folder };
            let ident = TableIdent::new([DEFAULT_NAMESPACE], table_name(folder));
            return Ok(BTreeMap::from([(ident, TablePath::Metadata(self.root.clone()))]));
        }
        let here = self.storage.children(&self.root).await?;
        if here.is_empty() && !self.there().await? {
            return Err(Error::new(Code::CatalogNotFound, "there is no such folder")
                .about(&self.root)
                .with_hint("Give a folder that holds Iceberg tables, one table's folder, or one metadata.json."));
        }
        if self.is_table(&self.root, &here).await? {
            let ident = TableIdent::new([DEFAULT_NAMESPACE], table_name(&self.root));
            return Ok(BTreeMap::from([(ident, TablePath::Folder(self.root.clone()))]));
        }
        let mut tables = BTreeMap::new();
        let mut level = folders(&self.root, &[], &here);
        let mut seen = 0;
        for _ in 0..MAX_DEPTH {
            seen += level.len();
            if seen > MAX_FOLDERS {
                return Err(Error::invalid(format!("there are more than {MAX_FOLDERS} folders to look through"))
                    .about(&self.root)
                    .with_hint("Give a folder nearer to the tables."));
            }
            let looked = futures::stream::iter(level.into_iter().map(|(folder, parts)| async move {
                let children = self.storage.children(&folder).await?;
                let is_table = self.is_table(&folder, &children).await?;
                Ok::<_, Error>((folder, parts, children, is_table))
            }));
            let looked: Vec<_> = looked.buffer_unordered(FOLDERS_AT_ONCE).try_collect().await?;
            level = Vec::new();
            for (folder, parts, children, is_table) in looked {
                if is_table {
                    tables.insert(ident(parts), TablePath::Folder(folder));
                } else {
                    level.extend(folders(&folder, &parts, &children));
                }
            }
            if level.is_empty() {
                break;
            }
        }
        Ok(tables)
    }

    /// Object stores have no empty folders, so there an empty one is one that is not there.
    async fn there(&self) -> Result<bool> {
        match crate::storage::Location::parse(&self.root)? {
            crate::storage::Location::Local(path) => {
                Ok(tokio::fs::metadata(path).await.is_ok_and(|found| found.is_dir()))
            }
            _ => Ok(false),
        }
    }

    async fn is_table(&self, folder: &str, children: &[Child]) -> Result<bool> {
        if !children.iter().any(|c| c.is_folder && c.name == "metadata") {
            return Ok(false);
        }
        let metadata = self.storage.children(&format!("{folder}/metadata")).await?;
        Ok(metadata.iter().any(|c| !c.is_folder && is_metadata_file(&c.name)))
    }

    async fn table_path(&self, table: &TableIdent) -> Result<TablePath> {
        let mut found = self.found.lock().await;
        if let Some(path) = found.as_ref().and_then(|tables| tables.get(table)) {
            return Ok(path.clone());
        }
        let tables = found.insert(self.walk().await?);
        tables.get(table).cloned().ok_or_else(|| no_such_table(table, &self.spec.name))
    }

    /// The newest metadata of a table, as Hadoop's catalog finds it: the version hint and what follows it; without a hint
    /// the highest version number, and among equals the latest update. Where nothing says that it was committed all
    /// candidates come with it.
    async fn newest(&self, folder: &str) -> Result<(String, Option<Vec<String>>)> {
        let metadata = format!("{folder}/metadata");
        let children = self.storage.children(&metadata).await?;
        let mut versions: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for child in children.iter().filter(|c| !c.is_folder) {
            if let Some(version) = version_of(&child.name) {
                versions.entry(version).or_default().push(&child.name);
            }
        }
        if children.iter().any(|c| c.name == "version-hint.text") {
            let hint = self.storage.read(&format!("{metadata}/version-hint.text"), Limit::VersionHint).await?;
            if let Some(name) = hinted(&String::from_utf8_lossy(&hint), &children, &versions) {
                return Ok((format!("{metadata}/{name}"), None));
            }
            tracing::warn!(folder, "the version hint names no metadata file; taking the highest version");
        }
        let Some((_, names)) = versions.last_key_value() else {
            return Err(Error::new(Code::FileMissing, "the table's folder has no metadata.json any more").about(folder));
        };
        let mut newest: Option<(i64, &str)> = None;
        for name in names {
            // One candidate needs no look inside; a broken one among several does not hide a whole one.
            let updated = if names.len() == 1 {
                0
            } else {
                let path = format!("{metadata}/{name}");
                match self
                    .storage
                    .read(&path, Limit::MetadataJson)
                    .await
                    .and_then(|bytes| TableMetadata::parse(&bytes, &path))
                {
                    Ok(parsed) => parsed.last_updated_ms,
                    Err(e) if matches!(e.code, Code::MetadataBroken | Code::LimitExceeded) => i64::MIN,
                    Err(e) => return Err(e),
                }
            };
            if newest.is_none_or(|(latest, _)| updated >= latest) {
                newest = Some((updated, name));
            }
        }
        let (_, name) = newest.ok_or_else(|| Error::internal("no newest metadata").about(folder))?;
        // Hadoop's catalog commits by creating the next `v` file, so that the last one is the truth even without a hint.
        let is_hadoops = versions.values().flatten().all(|name| name.starts_with('v'));
        let candidates = || versions.values().flatten().map(|name| (*name).to_string()).collect();
        Ok((format!("{metadata}/{name}"), (!is_hadoops).then(candidates)))
    }
}

/// What else of a folder could be the table's metadata: files that the one that was taken does not come after.
fn unconfirmed(taken: &Table, candidates: &[String]) -> UnconfirmedMetadata {
    let log = taken.metadata.raw.get("metadata-log").and_then(Value::as_array);
    let before: BTreeSet<&str> = log
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("metadata-file").and_then(Value::as_str))
        .map(last_part)
        .collect();
    // The log is cut at its beginning. A file from before that is no rival.
    let oldest = before.iter().filter_map(|name| version_of(name)).min();
    let name = last_part(&taken.metadata_location);
    let rivals = candidates.iter().filter(|other| {
        *other != name
            && !before.contains(other.as_str())
            && oldest.is_none_or(|oldest| version_of(other) >= Some(oldest))
    });
    UnconfirmedMetadata { candidates: candidates.len(), rivals: rivals.cloned().collect() }
}

/// What `version-hint.text` points to: a number, or (as some writers have it) a file's name. Writers update the hint after
/// the metadata, and may be killed in between, so a `v` file with the next number is newer.
fn hinted<'a>(text: &str, children: &'a [Child], versions: &BTreeMap<u64, Vec<&'a str>>) -> Option<&'a str> {
    let text = text.trim();
    let Ok(mut version) = text.parse::<u64>() else {
        let wanted = [text.to_string(), format!("{text}.metadata.json")];
        return children.iter().map(|c| c.name.as_str()).find(|name| wanted.iter().any(|w| w == name));
    };
    let of = |version: u64| versions.get(&version)?.iter().copied().find(|name| name.starts_with('v'));
    let mut name = of(version).or_else(|| match versions.get(&version)?.as_slice() {
        [one] => Some(*one),
        _ => None,
    })?;
    while let Some(following) = version.checked_add(1)
        && let Some(next) = of(following)
    {
        (name, version) = (next, following);
    }
    Some(name)
}

fn folders(folder: &str, parts: &[String], children: &[Child]) -> Vec<(String, Vec<String>)> {
    children
        .iter()
        // Hidden folders, and partitions of tables that are not Iceberg's.
        .filter(|c| c.is_folder && !c.name.starts_with('.') && !c.name.contains('='))
        .map(|c| (format!("{folder}/{}", c.name), parts.iter().cloned().chain([c.name.clone()]).collect()))
        .collect()
}

fn ident(mut parts: Vec<String>) -> TableIdent {
    let name = parts.pop().unwrap_or_default();
    if parts.is_empty() {
        parts.push(DEFAULT_NAMESPACE.into());
    }
    TableIdent { namespace: parts, name }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn last_part(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn table_name(folder: &str) -> String {
    let name = last_part(folder);
    if name.is_empty() || name.ends_with(':') { "table".into() } else { name.into() }
}

fn is_metadata_file(name: &str) -> bool {
    name.ends_with(".metadata.json") || name.ends_with(".metadata.json.gz")
}

/// `v12.metadata.json`, `v12.gz.metadata.json`, `00012-<uuid>.metadata.json`, and either with `.gz` at the end.
fn version_of(name: &str) -> Option<u64> {
    if !is_metadata_file(name) {
        return None;
    }
    let digits: String = name.strip_prefix('v').unwrap_or(name).chars().take_while(char::is_ascii_digit).collect();
    // A name without a number is a metadata file all the same, older than any that has one.
    Some(digits.parse().unwrap_or(0))
}

#[async_trait]
impl Catalog for FilesCatalog {
    fn spec(&self) -> &CatalogSpec {
        &self.spec
    }

    async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
        let namespaces: BTreeSet<_> = self.tables().await?.into_iter().map(|t| t.namespace).collect();
        Ok(namespaces.into_iter().collect())
    }

    async fn tables(&self) -> Result<Vec<TableIdent>> {
        let tables = self.walk().await?;
        let names = tables.keys().cloned().collect();
        *self.found.lock().await = Some(tables);
        Ok(names)
    }

    async fn load(&self, table: &TableIdent) -> Result<Table> {
        let (location, candidates) = match self.table_path(table).await? {
            TablePath::Metadata(path) => (path, None),
            TablePath::Folder(folder) => self.newest(&folder).await.map_err(|e| e.about(table))?,
        };
        let mut found = Table::open(table.clone(), location, self.storage.clone()).await?;
        found.unconfirmed = candidates.map(|candidates| unconfirmed(&found, &candidates));
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
