//! Causes from the operating system and from S3, with the codes the product speaks.

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

pub(in crate::storage) fn from_s3(cause: object_store::Error, doing: &str, path: &str) -> Error {
    use object_store::Error as E;
    let text = chain(&cause);
    let (code, message, hint, retryable) = if let Some(blocker) = ConnectBlocker::of(&cause) {
        (Code::StorageUnreachable, blocker.message(), blocker.hint(), false)
    } else if text.contains("169.254.169.254") {
        (
            Code::CredentialsMissing,
            "there are no credentials for S3",
            "Give s3.access-key-id and s3.secret-access-key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on an \
             instance with a role.",
            false,
        )
    } else if ["NoSuchBucket", "The specified bucket does not exist"].iter().any(|t| text.contains(t)) {
        (Code::FileMissing, "there is no such bucket", "Check the bucket's name, s3.endpoint and s3.region.", false)
    } else if ["XMinioStorageFull", "QuotaExceeded", "507 Insufficient Storage", "EntityTooLarge"]
        .iter()
        .any(|t| text.contains(t))
    {
        (
            Code::StorageFull,
            "the bucket takes no more",
            "Free space or raise the quota, and run the same plan again.",
            false,
        )
    } else {
        match &cause {
            E::NotFound { .. } => (
                Code::FileMissing,
                "there is no such object",
                "Check that the path is right and nothing removed it.",
                false,
            ),
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => (
                Code::StorageDenied,
                "S3 refuses access with these credentials",
                "Check the access key, its policy for this bucket and prefix, and the computer's clock.",
                false,
            ),
            E::Precondition { .. } | E::AlreadyExists { .. } => {
                (Code::StorageFailed, "another writer changed the object", "Run the same plan again.", true)
            }
            E::InvalidPath { .. } => (
                Code::Unsupported,
                "the path has a form that cannot be asked for (an empty part, `.`, `..` or a control character)",
                "Rewrite the table at the source to a location without it.",
                false,
            ),
            _ if is_connection(&cause) => (
                Code::StorageUnreachable,
                "S3 does not answer",
                "Check the network, s3.endpoint and the proxy settings, and run the same plan again.",
                true,
            ),
            _ if text.contains("LOCATION") || text.contains("AuthorizationHeaderMalformed") => {
                (Code::StorageFailed, "S3 points to another region", "Set s3.region to the bucket's region.", false)
            }
            _ if ["503", "500 Internal", "SlowDown", "502", "504"].iter().any(|t| text.contains(t)) => {
                (Code::StorageUnreachable, "S3 is overloaded or unavailable", "Run the same plan again later.", true)
            }
            _ => (Code::StorageFailed, "S3 reports a failure", "See the cause.", false),
        }
    };
    let mut error =
        Error::new(code, format!("{doing} failed: {message}")).about(path).with_hint(hint).with_cause(cause);
    error.retryable = retryable;
    error
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

fn is_connection(cause: &object_store::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = cause.source();
    while let Some(source) = next {
        if let Some(http) = source.downcast_ref::<HttpError>() {
            return !matches!(http.kind(), HttpErrorKind::Unknown);
        }
        next = source.source();
    }
    false
}
