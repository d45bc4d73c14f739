//! Rows of a table by the names of their columns.
//!
//! By a macro of our own, and not by sqlx's derive: that compiles every database's client for the compiler itself.

macro_rules! row {
    (struct $name:ident { $($column:ident: $type:ty,)+ }) => {
        struct $name { $($column: $type,)+ }

        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $name {
            fn from_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self { $($column: row.try_get(stringify!($column))?,)+ })
            }
        }
    };
}

pub(crate) use row;
