//! The tree of folders, files and notebooks. Contents lie on the disk, what they are is here.

use super::principals::{ADMIN, PILOT, SERVICE_PRINCIPAL};
use crate::base::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File,
    Notebook,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    pub language: Option<String>,
    pub id: u64,
    pub created: i64,
    pub modified: i64,
    pub size: u64,
}

#[derive(Debug)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    last_id: u64,
}

/// `/Workspace/Users/x` and `/Users/x` are one place.
pub fn place(path: &str) -> Result<String, Refusal> {
    if !path.starts_with('/') {
        return Err(Refusal::invalid(format!("Path ({path}) doesn't start with '/'")));
    }
    let path = match path.strip_prefix("/Workspace") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    };
    super::folder::inside(path)?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    Ok(format!("/{}", parts.join("/")))
}

pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

impl Tree {
    pub fn new(now: i64) -> Self {
        let mut tree = Self { nodes: BTreeMap::new(), last_id: 900_000 };
        let homes = [ADMIN, PILOT, SERVICE_PRINCIPAL].map(|name| format!("/Users/{name}"));
        for path in ["/", "/Users", "/Shared", "/Repos"].into_iter().chain(homes.iter().map(String::as_str)) {
            tree.put(path, Kind::Directory, None, 0, now);
        }
        tree
    }

    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    pub fn must(&self, path: &str) -> Result<&Node, Refusal> {
        self.get(path).ok_or_else(|| Refusal::absent(format!("Path ({path}) doesn't exist.")))
    }

    pub fn put(&mut self, path: &str, kind: Kind, language: Option<&str>, size: u64, now: i64) {
        self.last_id += 1;
        let fresh =
            Node { kind, language: language.map(str::to_owned), id: self.last_id, created: now, modified: now, size };
        self.nodes
            .entry(path.to_owned())
            .and_modify(|old| *old = Node { id: old.id, created: old.created, ..fresh.clone() })
            .or_insert(fresh);
    }

    /// With all that is missing above it.
    pub fn mkdirs(&mut self, path: &str, now: i64) -> Result<(), Refusal> {
        let mut missing = Vec::new();
        let mut at = path;
        loop {
            match self.get(at) {
                None => missing.push(at.to_owned()),
                Some(node) if node.kind == Kind::Directory => break,
                Some(_) => {
                    let message = format!("Path ({at}) already exists and is not a folder.");
                    return Err(Refusal::new(400, "RESOURCE_ALREADY_EXISTS", message));
                }
            }
            at = parent(at);
        }
        for path in missing {
            self.put(&path, Kind::Directory, None, 0, now);
        }
        Ok(())
    }

    pub fn children(&self, path: &str) -> Vec<String> {
        let start = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let below = self.nodes.keys().filter(|name| name.starts_with(&start) && *name != "/");
        below.filter(|name| name.get(start.len()..).is_some_and(|rest| !rest.contains('/'))).cloned().collect()
    }

    /// What may be deleted: no top folder, and a folder with content only with all of it.
    pub fn check_removal(&self, path: &str, recursive: bool) -> Result<Kind, Refusal> {
        let kind = self.must(path)?.kind;
        if path.matches('/').count() < 2 {
            return Err(Refusal::bad(format!("Path ({path}) is a protected folder.")));
        }
        if kind == Kind::Directory && !recursive && !self.children(path).is_empty() {
            return Err(Refusal::new(400, "DIRECTORY_NOT_EMPTY", format!("Folder ({path}) is not empty")));
        }
        Ok(kind)
    }

    pub fn remove(&mut self, path: &str) {
        let start = format!("{path}/");
        self.nodes.retain(|name, _| name != path && !name.starts_with(&start));
    }

    pub fn payload(&self, path: &str) -> Result<Value, Refusal> {
        let node = self.must(path)?;
        let mut payload = json!({"path": path, "object_id": node.id, "resource_id": node.id.to_string()});
        payload["object_type"] = match node.kind {
            Kind::Directory => "DIRECTORY",
            Kind::File => "FILE",
            Kind::Notebook => "NOTEBOOK",
        }
        .into();
        if node.kind != Kind::Directory {
            payload["created_at"] = node.created.into();
            payload["modified_at"] = node.modified.into();
        }
        if node.kind == Kind::File {
            payload["size"] = node.size.into();
        }
        if let Some(language) = &node.language {
            payload["language"] = language.as_str().into();
        }
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_path_are_one_place_and_nothing_leaves_the_tree() {
        assert_eq!(place("/Workspace/Users/x//y").unwrap(), "/Users/x/y");
        assert_eq!(place("/Workspaces/x").unwrap(), "/Workspaces/x");
        assert_eq!(place("/Workspace").unwrap(), "/");
        for bad in ["Users/x", "/Users/../x", ""] {
            assert!(place(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_folder_is_made_with_its_parents_and_removed_with_its_children() {
        let mut tree = Tree::new(1);
        tree.mkdirs("/Shared/a/b", 2).unwrap();
        tree.put("/Shared/a/b/f.py", Kind::File, None, 3, 2);
        tree.put("/Shared/ab", Kind::File, None, 3, 2);
        assert!(tree.mkdirs("/Shared/ab/c", 2).is_err(), "a file is no folder");
        assert_eq!(tree.children("/Shared"), ["/Shared/a", "/Shared/ab"]);
        assert!(tree.check_removal("/Shared", true).is_err(), "protected");
        assert!(tree.check_removal("/Shared/a", false).is_err(), "not empty");
        assert_eq!(tree.check_removal("/Shared/a", true).unwrap(), Kind::Directory);
        tree.remove("/Shared/a");
        assert_eq!(tree.children("/Shared"), ["/Shared/ab"]);
        assert!(tree.get("/Shared/a/b/f.py").is_none());
    }
}
