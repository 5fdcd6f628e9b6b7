//! The installation of a file. Its table is created with the first id, also in a file that is older
//! than the table.

use rusqlite::{Connection, OptionalExtension};
use spice_core::id::InstallationId;

use crate::{columns::uuid, failure::Attempt};

/// Implements [`Installed`](spice_core::port::installation::Installed) for a store with a database.
macro_rules! remembers_installation {
    ($store:ty, $($database:ident).+) => {
        const _: () = {
            use spice_core::{
                id::InstallationId,
                port::{StoreResult, installation::Installed},
            };

            use $crate::installation;

            #[async_trait::async_trait]
            impl Installed for $store {
                async fn installation(&self) -> StoreResult<Option<InstallationId>> {
                    self.$($database).+.read(installation::find).await
                }

                async fn install(&self, id: InstallationId) -> StoreResult<InstallationId> {
                    let write = move |connection: &_| installation::install(connection, id);
                    self.$($database).+.write(write).await
                }
            }
        };
    };
}
pub(crate) use remembers_installation;

pub(crate) fn find(connection: &Connection) -> Attempt<Option<InstallationId>> {
    let has_table = connection
        .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'installation'")?
        .exists([])?;
    if !has_table {
        return Ok(None);
    }
    let found = connection
        .prepare("SELECT id FROM installation")?
        .query_row([], |row| Ok(uuid(row, 0)))
        .optional()?;
    Ok(found.transpose()?.map(InstallationId))
}

pub(crate) fn install(connection: &Connection, id: InstallationId) -> Attempt<InstallationId> {
    if let Some(known) = find(connection)? {
        return Ok(known);
    }
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS installation (id BLOB NOT NULL) STRICT")?;
    connection.execute(
        "INSERT INTO installation (id) VALUES (?1)",
        [id.0.as_bytes()],
    )?;
    Ok(id)
}
