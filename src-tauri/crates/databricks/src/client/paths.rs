//! Names as parts of an address.

/// One part of a path: everything but what RFC 3986 calls unreserved is encoded.
pub(crate) fn segment(name: &str) -> String {
    // A part of dots alone would be taken for a step through the folders, encoded or not.
    if name == "." || name == ".." {
        return name.replace('.', "%252E");
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_part() {
        assert_eq!(segment("a b/c#?%ü+"), "a%20b%2Fc%23%3F%25%C3%BC%2B");
        assert_eq!(segment("c.s.t"), "c.s.t");
        assert_eq!(segment(".."), "%252E%252E");
    }
}
