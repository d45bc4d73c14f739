//! Sizes as people write them.

/// `512MB` and `512MiB` are powers of 1024, as `write.target-file-size-bytes` is meant.
pub(super) fn size(text: &str) -> std::result::Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("sizes are written like 256MB or 1GB".into()),
    };
    let number: u64 = number.parse().map_err(|_| "sizes are written like 256MB or 1GB".to_string())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "the size is out of range".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("256MB"), Ok(256 << 20));
        assert_eq!(size("1g"), Ok(1 << 30));
        assert_eq!(size("12345"), Ok(12345));
        for bad in ["", "MB", "1TB", "-1", "0", "99999999999999999999GB", "18014398509481984k"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
