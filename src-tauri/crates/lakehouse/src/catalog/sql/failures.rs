//! What databases say when something is wrong, with the codes the product speaks.

use icebridge_model::{Code, Error};

pub(super) fn from_sqlx(cause: sqlx::Error, address: &str) -> Error {
    let (code, message, hint, retryable) = match &cause {
        sqlx::Error::Database(answer) => of_code(answer.code().as_deref().unwrap_or_default(), answer.message()),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) => (
            Code::CatalogUnreachable,
            "the catalog's database does not answer",
            "Check the address, the network and that the server runs.",
            true,
        ),
        sqlx::Error::Configuration(_) => (
            Code::InvalidInput,
            "the database address cannot be understood",
            "Use sqlite:PATH or postgresql://user@host/db.",
            false,
        ),
        _ => {
            (Code::CatalogRefused, "the catalog's database gave an answer that makes no sense", "See the cause.", false)
        }
    };
    let mut error = Error::new(code, message).about(address).with_hint(hint).with_cause(cause);
    error.retryable = retryable;
    error
}

pub(super) fn timed_out(address: &str) -> Error {
    Error::new(Code::CatalogUnreachable, "the catalog's database did not answer in time")
        .about(address)
        .with_hint("Check the address, the network and that no other process holds the database locked.")
        .retryable()
}

fn of_code(code: &str, message: &str) -> (Code, &'static str, &'static str, bool) {
    // SQLite's extended codes keep the primary one in the low byte; PostgreSQL's have five characters.
    if code.len() != 5
        && let Ok(number) = code.parse::<u32>()
    {
        return match number & 0xff {
            5 | 6 => (
                Code::CatalogUnreachable,
                "the catalog's database is locked by another process",
                "Wait for the other process to finish, and try again.",
                true,
            ),
            3 | 8 => (
                Code::StorageDenied,
                "the catalog's database may not be opened like this",
                "Give this user the right to the file and its folder.",
                false,
            ),
            13 => (
                Code::StorageFull,
                "there is no space left for the catalog's database",
                "Free space and run the same plan again.",
                false,
            ),
            11 | 26 => (
                Code::CatalogRefused,
                "the file is not a whole SQLite database",
                "Check the path; restore the file from a backup if it is damaged.",
                false,
            ),
            14 => (
                Code::CatalogNotFound,
                "the catalog's database file cannot be opened",
                "Check the path and the rights to the file and its folder.",
                false,
            ),
            10 => (Code::StorageFailed, "the disk under the catalog's database fails", "Check the disk.", false),
            _ => (Code::CatalogRefused, "the catalog's database refuses the query", "See the cause.", false),
        };
    }
    match code {
        "28P01" | "28000" => (
            Code::CredentialsRejected,
            "the database does not accept this user and password",
            "Check the user in the address and the secret `password`.",
            false,
        ),
        "3D000" => (Code::CatalogNotFound, "there is no such database on the server", "Check the address.", false),
        "42501" => (
            Code::CatalogRefused,
            "this user may not read or write the catalog's tables",
            "Grant the rights on iceberg_tables and iceberg_namespace_properties.",
            false,
        ),
        "53100" => (Code::StorageFull, "the database's disk is full", "Free space on the database server.", false),
        "40001" | "40P01" | "55P03" | "53300" | "57P03" | "57P01" => {
            (Code::CatalogUnreachable, "the database is too busy or starting", "Try again in a moment.", true)
        }
        "22001" => (
            Code::CatalogRefused,
            "a name or location is too long for the catalog's tables",
            "Use a shorter warehouse location or table name.",
            false,
        ),
        _ if message.contains("password") => (
            Code::CredentialsRejected,
            "the database asks for another way to sign in",
            "Check the user in the address and the secret `password`.",
            false,
        ),
        _ => (Code::CatalogRefused, "the catalog's database refuses the query", "See the cause.", false),
    }
}
