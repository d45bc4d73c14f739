//! The files of what was dropped: those of managed tables go with them, as in life after a while.

use crate::state::{Folder, inside};
use crate::unity::Metastore;
use crate::unity::objects::parts;

/// `name`: of a schema or a table. While the metastore is held, so that who has just listed the folder does not register what
/// is gone.
pub fn remove_files(folder: &Folder, metastore: &Metastore, name: &str) {
    let managed = metastore.catalogs.get(parts(name).0).is_some_and(|one| one.kind == "MANAGED_CATALOG");
    if let (true, Ok(below)) = (managed, inside(&name.replace('.', "/"))) {
        let _ = std::fs::remove_dir_all(folder.warehouse().join(below));
    }
}
