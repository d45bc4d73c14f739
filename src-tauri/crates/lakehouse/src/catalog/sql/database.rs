//! SQLite and PostgreSQL as a catalog needs them: strings in, strings out. One connection for each call: calls are few,
//! and a connection that is not held cannot block a source's own writers.

use super::failures::{from_sqlx, timed_out};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, SqliteConnection};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(in crate::catalog) struct Database {
    place: Place,
    /// For messages.
    address: String,
}

enum Place {
    Sqlite { file: PathBuf, write: bool },
    Postgres(Box<PgConnectOptions>),
}

impl std::fmt::Debug for Place {
    // The options hold the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite { file, write } => f.debug_struct("Sqlite").field("file", file).field("write", write).finish(),
            Self::Postgres(options) => write!(f, "Postgres({}:{})", options.get_host(), options.get_port()),
        }
    }
}

/// Which generation of the schema the database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Absent,
    /// JdbcCatalog's V0 and older PyIceberg: tables only.
    V0,
    /// With `iceberg_type`, which tells views from tables.
    V1,
}

const BUSY: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(8);
const ANSWER: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 4;

/// Column for column as JdbcCatalog makes them, which is also what PyIceberg's SqlCatalog expects.
const CREATE: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, \
     table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), \
     iceberg_type VARCHAR(5), PRIMARY KEY (catalog_name, table_namespace, table_name))",
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) \
     NOT NULL, property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, \
     property_key))",
];

enum Session {
    Sqlite(SqliteConnection, #[expect(dead_code, reason = "deletes the copy when dropped")] Option<Aside>),
    Postgres(PgConnection),
}

type Cells = Vec<Option<String>>;

impl Session {
    async fn rows(&mut self, sql: &'static str, arguments: &[&str]) -> sqlx::Result<Vec<Cells>> {
        macro_rules! fetch {
            ($connection:expr) => {{
                let query = arguments.iter().fold(sqlx::query(sql), |q, a| q.bind(a.to_string()));
                let rows = query.fetch_all($connection).await?;
                rows.iter().map(|row| (0..row.len()).map(|i| row.try_get(i)).collect()).collect()
            }};
        }
        match self {
            Self::Sqlite(connection, _) => fetch!(connection),
            Self::Postgres(connection) => fetch!(connection),
        }
    }

    async fn execute(&mut self, sql: &'static str, arguments: &[&str]) -> sqlx::Result<()> {
        macro_rules! run {
            ($connection:expr) => {{
                let query = arguments.iter().fold(sqlx::query(sql), |q, a| q.bind(a.to_string()));
                query.execute($connection).await.map(drop)
            }};
        }
        match self {
            Self::Sqlite(connection, _) => run!(connection),
            Self::Postgres(connection) => run!(connection),
        }
    }

    async fn close(self) {
        let closed = match self {
            Self::Sqlite(connection, _) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
        if let Err(e) = closed {
            tracing::debug!(error = %e, "closing the catalog's database");
        }
    }
}

impl Database {
    /// `sqlite:PATH` or `postgresql://user@host/db`, and the forms JDBC and SQLAlchemy give these.
    pub(super) fn open(uri: &str, password: Option<&Secret>, write: bool) -> Result<Self> {
        let bare = uri.trim().strip_prefix("jdbc:").unwrap_or(uri.trim());
        if let Some(file) = bare.strip_prefix("sqlite:") {
            let file = sqlite_path(file);
            if file.as_os_str().is_empty() || file.to_str() == Some(":memory:") {
                return Err(Error::invalid("the address names no database file").about(uri));
            }
            return Ok(if write { Self::sqlite_target(file) } else { Self::sqlite_source(file) });
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
        Ok(Self { place: Place::Postgres(Box::new(options.disable_statement_logging())), address: uri.into() })
    }

    pub(in crate::catalog) fn sqlite_source(file: PathBuf) -> Self {
        Self { address: format!("sqlite:{}", file.display()), place: Place::Sqlite { file, write: false } }
    }

    pub(in crate::catalog) fn sqlite_target(file: PathBuf) -> Self {
        Self { address: format!("sqlite:{}", file.display()), place: Place::Sqlite { file, write: true } }
    }

    async fn connect(&self) -> Result<Session> {
        match &self.place {
            Place::Sqlite { file, write: true } => {
                let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).busy_timeout(BUSY);
                options.connect().await.map(|c| Session::Sqlite(c, None)).map_err(|e| from_sqlx(e, &self.address))
            }
            Place::Sqlite { file, write: false } => self.connect_read_only(file).await,
            Place::Postgres(options) => match tokio::time::timeout(CONNECT, options.connect()).await {
                Ok(connected) => connected.map(Session::Postgres).map_err(|e| from_sqlx(e, &self.address)),
                Err(_) => Err(timed_out(&self.address)),
            },
        }
    }

    /// A source is never written to, not even by the side files SQLite makes when it opens a database in WAL mode.
    async fn connect_read_only(&self, file: &Path) -> Result<Session> {
        if length(file).await.is_none() {
            return Err(Error::new(Code::CatalogNotFound, "there is no such database file")
                .about(&self.address)
                .with_hint("Check the path: sqlite:/folder/catalog.db."));
        }
        let options =
            SqliteConnectOptions::new().filename(file).read_only(true).create_if_missing(false).busy_timeout(BUSY);
        let options = if is_wal(file).await && length(&beside(file, "-shm")).await.is_none() {
            if length(&beside(file, "-wal")).await.unwrap_or(0) > 0 {
                // Its last writer was killed, and reading the log would make files.
                return self.connect_aside(file, "-wal").await;
            }
            // Nobody has it open and nothing waits in the log: the file is all there is.
            options.immutable(true)
        } else {
            options
        };
        options.connect().await.map(|c| Session::Sqlite(c, None)).map_err(|e| from_sqlx(e, &self.address))
    }

    /// Opens a copy in the temporary folder, where SQLite may mend what a killed writer left in `log`.
    async fn connect_aside(&self, file: &Path, log: &str) -> Result<Session> {
        let aside = Aside::of(file, log).await.map_err(|e| {
            Error::new(Code::StorageFailed, "the catalog's database cannot be copied aside to read its log")
                .about(&self.address)
                .with_hint("Free space in the temporary folder, or open the database once with its own program.")
                .with_cause(e)
        })?;
        let options = SqliteConnectOptions::new().filename(&aside.file).create_if_missing(false).busy_timeout(BUSY);
        options.connect().await.map(|c| Session::Sqlite(c, Some(aside))).map_err(|e| from_sqlx(e, &self.address))
    }

    /// After a refusal by SQLite: an interrupted transaction's journal, which a reader may not roll back in place.
    async fn read_aside(&self, sql: &'static str, arguments: &[&str]) -> Result<Option<Vec<Cells>>> {
        let Place::Sqlite { file, write: false } = &self.place else { return Ok(None) };
        if length(&beside(file, "-journal")).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
        let mut session = self.connect_aside(file, "-journal").await?;
        let rows = session.rows(sql, arguments).await.map_err(|e| from_sqlx(e, &self.address));
        session.close().await;
        rows.map(Some)
    }

    async fn read(&self, sql: &'static str, arguments: &[&str]) -> Result<Vec<Cells>> {
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            let read = async {
                let mut session = self.connect().await?;
                let rows = session.rows(sql, arguments).await.map_err(|e| from_sqlx(e, &self.address));
                session.close().await;
                rows
            };
            match tokio::time::timeout(ANSWER, read).await.unwrap_or_else(|_| Err(timed_out(&self.address))) {
                // A server that keeps silent is not waited for again; SQLite's waiting is for a lock that will be given up.
                Err(e) if matches!(self.place, Place::Postgres(_)) && began.elapsed() >= CONNECT => return Err(e),
                Err(e) if e.retryable && attempt + 1 < ATTEMPTS => attempt += 1,
                Err(e) if e.code == Code::StorageDenied => {
                    return self.read_aside(sql, arguments).await?.ok_or(e);
                }
                other => return other,
            }
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
    }

    /// True if the row was inserted, false if its key was taken. An error that is retryable may have inserted it.
    async fn insert(&self, sql: &'static str, arguments: &[&str]) -> Result<bool> {
        let write = async {
            let mut session = self.connect().await?;
            let done = match session.execute(sql, arguments).await {
                Ok(()) => Ok(true),
                Err(sqlx::Error::Database(e)) if e.is_unique_violation() => Ok(false),
                Err(e) => Err(from_sqlx(e, &self.address)),
            };
            session.close().await;
            done
        };
        tokio::time::timeout(ANSWER, write).await.unwrap_or_else(|_| Err(timed_out(&self.address)))
    }

    pub(super) async fn layout(&self) -> Result<Layout> {
        let sql = match self.place {
            Place::Sqlite { .. } => "SELECT name FROM pragma_table_info('iceberg_tables')",
            Place::Postgres(_) => {
                "SELECT CAST(column_name AS VARCHAR) FROM information_schema.columns WHERE table_name = 'iceberg_tables' \
                 AND table_schema = ANY (current_schemas(false))"
            }
        };
        let columns = self.read(sql, &[]).await?;
        let has = |name: &str| columns.iter().flatten().flatten().any(|c| c.eq_ignore_ascii_case(name));
        Ok(match (columns.is_empty(), has("iceberg_type")) {
            (true, _) => Layout::Absent,
            (false, false) => Layout::V0,
            (false, true) => Layout::V1,
        })
    }

    pub(super) async fn create_tables(&self) -> Result<()> {
        for sql in CREATE {
            let mut session = self.connect().await?;
            let done = session.execute(sql, &[]).await.map_err(|e| from_sqlx(e, &self.address));
            session.close().await;
            done?;
        }
        Ok(())
    }

    pub(super) async fn catalog_names(&self) -> Result<Vec<String>> {
        let mut names: Vec<_> = self.read("SELECT DISTINCT catalog_name FROM iceberg_tables", &[]).await?;
        names.extend(self.read("SELECT DISTINCT catalog_name FROM iceberg_namespace_properties", &[]).await?);
        let mut names: Vec<_> = names.into_iter().flatten().flatten().collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    pub(super) async fn namespaces(&self, catalog: &str) -> Result<Vec<String>> {
        let mut rows = self
            .read("SELECT DISTINCT table_namespace FROM iceberg_tables WHERE catalog_name = $1", &[catalog])
            .await?;
        let named = "SELECT DISTINCT namespace FROM iceberg_namespace_properties WHERE catalog_name = $1";
        rows.extend(self.read(named, &[catalog]).await?);
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    pub(super) async fn tables(&self, catalog: &str, layout: Layout) -> Result<Vec<(String, String)>> {
        let sql = match layout {
            Layout::V1 => {
                "SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = $1 AND (iceberg_type IS NULL \
                 OR iceberg_type = 'TABLE')"
            }
            _ => "SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = $1",
        };
        let rows = self.read(sql, &[catalog]).await?;
        Ok(rows
            .into_iter()
            .filter_map(|mut row| {
                let name = row.pop().flatten()?;
                Some((row.pop().flatten()?, name))
            })
            .collect())
    }

    /// None: no row. Some(None): a row that says nothing.
    pub(super) async fn metadata_location(
        &self,
        catalog: &str,
        namespace: &str,
        table: &str,
        layout: Layout,
    ) -> Result<Option<Option<String>>> {
        let sql = match layout {
            Layout::V1 => {
                "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2 AND \
                 table_name = $3 AND (iceberg_type IS NULL OR iceberg_type = 'TABLE')"
            }
            _ => {
                "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2 AND \
                 table_name = $3"
            }
        };
        let rows = self.read(sql, &[catalog, namespace, table]).await?;
        Ok(rows.into_iter().next().map(|row| row.into_iter().next().flatten()))
    }

    pub(super) async fn insert_table(
        &self,
        catalog: &str,
        namespace: &str,
        table: &str,
        location: &str,
        layout: Layout,
    ) -> Result<bool> {
        let sql = match layout {
            Layout::V1 => {
                "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type) \
                 VALUES ($1, $2, $3, $4, 'TABLE')"
            }
            _ => {
                "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) \
                 VALUES ($1, $2, $3, $4)"
            }
        };
        self.insert(sql, &[catalog, namespace, table, location]).await
    }

    /// `exists = true` is how both writers say that a namespace is there though it is empty.
    pub(super) async fn insert_namespace(&self, catalog: &str, namespace: &str) -> Result<bool> {
        let sql = "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) \
                   VALUES ($1, $2, 'exists', 'true')";
        self.insert(sql, &[catalog, namespace]).await
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

async fn length(file: &Path) -> Option<u64> {
    tokio::fs::metadata(file).await.ok().map(|found| found.len())
}

/// SQLite's names for what lies beside a database.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Bytes 18 and 19 of the header say how the file is written to: 2 is a write-ahead log.
async fn is_wal(file: &Path) -> bool {
    use tokio::io::AsyncReadExt;
    let mut header = [0; 20];
    match tokio::fs::File::open(file).await {
        Ok(mut open) => open.read_exact(&mut header).await.is_ok() && header[18] == 2,
        Err(_) => false,
    }
}

/// A private copy of a database and its log.
#[derive(Debug)]
struct Aside {
    folder: PathBuf,
    file: PathBuf,
}

impl Aside {
    async fn of(database: &Path, log: &str) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("icebridge-{}", uuid::Uuid::new_v4().simple()));
        tokio::fs::create_dir(&folder).await?;
        let aside = Self { file: folder.join("catalog.db"), folder };
        tokio::fs::copy(database, &aside.file).await?;
        tokio::fs::copy(beside(database, log), beside(&aside.file, log)).await?;
        Ok(aside)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.folder) {
            tracing::debug!(error = %e, "the copy of a catalog's database stays in the temporary folder");
        }
    }
}
