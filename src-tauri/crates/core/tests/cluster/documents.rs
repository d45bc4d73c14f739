//! The Data Docs of a check come home whole, or not at all.

use crate::fixture::Fixture;
use icebridge_core::governance::documents;
use icebridge_model::Code;
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const DOCS: &str = "/Volumes/main/default/icebridge/p/s-1/docs-1";

struct Home {
    fixture: Fixture,
    remote: PathBuf,
    folder: TempDir,
}

impl Home {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let remote = fixture.sandbox.folder().join(DOCS.trim_start_matches('/'));
        Self { fixture, remote, folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.remote.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn local(&self) -> PathBuf {
        self.folder.path().join("jobs/docs")
    }

    async fn fetch(&self) -> icebridge_model::Result<PathBuf> {
        documents::fetch(&self.fixture.client, DOCS, &self.local(), &CancellationToken::new()).await
    }

    /// Whether nothing was left, half or beside.
    fn is_empty(&self) -> bool {
        let above = self.folder.path().join("jobs");
        !above.exists() || std::fs::read_dir(above).unwrap().next().is_none()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_folder_comes_home_once() {
    let home = Home::new().await;
    home.put("index.html", b"<p>index");
    home.put("validations/main.s.a rows/1.html", b"<p>page");
    home.put("static/empty.css", b"");
    let index = home.fetch().await.unwrap();
    assert_eq!(index, home.local().join("index.html"));
    let read = |name: &str| std::fs::read(home.local().join(name)).unwrap();
    assert_eq!(read("index.html"), b"<p>index");
    assert_eq!(read("validations/main.s.a rows/1.html"), b"<p>page");
    assert!(read("static/empty.css").is_empty());
    let asked = home.fixture.count("requests").await;
    assert_eq!(home.fetch().await.unwrap(), index);
    assert_eq!(home.fixture.count("requests").await, asked, "it is there");
    let beside: Vec<_> = std::fs::read_dir(home.folder.path().join("jobs")).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    // An empty folder holds no documents yet.
    std::fs::remove_dir_all(home.local()).unwrap();
    std::fs::create_dir(home.local()).unwrap();
    home.fetch().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_missing_or_has_no_index_is_an_error() {
    let home = Home::new().await;
    assert_eq!(home.fetch().await.unwrap_err().code, Code::ObjectNotFound);
    home.put("other.html", b"x");
    assert_eq!(home.fetch().await.unwrap_err().code, Code::ObjectNotFound);
    assert!(home.is_empty());
    let (outside, cancel) = ("/Volumes/main/default/icebridge/../x", CancellationToken::new());
    let refused = documents::fetch(&home.fixture.client, outside, Path::new("unused"), &cancel).await;
    assert_eq!(refused.unwrap_err().code, Code::InvalidInput);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_files_or_bytes_are_refused_before_any_is_read() {
    let home = Home::new().await;
    home.put("index.html", b"x");
    for number in 0..2_000 {
        home.put(&format!("many/{number}.html"), b"x");
    }
    assert_eq!(home.fetch().await.unwrap_err().code, Code::Unsupported);
    std::fs::remove_dir_all(home.remote.join("many")).unwrap();
    let long = std::fs::File::create(home.remote.join("long.html")).unwrap();
    // Without a byte on the disk.
    long.set_len(200 << 20).unwrap();
    assert_eq!(home.fetch().await.unwrap_err().code, Code::Unsupported);
    assert_eq!(home.fixture.asked("GET /api/2.0/fs/files/*").await, 0);
    assert!(home.is_empty());
    std::fs::remove_file(home.remote.join("long.html")).unwrap();
    home.fetch().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_or_a_broken_line_leaves_nothing_and_the_next_fetch_brings_it() {
    let home = Home::new().await;
    home.put("index.html", b"<p>index");
    home.put("a/b.html", b"<p>page");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cancelled = documents::fetch(&home.fixture.client, DOCS, &home.local(), &cancel).await;
    assert_eq!(cancelled.unwrap_err().code, Code::Cancelled);
    assert!(home.is_empty());
    home.fixture.fault("/api/2.0/fs/files/*", "error", 1000, json!({"status": 403, "code": "PERMISSION_DENIED"})).await;
    assert_eq!(home.fetch().await.unwrap_err().code, Code::AccessDenied);
    assert!(home.is_empty());
    home.fixture.delete("faults").await;
    home.fetch().await.unwrap();
    assert_eq!(std::fs::read(home.local().join("a/b.html")).unwrap(), b"<p>page");
}
