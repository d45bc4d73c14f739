//! Every table of a metastore, as a stream in bounded memory that can be taken up again.
//!
//! Nothing is promised about order, so there is no "after this table". The unit is the schema: each listed page brings the
//! position in its schema, the caller keeps it beside the rows, and a later walk skips what is done and goes on where it
//! stopped. A page's token that the server no longer knows starts its schema again: rows come twice, and are the same by name.

mod cursor;
mod scope;
#[cfg(test)]
mod tests;
mod walk;

pub use cursor::{Cursor, SchemaPosition, SchemaProgress};
pub use scope::{Found, Scope, TableRow};

use crate::client::Client;
use futures::stream::BoxStream;
use icebridge_model::Result;
use std::sync::Arc;

impl Client {
    /// From `cursor` on; an empty one begins at the beginning. Ends with an error only if the list of catalogs itself
    /// cannot be had, or the sign-in has ended.
    pub fn inventory(&self, scope: Scope, cursor: Cursor) -> BoxStream<'static, Result<Found>> {
        walk::walk(self.clone(), Arc::new(scope), Arc::new(cursor))
    }
}
