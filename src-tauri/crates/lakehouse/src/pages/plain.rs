//! The bytes of a page without their compression.

use parquet::basic::Compression;
use std::io::Read;

/// None also where the page holds more than it says.
pub fn decompressed(page: &[u8], codec: Compression, says: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(says).ok()?;
    let mut plain = Vec::new();
    match codec {
        Compression::UNCOMPRESSED => plain.extend_from_slice(page),
        Compression::SNAPPY => {
            (snap::raw::decompress_len(page).ok()? == size).then_some(())?;
            plain = snap::raw::Decoder::new().decompress_vec(page).ok()?;
        }
        Compression::GZIP(_) => drop(flate2::read::MultiGzDecoder::new(page).take(says).read_to_end(&mut plain).ok()?),
        Compression::BROTLI(_) => drop(brotli::Decompressor::new(page, 4096).take(says).read_to_end(&mut plain).ok()?),
        Compression::ZSTD(_) => plain = zstd::bulk::decompress(page, size).ok()?,
        Compression::LZ4_RAW => plain = lz4_flex::block::decompress(page, size).ok()?,
        _ => return None,
    }
    Some(plain)
}
