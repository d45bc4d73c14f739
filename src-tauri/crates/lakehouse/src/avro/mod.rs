//! Avro object container files, raw: values are decoded by the writer's schema and encoded back by the same schema, and
//! nothing is interpreted on the way. The one Avro decoder of the product; it is bounded (see [`crate::limits`]).
//!
//! Why not a typed Avro library: a copy must hand back every byte it does not mean to change. Logical types (uuid as
//! fixed, decimals of any width), unknown fields, field names outside ASCII, header keys and the text of the schema itself
//! pass through here untouched, which a library that models them does not promise.

mod codec;
mod cursor;
mod decode;
mod encode;
mod error;
mod file;
mod schema;
mod value;
mod writer;

pub use file::{AvroFile, Header, Records};
pub use schema::{AvroField, AvroRecord, AvroSchema};
pub use value::{Record, Value};
pub use writer::{AvroWriter, rewrite};

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
