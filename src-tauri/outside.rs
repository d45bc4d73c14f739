//! What the window may open outside of itself: public pages, pages of this very machine, folders that are there, and
//! documents that the product itself put into the state folder.

use crate::backend::Backend;
use icebridge_model::{Code, Error, Result};
use std::path::{Path, PathBuf};
use tauri::State;

#[tauri::command]
pub async fn open_link(url: String) -> Result<()> {
    if !is_public_page(&url) && !is_page_of_this_machine(&url) {
        return Err(Error::invalid("only links to web pages are opened").about(url));
    }
    icebridge_api::open_address(&url)
}

#[tauri::command]
pub async fn open_folder(path: String) -> Result<()> {
    let Some(folder) = folder_of(Path::new(&path)) else {
        return Err(Error::new(Code::FileMissing, "this folder is not there").about(path));
    };
    icebridge_api::open_folder(folder).map_err(|e| e.with_hint("Open the folder by its path."))
}

/// Of a file the folder that it is in: opening the file would start whatever program claims it.
fn folder_of(path: &Path) -> Option<&Path> {
    let folder = if path.is_file() { path.parent()? } else { path };
    folder.is_dir().then_some(folder)
}

/// A page of Data Docs. They are the one thing that is opened as a file, and they lie in one folder.
#[tauri::command]
pub async fn open_document(backend: State<'_, Backend>, path: String) -> Result<()> {
    let page = document(&backend.state_dir().join("docs"), Path::new(&path))?;
    icebridge_api::open_page(&page).map_err(|e| e.with_hint("Open the file in a browser by its path."))
}

/// The page as it really is, links followed: an `index.html` below the folder, and nothing else.
fn document(folder: &Path, path: &Path) -> Result<PathBuf> {
    let missing = |e: std::io::Error| {
        Error::new(Code::FileMissing, "this document is not there")
            .about(path.display())
            .with_cause(e)
            .with_hint("Run the plan again: it changes nothing, and fetches what is not here.")
    };
    let page = path.canonicalize().map_err(missing)?;
    let folder = folder.canonicalize().map_err(missing)?;
    if !page.starts_with(&folder) || page.file_name().is_none_or(|name| name != "index.html") || !page.is_file() {
        return Err(Error::invalid("only documents of IceBridge's own are opened").about(path.display()));
    }
    Ok(page)
}

/// An https address without anything a shell or a credential could hide in.
fn is_public_page(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`' | '<' | '>' | '|' | '\\' | '^'))
}

/// A sandbox's page, which has no certificate: by its number and port, and nothing after them.
fn is_page_of_this_machine(url: &str) -> bool {
    let port = url.strip_prefix("http://127.0.0.1:").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_machine_only_the_front_page_is_opened() {
        assert!(is_page_of_this_machine("http://127.0.0.1:8765/"));
        for url in [
            "http://127.0.0.1:8765/sandbox/gate",
            "http://127.0.0.1:0",
            "http://127.0.0.1",
            "http://127.0.0.1:80@x.org",
        ] {
            assert!(!is_page_of_this_machine(url), "{url}");
        }
    }

    #[test]
    fn only_public_pages_are_opened() {
        assert!(is_public_page("https://iceberg.apache.org/spec/#deletes"));
        for url in [
            "http://x.org",
            "file:///etc/passwd",
            "https://",
            "https://a@b.org",
            "https://x.org/`id`",
            "https://x.org/ a",
            "javascript:1",
        ] {
            assert!(!is_public_page(url), "{url}");
        }
    }

    #[test]
    fn of_a_file_its_folder_is_opened() {
        let folder = std::env::temp_dir().join(format!("icebridge-folders-{}", std::process::id()));
        let file = folder.join("bundle.zip");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, "x").unwrap();
        assert_eq!((folder_of(&file), folder_of(&folder)), (Some(folder.as_path()), Some(folder.as_path())));
        assert_eq!(folder_of(&folder.join("none.zip")), None);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_own_documents_are_opened() {
        let base = std::env::temp_dir().join(format!("icebridge-documents-{}", std::process::id()));
        let docs = base.join("docs");
        let page = docs.join("plan").join("sales.orders").join("index.html");
        std::fs::create_dir_all(page.parent().unwrap()).unwrap();
        for file in [&page, &base.join("index.html"), &docs.join("notes.html")] {
            std::fs::write(file, "<p>").unwrap();
        }
        assert_eq!(document(&docs, &page).unwrap(), page.canonicalize().unwrap());
        let refused = |path: PathBuf| document(&docs, &path).unwrap_err().code;
        assert_eq!(refused(base.join("index.html")), Code::InvalidInput);
        assert_eq!(refused(docs.join("..").join("index.html")), Code::InvalidInput);
        assert_eq!(refused(docs.join("notes.html")), Code::InvalidInput);
        assert_eq!(refused(docs.join("plan")), Code::InvalidInput);
        assert_eq!(refused(docs.join("gone").join("index.html")), Code::FileMissing);
        #[cfg(unix)]
        {
            let way_out = docs.join("out");
            std::os::unix::fs::symlink(&base, &way_out).unwrap();
            assert_eq!(refused(way_out.join("index.html")), Code::InvalidInput, "links are followed first");
        }
        std::fs::remove_dir_all(base).unwrap();
    }
}
