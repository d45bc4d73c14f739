use super::{Child, OnBytes, Storage};
use crate::limits::Limit;
use bytes::Bytes;
use futures::TryStreamExt;
use icebridge_model::Code;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Names that some layer would decode, encode, cut or hide.
const NAMES: &[&str] =
    &["a b", "%20", "%41=b", "ü", "a#b", "a?b=c&d", "x=1/y=2", "{curly}[~]^", "-dash", ".dot", "a+b", "ﾊ"];

fn storage() -> Storage {
    Storage::local().unwrap()
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn silent() -> OnBytes {
    Arc::new(|_| {})
}

#[tokio::test]
async fn every_name_is_taken_literally_in_every_form() {
    let root = tempfile::tempdir().unwrap();
    let storage = storage();
    for name in NAMES {
        for form in ["", "file:", "file://"] {
            let path = format!("{form}{}/{name}/data file.parquet", root.path().display());
            let bytes = Bytes::from(path.clone());
            storage.write(&path, bytes.clone()).await.unwrap();
            assert_eq!(fs::read(root.path().join(name).join("data file.parquet")).unwrap(), bytes, "{path}");
            assert_eq!(storage.read(&path, Limit::Manifest).await.unwrap(), bytes);
            assert_eq!(storage.size(&path).await.unwrap(), bytes.len() as u64);
            let copy = format!("{path}.copy");
            storage.copy_from(&storage, &path, &copy, &silent()).await.unwrap();
            let folder = format!("{form}{}/{name}", root.path().display());
            let mut found: Vec<_> = storage.list(&folder).try_collect::<Vec<_>>().await.unwrap();
            found.sort_by(|a, b| a.path.cmp(&b.path));
            assert_eq!(
                found.iter().map(|e| &e.path).collect::<Vec<_>>(),
                [&path, &copy],
                "listed in the form asked for"
            );
            storage.delete(&copy).await.unwrap();
            storage.delete(&copy).await.unwrap();
            assert!(!storage.exists(&copy).await.unwrap());
            storage.delete_prefix(&folder).await.unwrap();
            assert!(!root.path().join(name).exists());
        }
    }
}

#[tokio::test]
async fn ranges_are_exact_and_a_short_file_is_broken() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("f").display().to_string();
    let bytes: Vec<u8> = (0..100).collect();
    storage().write(&path, bytes.clone().into()).await.unwrap();
    let pieces = storage().read_ranges(&path, &[90..100, 0..1, 5..5, 10..20]).await.unwrap();
    assert_eq!(pieces, [&bytes[90..100], &bytes[0..1], &[], &bytes[10..20]]);
    assert_eq!(storage().read_range(&path, 99..101).await.unwrap_err().code, Code::FileBroken);
    assert_eq!(storage().read_range(&path, 0..u64::MAX).await.unwrap_err().code, Code::FileBroken);
    assert_eq!(storage().read(&format!("{path}.none"), Limit::Manifest).await.unwrap_err().code, Code::FileMissing);
    let folder = root.path().display().to_string();
    assert_eq!(storage().size(&folder).await.unwrap_err().code, Code::FileMissing, "a folder is no file");
}

#[tokio::test]
async fn a_new_file_is_never_written_over() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("metadata/v1.metadata.json").display().to_string();
    assert!(storage().write_new(&path, "one".into()).await.unwrap());
    assert!(!storage().write_new(&path, "two".into()).await.unwrap());
    assert_eq!(storage().read(&path, Limit::Manifest).await.unwrap(), "one");
    storage().write(&path, "three".into()).await.unwrap();
    assert_eq!(storage().read(&path, Limit::Manifest).await.unwrap(), "three");
    assert_eq!(listing(&root.path().join("metadata")), ["v1.metadata.json"], "nothing temporary stays");
}

#[tokio::test]
async fn a_writers_file_appears_whole_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data/f").display().to_string();
    let mut writer = storage().writer(&path).await.unwrap();
    let mut sum = Sha256::new();
    for i in 0..5_u8 {
        for piece in [vec![i; 10], vec![i; (1 << 20) + 7], vec![i; 700 << 10]] {
            sum.update(&piece);
            writer.write(piece.into()).await.unwrap();
        }
    }
    assert!(!storage().exists(&path).await.unwrap());
    let size = writer.finish().await.unwrap();
    assert_eq!(size, storage().size(&path).await.unwrap());
    assert_eq!(Sha256::digest(fs::read(&path).unwrap()), sum.finalize());

    let mut dropped = storage().writer(&format!("{path}2")).await.unwrap();
    dropped.write(vec![1; 3 << 20].into()).await.unwrap();
    drop(dropped);
    assert_eq!(listing(&root.path().join("data")), ["f"]);
}

#[tokio::test]
async fn a_copy_is_counted_hashed_and_whole() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("far/away/to"));
    let bytes: Vec<u8> = (0..9_000_001_u32).map(|i| (i % 251) as u8).collect();
    fs::write(&from, &bytes).unwrap();
    let counted = Arc::new(AtomicU64::new(0));
    let count = counted.clone();
    let each: OnBytes = Arc::new(move |n| {
        count.fetch_add(n, Ordering::Relaxed);
    });
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let copied = storage().copy_from(&storage(), &from, &to, &each).await.unwrap();
    assert_eq!(copied.bytes, bytes.len() as u64);
    assert_eq!(counted.load(Ordering::Relaxed), copied.bytes);
    assert_eq!(copied.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(fs::read(&to).unwrap(), bytes);
    assert!(!storage().server_copy_from(&storage(), &from, &to).await.unwrap(), "there is no server to do it");
    let missing = storage().copy_from(&storage(), &format!("{from}x"), &to, &each).await.unwrap_err();
    assert_eq!((missing.code, missing.object), (Code::FileMissing, Some(format!("{from}x"))));
    assert_eq!(fs::read(&to).unwrap(), bytes, "a failed copy leaves the old file");
}

#[tokio::test]
async fn a_dropped_copy_stops_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("out/to"));
    fs::File::create(&from).unwrap().set_len(8 << 30).unwrap();
    let reached = Arc::new(AtomicU64::new(0));
    let count = reached.clone();
    let each: OnBytes = Arc::new(move |n| {
        count.fetch_add(n, Ordering::Relaxed);
    });
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let (source, target) = (storage(), storage());
    let copy = target.copy_from(&source, &from, &to, &each);
    assert!(tokio::time::timeout(Duration::from_millis(100), copy).await.is_err());
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        if listing(&root.path().join("out")).is_empty() {
            assert!(reached.load(Ordering::Relaxed) < 8 << 30);
            return;
        }
    }
    panic!("the copy goes on: {:?}", listing(&root.path().join("out")));
}

#[tokio::test]
async fn children_are_sorted_and_a_missing_folder_is_empty() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("b")).unwrap();
    fs::write(root.path().join("a"), "").unwrap();
    let children = storage().children(&root.path().display().to_string()).await.unwrap();
    let child = |name: &str, is_folder| Child { name: name.into(), is_folder };
    assert_eq!(children, [child("a", false), child("b", true)]);
    let none = format!("{}/none", root.path().display());
    assert!(storage().children(&none).await.unwrap().is_empty());
    assert!(storage().list(&none).try_collect::<Vec<_>>().await.unwrap().is_empty());
    storage().delete_prefix(&none).await.unwrap();
}

#[tokio::test]
async fn what_is_near_a_root_is_not_deleted() {
    for path in ["/", "/tmp", "file:///etc", "/tmp/x/../../etc"] {
        assert!(storage().delete_prefix(path).await.is_err(), "{path}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_has_its_own_code() {
    // The device that is always full.
    let error = storage().copy_from(&storage(), "/proc/self/exe", "/dev/full/x", &silent()).await.unwrap_err();
    assert_eq!(error.code, Code::StorageFailed, "a device is no folder: {error}");
    let full = std::io::Error::from_raw_os_error(28);
    assert_eq!(super::common::errors::from_io(full, "writing", "p").code, Code::StorageFull);
    let quota = std::io::Error::from_raw_os_error(122);
    assert_eq!(super::common::errors::from_io(quota, "writing", "p").code, Code::StorageFull);
    let read_only = std::io::Error::from_raw_os_error(30);
    assert_eq!(super::common::errors::from_io(read_only, "writing", "p").code, Code::StorageDenied);
    #[cfg(unix)]
    for too_many in [23, 24] {
        let error = super::common::errors::from_io(std::io::Error::from_raw_os_error(too_many), "reading", "p");
        assert!(error.code == Code::StorageFailed && error.hint.unwrap().contains("ulimit"));
    }
}

#[test]
fn half_a_pair_of_keys_is_refused() {
    use icebridge_model::secret::Secret;
    let half = BTreeMap::from([("s3.access-key-id".to_string(), Secret::new("x"))]);
    assert_eq!(Storage::new(&BTreeMap::new(), &half).unwrap_err().code, Code::CredentialsMissing);
    let endpoint = BTreeMap::from([("s3.endpoint".to_string(), "minio:9000".to_string())]);
    assert_eq!(Storage::new(&endpoint, &BTreeMap::new()).unwrap_err().code, Code::InvalidInput);
}

/// A thread that copies does not notice at once that its caller is gone: what it made must not come after the sweep.
#[tokio::test(flavor = "multi_thread")]
async fn clearing_a_folder_waits_for_a_copy_into_it_that_was_given_up() {
    let root = tempfile::tempdir().unwrap();
    let storage = storage();
    let from = root.path().join("source").display().to_string();
    fs::write(&from, vec![7; 12 << 20]).unwrap();
    let folder = root.path().join("target").display().to_string();
    let to = format!("{folder}/data/copy.parquet");
    let (under_way, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let each: OnBytes = Arc::new(move |_| {
        let _ = under_way.send(());
        let _ = may_go_on.lock().unwrap().recv();
    });
    tokio::select! {
        copied = storage.copy_from(&storage, &from, &to, &each) => panic!("it waits in the middle: {copied:?}"),
        _ = begun.recv() => {}
    }
    let clearing = tokio::spawn({
        let (storage, folder) = (storage.clone(), folder.clone());
        async move { storage.delete_prefix(&folder).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!clearing.is_finished(), "a copy still writes there");
    drop(go_on);
    clearing.await.unwrap().unwrap();
    assert!(!Path::new(&folder).exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_regular_files_of_a_bounded_size_are_read() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
    std::os::unix::fs::symlink(path("pipe"), path("link")).unwrap();
    let storage = storage();
    for name in ["pipe", "zero", "link"] {
        let hostile = path(name);
        let tries = async {
            assert_eq!(storage.read(&hostile, Limit::Manifest).await.unwrap_err().code, Code::Unsupported);
            assert_eq!(storage.size(&hostile).await.unwrap_err().code, Code::Unsupported);
            assert_eq!(storage.read_range(&hostile, 0..1).await.unwrap_err().code, Code::Unsupported);
            let copied = storage.copy_from(&storage, &hostile, &path("copy"), &silent()).await;
            assert_eq!(copied.unwrap_err().code, Code::Unsupported);
        };
        tokio::time::timeout(Duration::from_secs(10), tries).await.expect("nothing waits for a pipe");
    }
    fs::File::create(path("sparse")).unwrap().set_len(20 << 30).unwrap();
    let error = storage.read(&path("sparse"), Limit::Manifest).await.unwrap_err();
    assert_eq!((error.code, error.object), (Code::LimitExceeded, Some(path("sparse"))));
    fs::write(path("hint"), vec![b'1'; Limit::VersionHint.as_usize()]).unwrap();
    assert!(storage.read(&path("hint"), Limit::VersionHint).await.is_ok());
    fs::write(path("hint"), vec![b'1'; Limit::VersionHint.as_usize() + 1]).unwrap();
    assert!(storage.read(&path("hint"), Limit::VersionHint).await.is_err());
}
