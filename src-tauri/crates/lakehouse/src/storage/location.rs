//! What a path names.

use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Local(PathBuf),
    S3 { bucket: String, key: String },
}

impl Location {
    /// Nothing in a path is decoded: Hadoop and PyIceberg keep `%20`, `#` and `?` as they are, and so do files written by
    /// them.
    pub fn parse(path: &str) -> Result<Self> {
        if let Some(rest) = strip_scheme(path, "file") {
            // `file:///x` and `file:/x` are the same; PyIceberg also writes `file://relative/x`.
            let rest = match rest.strip_prefix("//") {
                Some(authority) => authority.strip_prefix("localhost/").map_or(authority, |_| &authority[9..]),
                None => rest,
            };
            return Self::local(without_drive_slash(rest), path);
        }
        let Some((scheme, rest)) = path.split_once("://") else {
            return Self::local(path, path);
        };
        if !is_scheme(scheme) {
            return Self::local(path, path);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" | "s3n" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(Error::invalid("an S3 path needs a bucket: s3://bucket/key").about(path));
                }
                Ok(Self::S3 { bucket: bucket.into(), key: key.into() })
            }
            other => Err(Error::new(Code::Unsupported, format!("files under `{other}://` cannot be read"))
                .about(path)
                .with_hint("IceBridge reads local files and S3 (s3://, s3a://, s3n://).")),
        }
    }

    fn local(text: &str, path: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid("a path is empty").about(path));
        }
        Ok(Self::Local(PathBuf::from(text)))
    }
}

fn strip_scheme<'a>(path: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(scheme.len())?;
    if head.eq_ignore_ascii_case(scheme) { rest.strip_prefix(':') } else { None }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// `/C:/x` is how Hadoop writes `C:/x`.
fn without_drive_slash(path: &str) -> &str {
    let bytes = path.as_bytes();
    if cfg!(windows) && bytes.len() > 2 && bytes[0] == b'/' && bytes[1].is_ascii_alphabetic() && bytes[2] == b':' {
        &path[1..]
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(path: &str) -> Location {
        Location::Local(PathBuf::from(path))
    }

    #[test]
    fn every_form_of_a_local_path_is_taken_literally() {
        for (text, path) in [
            ("/w/t", "/w/t"),
            ("file:/w/t", "/w/t"),
            ("file:///w/t", "/w/t"),
            ("FILE:///w/t", "/w/t"),
            ("file://localhost/w/t", "/w/t"),
            ("file:///w/a b/%20/ü/a#b/c?d=e&f", "/w/a b/%20/ü/a#b/c?d=e&f"),
            ("/w/x=%2F/%41", "/w/x=%2F/%41"),
            ("warehouse/t", "warehouse/t"),
            ("file://warehouse/t", "warehouse/t"),
            ("files:/odd", "files:/odd"),
        ] {
            assert_eq!(Location::parse(text).unwrap(), local(path), "{text}");
        }
    }

    #[test]
    fn s3_has_three_names() {
        for scheme in ["s3", "s3a", "s3n", "S3"] {
            assert_eq!(
                Location::parse(&format!("{scheme}://b/a b/%20#?")).unwrap(),
                Location::S3 { bucket: "b".into(), key: "a b/%20#?".into() }
            );
        }
        assert_eq!(Location::parse("s3://b").unwrap(), Location::S3 { bucket: "b".into(), key: String::new() });
        for key in ["/db/t", "db/t//data/x", "//x"] {
            assert_eq!(
                Location::parse(&format!("s3://b/{key}")).unwrap(),
                Location::S3 { bucket: "b".into(), key: key.into() },
                "a key is kept to the byte"
            );
        }
        assert_eq!(Location::parse("s3:///k").unwrap_err().code, Code::InvalidInput);
    }

    #[test]
    fn foreign_schemes_are_named() {
        for path in ["hdfs://n/x", "gs://b/x", "abfss://c@a.dfs.core.windows.net/x"] {
            assert_eq!(Location::parse(path).unwrap_err().code, Code::Unsupported, "{path}");
        }
        assert_eq!(Location::parse("").unwrap_err().code, Code::InvalidInput);
    }
}
