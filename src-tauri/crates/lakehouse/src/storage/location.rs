//! What a path names.

use super::azure::Container;
use crate::location::after_file_scheme;
use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Local(PathBuf),
    S3 { bucket: String, key: String },
    Azure { container: Container, key: String },
    Google { bucket: String, key: String },
}

const READ: &str = "IceBridge reads local files, S3 (s3, s3a, s3n), Azure storage (abfss, abfs, wasbs, wasb) and Google Cloud \
                    Storage (gs). Copy the table to one of them first, or map it away.";

impl Location {
    /// Nothing in a path is decoded: Hadoop and PyIceberg keep `%20`, `#` and `?` as they are, and so do files written by
    /// them.
    pub fn parse(path: &str) -> Result<Self> {
        if let Some(rest) = after_file_scheme(path) {
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
            "gs" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(
                        Error::invalid("a path of Google Cloud Storage needs a bucket: gs://bucket/key").about(path)
                    );
                }
                Ok(Self::Google { bucket: bucket.into(), key: key.into() })
            }
            "abfss" | "abfs" | "wasbs" | "wasb" => {
                let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
                let container = Container::parse(authority).map_err(|e| e.about(path))?;
                Ok(Self::Azure { container, key: key.into() })
            }
            other => Err(Error::new(Code::Unsupported, format!("files under `{other}://` cannot be read or written"))
                .about(path)
                .with_hint(READ)),
        }
    }

    fn local(text: &str, path: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid("a path is empty").about(path));
        }
        Ok(Self::Local(PathBuf::from(text)))
    }
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
    fn azure_has_four_names_and_google_one() {
        for (text, account, host) in [
            ("abfss://c@acct.dfs.core.windows.net/a b//%20#?", "acct", "acct.blob.core.windows.net"),
            ("ABFS://c@ACCT.blob.core.windows.net/a b//%20#?", "acct", "acct.blob.core.windows.net"),
            ("wasbs://c@acct.blob.core.usgovcloudapi.net/a b//%20#?", "acct", "acct.blob.core.usgovcloudapi.net"),
            ("wasb://c@acct.z01.dfs.storage.azure.net/a b//%20#?", "acct", "acct.z01.blob.storage.azure.net"),
            ("abfs://c@acct/a b//%20#?", "acct", ""),
            ("abfs://c/a b//%20#?", "", ""),
        ] {
            let container = Container { name: "c".into(), account: account.into(), host: host.into() };
            let key = "a b//%20#?".to_string();
            assert_eq!(Location::parse(text).unwrap(), Location::Azure { container, key }, "{text}");
        }
        assert_eq!(
            Location::parse("gs://b_1.x//a%2Fb ").unwrap(),
            Location::Google { bucket: "b_1.x".into(), key: "/a%2Fb ".into() }
        );
        for broken in
            ["gs:///k", "abfss:///k", "abfss://@acct.dfs.core.windows.net/k", "abfss://c@/k", "wasb://a@b@c/k"]
        {
            assert_eq!(Location::parse(broken).unwrap_err().code, Code::InvalidInput, "{broken}");
        }
    }

    #[test]
    fn foreign_schemes_are_named() {
        let one_lake = "abfss://space@onelake.dfs.fabric.microsoft.com/x.Lakehouse/Tables/t";
        for path in ["hdfs://n/x", "oss://b/x", "az://c/x", one_lake] {
            assert_eq!(Location::parse(path).unwrap_err().code, Code::Unsupported, "{path}");
        }
        assert_eq!(Location::parse("").unwrap_err().code, Code::InvalidInput);
    }
}
