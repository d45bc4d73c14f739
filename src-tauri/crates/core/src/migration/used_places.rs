//! Which tables of a target lie in a place where something was staged, under whichever name.

use icebridge_lakehouse::Table;
use icebridge_model::{Result, TableIdent};

pub(super) type Found = (TableIdent, Result<Table>);

/// Why a place may be a table's.
pub(super) enum Use {
    Certain(String),
    /// The table cannot be read.
    Possible(String),
}

pub(super) fn use_of((ident, table): &Found, place: &str) -> Option<Use> {
    match table {
        Ok(table) if uses(table, place) => Some(Use::Certain(format!("{ident} uses what was copied"))),
        Ok(_) => None,
        Err(error) => Some(Use::Possible(format!("{ident} cannot be read, and may use it: {error}"))),
    }
}

/// The place's name is random, and part of the path of all that lies in it.
fn uses(table: &Table, place: &str) -> bool {
    let metadata = &table.metadata;
    let lists = metadata.snapshots.iter().filter_map(|snapshot| snapshot.manifest_list.as_deref());
    let manifests = metadata.snapshots.iter().flat_map(|snapshot| snapshot.manifests.iter().map(String::as_str));
    [metadata.location.as_str(), table.metadata_location.as_str()]
        .into_iter()
        .chain(lists)
        .chain(manifests)
        .any(|path| path.contains(place))
}
