//! What a database address names: `sqlite:PATH` or `postgresql://user@host/db`, and the forms JDBC and SQLAlchemy give these.

use super::failures::from_sqlx;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(super) enum Server {
    Sqlite { file: PathBuf, write: bool },
    Postgres(Box<PgConnectOptions>),
}

impl std::fmt::Debug for Server {
    // The options hold the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite { file, write } => f.debug_struct("Sqlite").field("file", file).field("write", write).finish(),
            Self::Postgres(options) => write!(f, "Postgres({}:{})", options.get_host(), options.get_port()),
        }
    }
}

impl Server {
    /// Of another machine, perhaps; empty for a file.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Sqlite { .. } => "",
            Self::Postgres(options) => options.get_host(),
        }
    }

    pub(super) fn parse(uri: &str, password: Option<&Secret>, write: bool) -> Result<Self> {
        let bare = uri.trim().strip_prefix("jdbc:").unwrap_or(uri.trim());
        if let Some(file) = bare.strip_prefix("sqlite:") {
            let file = sqlite_path(file);
            if file.as_os_str().is_empty() || file.to_str() == Some(":memory:") {
                return Err(Error::invalid("the address names no database file").about(uri));
            }
            return Ok(Self::Sqlite { file, write });
        }
        let scheme = bare.split_once("://").map(|(s, _)| s.split('+').next().unwrap_or(s));
        if !matches!(scheme, Some("postgresql" | "postgres")) {
            return Err(Error::invalid("the database address cannot be understood")
                .about(uri)
                .with_hint("Use sqlite:PATH or postgresql://user@host/db."));
        }
        let plain = bare.split_once("://").map(|(_, rest)| format!("postgresql://{rest}")).unwrap_or_default();
        let mut options =
            PgConnectOptions::from_str(&plain).map_err(|e| from_sqlx(e, uri))?.application_name("icebridge");
        if let Some(password) = password.filter(|p| !p.is_empty()) {
            options = options.password(password.expose());
        }
        Ok(Self::Postgres(Box::new(options.disable_statement_logging())))
    }
}

/// After `sqlite:`. SQLAlchemy writes an absolute path with four slashes and a relative one with three; everybody else
/// writes an absolute one with one or three.
fn sqlite_path(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix("//") else { return PathBuf::from(text) };
    if let Some(absolute) = rest.strip_prefix("//") {
        return PathBuf::from(format!("/{absolute}"));
    }
    match rest.strip_prefix('/') {
        Some(relative) if !Path::new(rest).exists() && Path::new(relative).exists() => PathBuf::from(relative),
        _ => PathBuf::from(rest),
    }
}
