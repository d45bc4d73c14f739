//! Causes from the operating system and from object storage, with the codes the product speaks.

use super::cloud::Cloud;
use icebridge_http::ConnectBlocker;
use icebridge_model::{Code, Error};
use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A pipe, device or socket where a file is expected.
#[derive(Debug)]
pub(in crate::storage) struct NotRegular(pub(in crate::storage) PathBuf);

impl fmt::Display for NotRegular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a pipe, a device or a socket", self.0.display())
    }
}

impl std::error::Error for NotRegular {}

pub(in crate::storage) fn from_io(cause: io::Error, doing: &str, path: &str) -> Error {
    use io::ErrorKind as K;
    let (code, message, hint) = match cause.kind() {
        _ if cause.get_ref().is_some_and(|inner| inner.is::<NotRegular>()) => (
            Code::Unsupported,
            "it is no regular file",
            "Replace it at the source by a file: pipes, devices and sockets are not read.",
        ),
        // EMFILE and ENFILE, which have no kind of their own.
        _ if cfg!(unix) && matches!(cause.raw_os_error(), Some(23 | 24)) => (
            Code::StorageFailed,
            "too many files are open at once",
            "Allow more open files (ulimit -n), or run fewer tables at a time (--max-parallel-tables).",
        ),
        K::NotFound => {
            (Code::FileMissing, "there is no such file", "Check that the path is right and the disk is mounted.")
        }
        K::PermissionDenied => (
            Code::StorageDenied,
            "the operating system refuses access",
            "Give this user the right to the file or folder, or choose another folder.",
        ),
        K::ReadOnlyFilesystem => {
            (Code::StorageDenied, "the file system is read-only", "Choose a folder on a disk that can be written to.")
        }
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => (
            Code::StorageFull,
            "there is no space left for the file",
            "Free space (or raise the quota) where the target is, and run the same plan again: finished files are kept.",
        ),
        K::UnexpectedEof => (
            Code::FileBroken,
            "the file ends before the bytes its metadata speaks of",
            "The file is truncated. Restore it at the source from a backup or an older snapshot.",
        ),
        K::TimedOut | K::StaleNetworkFileHandle | K::HostUnreachable | K::NetworkUnreachable | K::NotConnected => {
            (Code::StorageUnreachable, "the file system does not answer", "Check the network mount.")
        }
        _ => (Code::StorageFailed, "the operating system reports a failure", "See the cause."),
    };
    let retryable = matches!(code, Code::StorageUnreachable) || cause.kind() == K::Interrupted;
    let mut error =
        Error::new(code, format!("{doing} failed: {message}")).about(path).with_hint(hint).with_cause(cause);
    error.retryable = retryable;
    error
}

/// No credentials were given, and this machine has none of its own.
#[derive(Debug)]
pub(in crate::storage) struct NoCredentials(pub(in crate::storage) String);

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoCredentials {}

pub(in crate::storage) fn from_store(cloud: Cloud, cause: object_store::Error, doing: &str, path: &str) -> Error {
    // Whoever lends the credentials has said what is wrong.
    if let Some(said) = within::<Error>(&cause) {
        return said.clone().about(path);
    }
    let (code, message, hint, retryable) = explained(cloud, &cause);
    let mut error =
        Error::new(code, format!("{doing} failed: {message}")).about(path).with_hint(hint).with_cause(cause);
    error.retryable = retryable;
    error
}

/// With their words: the numbers alone stand in names, times and ids as well.
const OVERLOADED: &[&str] = &[
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
    "429 Too Many Requests",
    "SlowDown",
    "ServerBusy",
];

fn explained(cloud: Cloud, cause: &object_store::Error) -> (Code, String, String, bool) {
    use object_store::Error as E;
    let text = chain(cause);
    let (name, bucket) = (cloud.name(), cloud.bucket());
    let says = |any: &[&str]| any.iter().any(|t| text.contains(t));
    if let Some(blocker) = ConnectBlocker::of(cause) {
        return (Code::StorageUnreachable, blocker.message().into(), blocker.hint().into(), false);
    }
    let said = |code, message: &str, hint: &str, retryable| (code, message.to_string(), hint.to_string(), retryable);
    if within::<NoCredentials>(cause).is_some() || says(&["169.254.169.254"]) {
        let message = format!("there are no credentials for {name}");
        return said(Code::CredentialsMissing, &message, cloud.how_to_sign_in(), false);
    }
    if says(&["NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound"]) {
        let hint = match cloud {
            Cloud::S3 => "Check the bucket's name, s3.endpoint and s3.region.".to_string(),
            Cloud::Azure | Cloud::Google => format!("Check the {bucket}'s name and {}.", cloud.address()),
        };
        return said(Code::FileMissing, &format!("there is no such {bucket}"), &hint, false);
    }
    if says(&["XMinioStorageFull", "QuotaExceeded", "507 Insufficient Storage", "EntityTooLarge"]) {
        let hint = "Free space or raise the quota, and run the same plan again.";
        return said(Code::StorageFull, &format!("the {bucket} takes no more"), hint, false);
    }
    match cause {
        E::NotFound { .. } => said(
            Code::FileMissing,
            "there is no such object",
            "Check that the path is right and nothing removed it.",
            false,
        ),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => said(
            Code::StorageDenied,
            &format!("{name} refuses access with these credentials"),
            cloud.what_to_check(),
            false,
        ),
        E::Precondition { .. } | E::AlreadyExists { .. } => {
            said(Code::StorageFailed, "another writer changed the object", "Run the same plan again.", true)
        }
        E::InvalidPath { .. } => said(
            Code::Unsupported,
            "the path has a form that cannot be asked for (an empty part, `.`, `..` or a control character)",
            "Rewrite the table at the source to a location without it.",
            false,
        ),
        _ if within::<HttpError>(cause).is_some_and(|http| !matches!(http.kind(), HttpErrorKind::Unknown)) => {
            let hint =
                format!("Check the network, {} and the proxy settings, and run the same plan again.", cloud.address());
            said(Code::StorageUnreachable, &format!("{name} does not answer"), &hint, true)
        }
        _ if says(&["LOCATION", "AuthorizationHeaderMalformed"]) => said(
            Code::StorageFailed,
            &format!("{name} points to another region"),
            "Set s3.region to the bucket's region.",
            false,
        ),
        _ if says(OVERLOADED) => {
            let message = format!("{name} is overloaded or unavailable");
            said(Code::StorageUnreachable, &message, "Run the same plan again later.", true)
        }
        _ => said(Code::StorageFailed, &format!("{name} reports a failure"), "See the cause.", false),
    }
}

fn chain(cause: &object_store::Error) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(source) = next {
        text.push('\n');
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// The first cause of a kind.
fn within<T: std::error::Error + 'static>(cause: &object_store::Error) -> Option<&T> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = cause.source();
    while let Some(source) = next {
        if let Some(found) = source.downcast_ref::<T>() {
            return Some(found);
        }
        next = source.source();
    }
    None
}
