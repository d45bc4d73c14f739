//! The pages of column chunks. Before a chunk is read, what its pages claim to hold is checked ([`bounds`]). Of a chunk
//! that is moved, the pages' bytes stay as they are, and their headers are parsed strictly and written anew ([`strict`]).
//!
//! Readers differ in what they pass over in a header that is damaged. One that our reader happens to read could be proved
//! here and be unreadable elsewhere; so the copy has headers of ours, and a chunk with anything strange in one is decoded.

pub mod bounds;
pub mod chunks;
mod delta;
pub mod footer;
mod header;
mod lenient;
mod plain;
pub mod strange_fields;
mod thrift;
pub mod values;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use header::{Body, PageHeader};
use icebridge_model::{Code, Error};
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

/// A file that is not what its writer wrote.
fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::FileBroken, message)
        .with_hint("The file is damaged at the source; restore it there, or remove it from the table.")
}

/// A chunk's pages, ready to be appended to another file.
#[derive(Debug)]
pub struct Pages {
    pub bytes: Bytes,
    /// With the headers.
    pub uncompressed_size: i64,
    pub has_dictionary: bool,
    /// Where the first page of data lies.
    pub data_offset: i64,
}

/// None if anything is not as the format has it.
pub fn strict(chunk_bytes: &[u8], chunk: &ColumnChunkMetaData) -> Option<Pages> {
    let column = chunk.column_descr();
    let levels = (column.max_def_level() > 0, column.max_rep_level() > 0);
    let mut out = Vec::with_capacity(chunk_bytes.len() + 64);
    let (mut rest, mut values, mut uncompressed) = (chunk_bytes, 0i64, 0i64);
    let (mut has_dictionary, mut data_offset) = (false, None);
    while !rest.is_empty() {
        let (mut header, length) = PageHeader::parse(rest)?;
        let size = usize::try_from(header.compressed_size).ok()?;
        let page = rest.get(length..length.checked_add(size)?)?;
        rest = rest.get(length + size..)?;
        if !header.is_sound(chunk.compression() == Compression::UNCOMPRESSED, levels) {
            return None;
        }
        match &mut header.body {
            Body::Dictionary { .. } if has_dictionary || data_offset.is_some() => return None,
            Body::Dictionary { .. } => has_dictionary = true,
            // No reader needs it, and no writer that is known makes it.
            Body::Index => continue,
            Body::Data { values: of_page, .. } | Body::DataV2 { values: of_page, .. } => {
                values = values.checked_add(i64::from(*of_page))?;
                data_offset.get_or_insert(out.len() as i64);
            }
        }
        let begins = out.len();
        header.write(&mut out);
        uncompressed += (out.len() - begins) as i64 + i64::from(header.uncompressed_size);
        out.extend_from_slice(page);
    }
    (values == chunk.num_values()).then_some(())?;
    Some(Pages { bytes: out.into(), uncompressed_size: uncompressed, has_dictionary, data_offset: data_offset? })
}
