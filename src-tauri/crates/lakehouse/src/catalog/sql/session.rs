//! One connection to a catalog's database. A source is opened so that nothing is written, not even SQLite's side files.

use super::address::Server;
use super::failures::{from_sqlx, timed_out};
use super::private_copy::{PrivateCopy, beside, is_wal, length};
use icebridge_model::{Code, Error, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, SqliteConnection};
use std::path::Path;
use std::time::Duration;

const BUSY: Duration = Duration::from_secs(10);
pub(super) const CONNECT: Duration = Duration::from_secs(8);

/// A name that is not UTF-8 is shown with replacements: one odd row must not hide the others.
macro_rules! cell {
    ($row:expr, $at:expr) => {
        match $row.try_get::<Option<String>, _>($at) {
            Err(sqlx::Error::ColumnDecode { .. }) => $row
                .try_get_unchecked::<Option<Vec<u8>>, _>($at)
                .map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
            other => other,
        }
    };
}

pub(super) enum Session {
    Sqlite(SqliteConnection, #[expect(dead_code, reason = "deletes the copy when dropped")] Option<PrivateCopy>),
    Postgres(PgConnection),
}

pub(super) type Cells = Vec<Option<String>>;

impl Session {
    pub(super) async fn rows(&mut self, sql: &'static str, arguments: &[&str]) -> sqlx::Result<Vec<Cells>> {
        macro_rules! fetch {
            ($connection:expr) => {{
                let query = arguments.iter().fold(sqlx::query(sql), |q, a| q.bind(a.to_string()));
                let rows = query.fetch_all($connection).await?;
                rows.iter().map(|row| (0..row.len()).map(|at| cell!(row, at)).collect()).collect()
            }};
        }
        match self {
            Self::Sqlite(connection, _) => fetch!(connection),
            Self::Postgres(connection) => fetch!(connection),
        }
    }

    /// How many rows it changed.
    pub(super) async fn execute(&mut self, sql: &'static str, arguments: &[&str]) -> sqlx::Result<u64> {
        macro_rules! run {
            ($connection:expr) => {{
                let query = arguments.iter().fold(sqlx::query(sql), |q, a| q.bind(a.to_string()));
                query.execute($connection).await.map(|done| done.rows_affected())
            }};
        }
        match self {
            Self::Sqlite(connection, _) => run!(connection),
            Self::Postgres(connection) => run!(connection),
        }
    }

    pub(super) async fn close(self) {
        let closed = match self {
            Self::Sqlite(connection, _) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
        if let Err(e) = closed {
            tracing::debug!(error = %e, "closing the catalog's database");
        }
    }
}

impl Session {
    /// `address` is what errors name.
    pub(super) async fn open(server: &Server, address: &str) -> Result<Self> {
        match server {
            Server::Sqlite { file, write: true } => {
                let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).busy_timeout(BUSY);
                options.connect().await.map(|c| Self::Sqlite(c, None)).map_err(|e| from_sqlx(e, address))
            }
            Server::Sqlite { file, write: false } => Self::open_read_only(file, address).await,
            Server::Postgres(options) => match tokio::time::timeout(CONNECT, options.connect()).await {
                Ok(connected) => connected.map(Self::Postgres).map_err(|e| from_sqlx(e, address)),
                Err(_) => Err(timed_out(address)),
            },
        }
    }

    /// A source is never written to, not even by the side files SQLite makes when it opens a database in WAL mode.
    async fn open_read_only(file: &Path, address: &str) -> Result<Self> {
        if length(file).await.is_none() {
            return Err(Error::new(Code::CatalogNotFound, "there is no such database file")
                .about(address)
                .with_hint("Check the path: sqlite:/folder/catalog.db."));
        }
        let options =
            SqliteConnectOptions::new().filename(file).read_only(true).create_if_missing(false).busy_timeout(BUSY);
        let options = if is_wal(file).await && length(&beside(file, "-shm")).await.is_none() {
            if length(&beside(file, "-wal")).await.unwrap_or(0) > 0 {
                // Its last writer was killed, and reading the log would make files.
                return Self::open_copy(file, "-wal", address).await;
            }
            // No process has it open and nothing waits in the log: the file is all there is.
            options.immutable(true)
        } else {
            options
        };
        options.connect().await.map(|c| Self::Sqlite(c, None)).map_err(|e| from_sqlx(e, address))
    }

    /// Opens a private copy, where SQLite may mend what a killed writer left in `log`.
    async fn open_copy(file: &Path, log: &str, address: &str) -> Result<Self> {
        let copy = PrivateCopy::of(file, log).await.map_err(|e| {
            Error::new(Code::StorageFailed, "the catalog's database cannot be copied to read its log")
                .about(address)
                .with_hint("Free space in the temporary folder, or open the database once with its own program.")
                .with_cause(e)
        })?;
        let options = SqliteConnectOptions::new().filename(copy.file()).create_if_missing(false).busy_timeout(BUSY);
        options.connect().await.map(|c| Self::Sqlite(c, Some(copy))).map_err(|e| from_sqlx(e, address))
    }

    /// After a refusal by SQLite: some if an interrupted transaction left a journal, which a reader may not roll back in
    /// place.
    pub(super) async fn open_interrupted(server: &Server, address: &str) -> Result<Option<Self>> {
        let Server::Sqlite { file, write: false } = server else { return Ok(None) };
        if length(&beside(file, "-journal")).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
        Self::open_copy(file, "-journal", address).await.map(Some)
    }
}
