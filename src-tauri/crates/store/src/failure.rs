//! SQLite's failures as the product's errors.

use icebridge_model::{Code, Error};

/// `doing` completes the sentence "cannot …".
pub(crate) fn of(error: sqlx::Error, doing: &str) -> Error {
    let message = format!("cannot {doing}");
    match &error {
        sqlx::Error::PoolTimedOut => locked(message).with_cause(error),
        sqlx::Error::Database(database) => {
            // The lowest byte is SQLite's primary result code (sqlite.org/rescode.html).
            let code = database.code().and_then(|c| c.parse::<u32>().ok()).unwrap_or(0) & 0xff;
            match code {
                5 | 6 => locked(message),
                13 => Error::new(Code::StorageFull, message)
                    .with_hint("Free space on the disk that holds the state folder, then try again."),
                14 if too_many_files() => Error::new(Code::StorageFailed, message).with_hint(
                    "Too many files are open at once: allow more (ulimit -n), or run fewer tables at a time.",
                ),
                3 | 8 | 14 => Error::new(Code::StorageDenied, message)
                    .with_hint("Check the owner and the permissions of the state folder, or choose another one."),
                10 => Error::new(Code::StorageFailed, message)
                    .with_hint("Check the disk that holds the state folder. A full disk can also show as this error."),
                11 | 26 => broken(message),
                _ => Error::internal(message),
            }
            .with_cause(error)
        }
        sqlx::Error::Io(_) => Error::new(Code::StorageFailed, message)
            .with_hint("Check the disk that holds the state folder.")
            .with_cause(error),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => broken(message).with_cause(error),
        _ => Error::internal(message).with_cause(error),
    }
}

/// SQLite says only that it cannot open a file. EMFILE and ENFILE have no kind of their own.
fn too_many_files() -> bool {
    cfg!(unix) && std::fs::File::open("/dev/null").is_err_and(|e| matches!(e.raw_os_error(), Some(23 | 24)))
}

pub(crate) fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

pub(crate) fn is_unique(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// A record that is there but does not parse.
pub(crate) fn unreadable(what: &str) -> Error {
    broken(format!("{what} in the local state cannot be understood"))
}

pub(crate) fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::StateBroken, message).with_hint(
        "Move the state folder away and start with a fresh one; migrated tables are recognised again by their properties.",
    )
}

fn locked(message: String) -> Error {
    Error::new(Code::StateLocked, message)
        .with_hint("Another process is writing to the same state folder. Wait for it to finish, then try again.")
        .retryable()
}
