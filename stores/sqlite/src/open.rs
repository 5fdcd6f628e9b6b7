//! Opens a file: settings, tables, and what happens to a file that is damaged or of another
//! version. Several processes may have the same file open.

use std::{
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};
use spice_core::{
    error::StoreError,
    port::{Store, StoreResult},
};

use super::failure::{Attempt, Failure};

/// The location of a store's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, created if it does not exist, set aside if it is damaged. A file of another store or
    /// program is refused and left as it is.
    File(PathBuf),
    /// An existing file, opened as it is: not created, not set aside.
    Kept(PathBuf),
    /// Memory, for tests; gone with the last user.
    Memory,
}

/// The schema of a store's file.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The store's name in errors.
    pub(crate) store: Store,
    /// Distinguishes the files of the stores; a file with another value is refused and left as it is.
    pub(crate) application: i32,
    /// The version of the tables; a file of any other version is set aside.
    pub(crate) version: i32,
    /// The tables.
    pub(crate) tables: &'static [&'static str],
    /// The page cache of the writing connection, in KiB; it grows only as it is used.
    pub(crate) cache: i32,
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENTS: usize = 64;
const READER_CACHE: i32 = 1024;

enum Opened {
    Ready(Connection),
    SetAside(String),
}

/// Opens the connection that writes. Sets an unusable file aside, once.
pub(crate) fn open_writer(location: &Location, schema: &Schema) -> StoreResult<Connection> {
    let failed = |failure: Failure| failure.into_store_error(schema.store);
    let path = match location {
        Location::File(path) => path,
        Location::Kept(path) => return open_existing(path, schema),
        Location::Memory => {
            let memory = Connection::open_in_memory();
            let mut connection = memory.map_err(|error| failed(error.into()))?;
            configure(&connection, schema.cache).map_err(failed)?;
            create_tables(&mut connection, schema).map_err(failed)?;
            return Ok(connection);
        }
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| unavailable(schema, &error))?;
    }
    match open_file(path, schema).map_err(failed)? {
        Opened::Ready(connection) => Ok(connection),
        Opened::SetAside(reason) => {
            set_aside(path, schema, &reason)?;
            match open_file(path, schema).map_err(failed)? {
                Opened::Ready(connection) => Ok(connection),
                Opened::SetAside(reason) => Err(StoreError::Damaged {
                    store: schema.store,
                    reason,
                }),
            }
        }
    }
}

fn open_existing(path: &Path, schema: &Schema) -> StoreResult<Connection> {
    if !path.is_file() {
        return Err(StoreError::Damaged {
            store: schema.store,
            reason: format!("{} does not exist", path.display()),
        });
    }
    let opened = open_file(path, schema).map_err(|failure| failure.into_store_error(schema.store));
    match opened? {
        Opened::Ready(connection) => Ok(connection),
        Opened::SetAside(reason) => Err(StoreError::Damaged {
            store: schema.store,
            reason: format!("{}: {reason}", path.display()),
        }),
    }
}

/// Opens a further connection to a file that [`open_writer`] has prepared.
pub(crate) fn open_reader(path: &Path) -> Attempt<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection, READER_CACHE)?;
    Ok(connection)
}

/// Remembers that a file looked damaged while it was in use; the next start checks it fully.
pub(crate) fn mark_suspect(path: &Path) {
    if let Err(error) = std::fs::write(with_suffix(path, ".suspect"), b"") {
        tracing::warn!(path = %path.display(), %error, "cannot mark a damaged file");
    }
}

fn open_file(path: &Path, schema: &Schema) -> Attempt<Opened> {
    match prepare_file(path, schema) {
        Err(failure) if failure.is_damage() => Ok(Opened::SetAside(
            failure.into_store_error(schema.store).to_string(),
        )),
        other => other,
    }
}

fn prepare_file(path: &Path, schema: &Schema) -> Attempt<Opened> {
    if !looks_like_sqlite(path)? {
        return Err(refuse_foreign(path, schema, "it is not an SQLite file"));
    }
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    match examine_origin(&connection, schema)? {
        Origin::Ours => {}
        Origin::OtherVersion(version) => {
            return Ok(Opened::SetAside(format!(
                "it has version {version} instead of {}",
                schema.version
            )));
        }
        Origin::Foreign => {
            return Err(refuse_foreign(path, schema, "something else created it"));
        }
    }
    if let Some(reason) = examine_suspect(&connection, path)? {
        return Ok(Opened::SetAside(reason));
    }
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    configure(&connection, schema.cache)?;
    create_tables(&mut connection, schema)?;
    Ok(Opened::Ready(connection))
}

/// Returns whether a file may be a database of SQLite: it does not exist, is empty, or begins with the
/// name of the format. Zeros at its start are the work of a crash or a failing disk, so they count as
/// damage of a database.
fn looks_like_sqlite(path: &Path) -> Attempt<bool> {
    const FORMAT: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::with_capacity(FORMAT.len());
    match std::fs::File::open(path) {
        Ok(file) => {
            let read = file.take(FORMAT.len() as u64).read_to_end(&mut start);
            read.map_err(|error| Failure::Unavailable(format!("{}: {error}", path.display())))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Failure::Unavailable(format!("{}: {error}", path.display()))),
    }
    Ok(start == FORMAT || start.iter().all(|byte| *byte == 0))
}

/// Where a file comes from.
enum Origin {
    /// It belongs to this store, or has no tables yet: it is being created.
    Ours,
    /// It belongs to this store in another version.
    OtherVersion(i32),
    /// Another store or another program created it.
    Foreign,
}

fn examine_origin(connection: &Connection, schema: &Schema) -> Attempt<Origin> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(Origin::Ours);
    }
    let version = pragma(connection, "user_version")?;
    Ok(
        match pragma(connection, "application_id")? == schema.application {
            true if version == schema.version => Origin::Ours,
            true => Origin::OtherVersion(version),
            false => Origin::Foreign,
        },
    )
}

fn refuse_foreign(path: &Path, schema: &Schema, why: &str) -> Failure {
    Failure::Rejected(format!(
        "{} is not a file of the {}: {why}; correct the address, or move the file away",
        path.display(),
        schema.store
    ))
}

fn pragma(connection: &Connection, name: &str) -> Attempt<i32> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

fn examine_suspect(connection: &Connection, path: &Path) -> Attempt<Option<String>> {
    let mark = with_suffix(path, ".suspect");
    if !mark.exists() {
        return Ok(None);
    }
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Some(verdict));
    }
    if let Err(error) = std::fs::remove_file(&mark) {
        tracing::warn!(path = %mark.display(), %error, "cannot remove the mark of an intact file");
    }
    Ok(None)
}

fn configure(connection: &Connection, cache: i32) -> Attempt<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this, SQLite plans many statements again for each new bound value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY;
         PRAGMA mmap_size=0; PRAGMA cache_size=-{cache}; PRAGMA trusted_schema=OFF;
         PRAGMA wal_autocheckpoint=8000; PRAGMA journal_size_limit=33554432;"
    ))?;
    Ok(())
}

fn create_tables(connection: &mut Connection, schema: &Schema) -> Attempt<()> {
    if pragma(connection, "user_version")? == schema.version {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have created them while this one waited.
    if pragma(&transaction, "user_version")? != schema.version {
        for tables in schema.tables {
            transaction.execute_batch(tables)?;
        }
        transaction.pragma_update(None, "application_id", schema.application)?;
        transaction.pragma_update(None, "user_version", schema.version)?;
    }
    transaction.commit()?;
    Ok(())
}

fn set_aside(path: &Path, schema: &Schema, reason: &str) -> StoreResult<()> {
    let mut number = 1;
    while with_suffix(path, &format!(".damaged-{number}")).exists() {
        number += 1;
    }
    let aside = with_suffix(path, &format!(".damaged-{number}"));
    tracing::warn!(
        store = %schema.store, path = %path.display(), aside = %aside.display(), reason,
        "file was renamed; its content is rebuilt from the log"
    );
    for suffix in ["-wal", "-shm"] {
        rename_if_there(&with_suffix(path, suffix), &with_suffix(&aside, suffix))
            .map_err(|error| unavailable(schema, &error))?;
    }
    rename_if_there(path, &aside).map_err(|error| unavailable(schema, &error))?;
    match std::fs::remove_file(with_suffix(path, ".suspect")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(unavailable(schema, &error))
        }
        _ => Ok(()),
    }
}

fn rename_if_there(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

fn unavailable(schema: &Schema, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable {
        store: schema.store,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// Binds ten values to a statement of each kind that SQLite would plan again, and counts the
    /// plans.
    fn count_plans(connection: &Connection) -> i32 {
        let ranges = "SELECT b FROM t WHERE a = ?1 AND b <= ?1 ORDER BY b DESC LIMIT 1";
        let ordered = "SELECT b FROM t WHERE a = ?1 ORDER BY b";
        let mut plans = 0;
        for sql in [ranges, ordered] {
            let mut statement = connection.prepare_cached(sql).unwrap();
            for value in 0..10 {
                assert!(!statement.exists([value]).unwrap());
            }
            plans += statement.get_status(StatementStatus::RePrepare);
        }
        plans
    }

    #[test]
    fn statements_are_planned_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.sqlite");
        let schema = Schema {
            store: Store::Graph,
            application: 1,
            version: 1,
            tables: &["CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID"],
            cache: 64,
        };
        let writer = open_writer(&Location::File(path.clone()), &schema).unwrap();
        let reader = open_reader(&path).unwrap();
        let memory = open_writer(&Location::Memory, &schema).unwrap();
        for connection in [writer, reader, memory] {
            assert_eq!(count_plans(&connection), 0);
        }
    }
}
