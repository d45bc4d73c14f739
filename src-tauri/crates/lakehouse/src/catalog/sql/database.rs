//! SQLite and PostgreSQL as a catalog needs them: strings in, strings out. One connection for each call: calls are few,
//! and a connection that is not held cannot block a source's own writers.

use super::address::Server;
use super::failures::{from_sqlx, timed_out};
use super::session::{CONNECT, Cells, Session};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Result};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(in crate::catalog) struct Database {
    server: Server,
    /// For messages.
    address: String,
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

impl Database {
    pub(super) fn open(uri: &str, password: Option<&Secret>, write: bool) -> Result<Self> {
        Ok(match Server::parse(uri, password, write)? {
            Server::Sqlite { file, write } => Self::sqlite(file, write),
            server => Self { server, address: uri.into() },
        })
    }

    pub(super) fn host(&self) -> &str {
        self.server.host()
    }

    pub(in crate::catalog) fn sqlite_source(file: PathBuf) -> Self {
        Self::sqlite(file, false)
    }

    pub(in crate::catalog) fn sqlite_target(file: PathBuf) -> Self {
        Self::sqlite(file, true)
    }

    fn sqlite(file: PathBuf, write: bool) -> Self {
        Self { address: format!("sqlite:{}", file.display()), server: Server::Sqlite { file, write } }
    }

    async fn read_interrupted(&self, sql: &'static str, arguments: &[&str]) -> Result<Option<Vec<Cells>>> {
        let Some(mut session) = Session::open_interrupted(&self.server, &self.address).await? else { return Ok(None) };
        let rows = session.rows(sql, arguments).await.map_err(|e| from_sqlx(e, &self.address));
        session.close().await;
        rows.map(Some)
    }

    async fn read(&self, sql: &'static str, arguments: &[&str]) -> Result<Vec<Cells>> {
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            let read = async {
                let mut session = Session::open(&self.server, &self.address).await?;
                let rows = session.rows(sql, arguments).await.map_err(|e| from_sqlx(e, &self.address));
                session.close().await;
                rows
            };
            match tokio::time::timeout(ANSWER, read).await.unwrap_or_else(|_| Err(timed_out(&self.address))) {
                // A server that keeps silent is not waited for again; SQLite's waiting is for a lock that will be given up.
                Err(e) if matches!(self.server, Server::Postgres(_)) && began.elapsed() >= CONNECT => return Err(e),
                Err(e) if e.retryable && attempt + 1 < ATTEMPTS => attempt += 1,
                Err(e) if e.code == Code::StorageDenied => {
                    return self.read_interrupted(sql, arguments).await?.ok_or(e);
                }
                other => return other,
            }
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
    }

    /// True if the row was inserted, false if its key was taken. An error that is retryable may have inserted it.
    async fn insert(&self, sql: &'static str, arguments: &[&str]) -> Result<bool> {
        self.write(sql, arguments).await.map(|changed| changed > 0)
    }

    /// How many rows were changed; none where a key was taken.
    async fn write(&self, sql: &'static str, arguments: &[&str]) -> Result<u64> {
        let write = async {
            let mut session = Session::open(&self.server, &self.address).await?;
            let done = match session.execute(sql, arguments).await {
                Ok(changed) => Ok(changed),
                Err(sqlx::Error::Database(e)) if e.is_unique_violation() => Ok(0),
                Err(e) => Err(from_sqlx(e, &self.address)),
            };
            session.close().await;
            done
        };
        tokio::time::timeout(ANSWER, write).await.unwrap_or_else(|_| Err(timed_out(&self.address)))
    }

    pub(super) async fn layout(&self) -> Result<Layout> {
        let sql = match self.server {
            Server::Sqlite { .. } => "SELECT name FROM pragma_table_info('iceberg_tables')",
            Server::Postgres(_) => {
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
            let mut session = Session::open(&self.server, &self.address).await?;
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

    /// False: the table points to another file than `from`, or is gone. An error that is retryable may have changed it.
    pub(super) async fn advance_table(
        &self,
        catalog: &str,
        (namespace, table): (&str, &str),
        (from, to): (&str, &str),
        layout: Layout,
    ) -> Result<bool> {
        let sql = match layout {
            Layout::V1 => {
                "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $2 WHERE catalog_name = $3 AND \
                 table_namespace = $4 AND table_name = $5 AND metadata_location = $2 AND \
                 (iceberg_type IS NULL OR iceberg_type = 'TABLE')"
            }
            _ => {
                "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $2 WHERE catalog_name = $3 AND \
                 table_namespace = $4 AND table_name = $5 AND metadata_location = $2"
            }
        };
        self.write(sql, &[to, from, catalog, namespace, table]).await.map(|changed| changed == 1)
    }

    /// `exists = true` is how both writers say that a namespace is there though it is empty.
    pub(super) async fn insert_namespace(&self, catalog: &str, namespace: &str) -> Result<bool> {
        let sql = "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) \
                   VALUES ($1, $2, 'exists', 'true')";
        self.insert(sql, &[catalog, namespace]).await
    }
}
