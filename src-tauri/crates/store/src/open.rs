//! Opening the state folder: made private, checked to be ours, brought up to date.

use crate::{STATE_FILE, Store, failure, lock, views};
use icebridge_model::journal::GENESIS;
use icebridge_model::{Code, Error, Result};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlSafeStr, SqliteConnection, SqlitePool};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Each step of the schema: version, description, statements. A released step is never changed: its hash is in the state.
///
/// By hand, and not by sqlx's macros: those compile every database's client for the compiler itself.
const MIGRATIONS: [(i64, &str, &str); 11] = [
    (1, "first state", include_str!("../migrations/0001_first_state.sql")),
    (2, "workspaces", include_str!("../migrations/0002_workspaces.sql")),
    (3, "cluster steps", include_str!("../migrations/0003_cluster_steps.sql")),
    (4, "runs", include_str!("../migrations/0004_runs.sql")),
    (5, "views", include_str!("../migrations/0005_views.sql")),
    (6, "staged places", include_str!("../migrations/0006_staged_places.sql")),
    (7, "view results", include_str!("../migrations/0007_view_results.sql")),
    (8, "pending views", include_str!("../migrations/0008_pending_views.sql")),
    (9, "sync", include_str!("../migrations/0009_sync.sql")),
    (10, "cutover", include_str!("../migrations/0010_cutover.sql")),
    (11, "approvals", include_str!("../migrations/0011_approvals.sql")),
];

/// `PRAGMA application_id` of our file, "ICBR".
const APPLICATION_ID: i64 = 0x4943_4252;
/// Few: SQLite has one writer, and reads are short.
const CONNECTIONS: u32 = 4;
/// Rows that SQLite's thread reads ahead of who asked for them: with few, the two wait for each other all the time.
const ROWS_AHEAD: usize = 500;
/// In KiB, for each connection. A transaction that writes more than this much writes many pages twice.
const CACHE: &str = "-8192";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

impl Store {
    /// Opens the state in a folder, which is made if it is not there.
    pub async fn open(state_dir: impl AsRef<Path>) -> Result<Self> {
        let state_dir = state_dir.as_ref();
        let file = state_dir.join(STATE_FILE);
        make_private_folder(state_dir, &file).map_err(|e| folder_failure(state_dir, e))?;
        // Two processes that open a fresh folder at once must not both lay the schema.
        let opening = lock::for_opening(state_dir).await?;
        if !file.exists() {
            make(state_dir, &file).await?;
        }
        refuse_foreign(&file).await.map_err(|e| e.about(file.display()))?;

        let pool = connect(&file, SqliteSynchronous::Full, CONNECTIONS).await?;
        let light = connect(&file, SqliteSynchronous::Normal, 1).await?;
        migrations().run(&pool).await.map_err(|e| migration_failure(e).about(file.display()))?;
        let checked = Arc::new(Mutex::new((0, GENESIS.to_string())));
        let store = Self { pool, light, state_dir: state_dir.to_path_buf(), writer: Arc::default(), checked };
        views::bring_up_to_date(&store).await.map_err(|e| e.about(file.display()))?;
        drop(opening);
        Ok(store)
    }
}

async fn connect(file: &Path, synchronous: SqliteSynchronous, connections: u32) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("cache_size", CACHE)
        .busy_timeout(BUSY_TIMEOUT);
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|e| failure::of(e, "open the local state").about(file.display()))
}

/// Under another name until it has its schema, so that a state file without one is damage and not a beginning.
async fn make(state_dir: &Path, file: &Path) -> Result<()> {
    let draft = state_dir.join(format!("{STATE_FILE}.new"));
    let failed = |e| folder_failure(&draft, e);
    for left in ["", "-wal", "-shm", "-journal"] {
        match std::fs::remove_file(state_dir.join(format!("{STATE_FILE}.new{left}"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
    }
    make_private_file(&draft).map_err(failed)?;
    let pool = connect(&draft, SqliteSynchronous::Full, 1).await?;
    migrations().run(&pool).await.map_err(|e| migration_failure(e).about(draft.display()))?;
    pool.close().await;
    std::fs::rename(&draft, file).map_err(failed)
}

fn migrations() -> Migrator {
    let one = |(version, description, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.map(one).to_vec())
}

/// Looks before anything is written: another program's database must not be turned into ours.
async fn refuse_foreign(file: &Path) -> Result<()> {
    if std::fs::metadata(file).is_ok_and(|m| m.len() == 0) {
        return Err(failure::broken("the state file is empty, and it was not when it was made"));
    }
    let look = |e| failure::of(e, "open the local state");
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(look)?;
    let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(look)?;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_sqlx\\_%' ESCAPE '\\'")
            .fetch_one(&mut connection)
            .await
            .map_err(look)?;
    connection.close().await.map_err(look)?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        return Ok(());
    }
    Err(Error::new(Code::StateBroken, "this database belongs to another program")
        .with_hint("Choose another state folder; nothing was changed in this one."))
}

fn migration_failure(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) | MigrateError::VersionTooNew(..) => {
            Error::new(Code::StateBroken, "the local state was written by another version of IceBridge")
                .with_hint("Use the newer version of IceBridge, or choose another state folder.")
                .with_cause(error)
        }
        MigrateError::Execute(inner) => failure::of(inner, "bring the local state up to date"),
        other => failure::broken("the local state cannot be brought up to date").with_cause(other),
    }
}

fn folder_failure(path: &Path, error: std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::StorageFull,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
        _ => Code::StateBroken,
    };
    Error::new(code, "the state folder cannot be used")
        .about(path.display())
        .with_hint("Check the folder's permissions and free space, or choose another one.")
        .with_cause(error)
}

/// A folder we make is for its owner alone. One that was there is left as it is, unless it already is a state folder.
fn make_private_folder(folder: &Path, file: &Path) -> std::io::Result<()> {
    let ours = !folder.exists() || file.exists();
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    if ours {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    #[cfg(not(unix))]
    let _ = ours;
    Ok(())
}

/// SQLite gives its write-ahead log the permissions of the database.
fn make_private_file(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(file).map(drop)
}
