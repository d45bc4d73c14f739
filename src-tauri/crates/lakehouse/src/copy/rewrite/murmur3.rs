//! MurmurHash3, 32 bits, x86 variant, seed 0: the hash of Iceberg's buckets.

pub fn murmur3(bytes: &[u8]) -> i32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0u32;
    let mut blocks = bytes.chunks_exact(4);
    for block in &mut blocks {
        hash ^= mix(u32::from_le_bytes([block[0], block[1], block[2], block[3]]));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = blocks.remainder();
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0u32, |k, byte| k << 8 | u32::from(*byte));
        hash ^= mix(last);
    }
    // The algorithm counts the length in 32 bits.
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) as i32
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    #[test]
    fn known_hashes_of_every_tail_length() {
        for (text, hash) in [("", 0u32), ("a", 0x3c25_69b2), ("abc", 0xb3dd_93fa), ("Hello, world!", 0xc036_3e43)] {
            assert_eq!(murmur3(text.as_bytes()) as u32, hash, "{text}");
        }
    }
}
