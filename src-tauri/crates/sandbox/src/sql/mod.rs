//! The sandbox's SQL: what IceBridge sends to a warehouse and what shows its effects. Text to tokens (`lexer`), to a syntax tree
//! (`parse`, `ast`), to an answer (`execute`). What is not run fails, and says so. Pure, without HTTP.

mod ast;
mod carried;
mod clone;
mod clustering;
mod computed;
mod cursor;
mod described;
mod error;
mod evaluate;
mod execute;
mod guarded;
mod information;
mod lake;
mod lexer;
mod managed;
mod parse;
mod parse_expression;
mod parse_select;
mod parse_table;
mod securing;
mod select;
mod session;
mod sources;
mod statements;
mod table;
mod warehouses;

pub use carried::{check as check_carried, done as carried};
pub use computed::check as check_computed;
pub use error::SqlError;
pub use evaluate::Environment;
pub use execute::run;
pub use session::{Engine, Session};
pub use statements::{Phase, Statements};
pub use table::Table;
pub use warehouses::Warehouse;

#[cfg(test)]
mod tests;
