//! Names as parts of an address.

use icebridge_model::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what RFC 3986 calls unreserved: what every server decodes to the same name.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One part of a path. `.`, `..` and an empty name cannot be one: they mean another address, encoded or not.
pub fn segment(name: &str) -> Result<String> {
    if matches!(name, "" | "." | "..") {
        return Err(Error::invalid("this name cannot be part of an address")
            .about(format!("`{name}`"))
            .with_hint("Rename the object at the server: no request can address it."));
    }
    Ok(utf8_percent_encode(name, UNRESERVED).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_stays_one_part() {
        assert_eq!(segment("a b/c#?%ü+").unwrap(), "a%20b%2Fc%23%3F%25%C3%BC%2B");
        assert_eq!(segment("c.s.t").unwrap(), "c.s.t");
        for name in ["", ".", ".."] {
            assert!(segment(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_comes_back_as_one_part(name in any::<String>()) {
            prop_assume!(!matches!(&*name, "" | "." | ".."));
            let url = url::Url::parse(&format!("http://h/a/{}/z", segment(&name).unwrap())).unwrap();
            let parts: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(parts.len(), 3);
            let decoded = percent_encoding::percent_decode_str(parts[1]).decode_utf8().unwrap();
            prop_assert_eq!(decoded, name);
        }
    }
}
