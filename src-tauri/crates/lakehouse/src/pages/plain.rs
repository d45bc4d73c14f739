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
        Compression::LZ4 => plain = lz4(page, size)?,
        Compression::LZ4_RAW => plain = lz4_flex::block::decompress(page, size).ok()?,
        _ => return None,
    }
    Some(plain)
}

/// Hadoop's blocks, a frame, or one block: as writers understood it.
fn lz4(page: &[u8], size: usize) -> Option<Vec<u8>> {
    hadoop_blocks(page, size).or_else(|| frame(page, size)).or_else(|| lz4_flex::block::decompress(page, size).ok())
}

/// Each begins with its sizes, decompressed and compressed.
fn hadoop_blocks(mut rest: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    while !rest.is_empty() {
        let (says, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let says = usize::try_from(u32::from_be_bytes(*says)).ok()?;
        plain.len().checked_add(says).filter(|all| *all <= size)?;
        let (block, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        plain.extend(lz4_flex::block::decompress(block, says).ok().filter(|block| block.len() == says)?);
        rest = after;
    }
    (plain.len() == size).then_some(plain)
}

fn frame(page: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    lz4_flex::frame::FrameDecoder::new(page).take(size as u64).read_to_end(&mut plain).ok()?;
    (plain.len() == size).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lz4_is_read_in_each_of_its_forms() {
        let plain = b"prefix and prefix and prefix and more".repeat(9);
        let block = lz4_flex::block::compress(&plain);
        let size = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
        let hadoop = [&size(&plain)[..], &size(&block)[..], &block[..]].concat();
        let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
        writer.write_all(&plain).unwrap();
        for page in [hadoop, writer.finish().unwrap(), block] {
            assert_eq!(decompressed(&page, Compression::LZ4, plain.len() as u64).as_ref(), Some(&plain));
            let cut = decompressed(&page[..page.len() / 2], Compression::LZ4, plain.len() as u64);
            assert_ne!(cut.as_ref(), Some(&plain));
        }
    }
}
