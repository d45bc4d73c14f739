//! Paths as Iceberg metadata spells them. One file has several spellings (`file:/a`, `file:///a`, `/a`; `s3a://b/k`,
//! `s3://b/k`), and comparing them as text is how deletes get lost.

/// One spelling for all: local paths without a scheme, `s3://` and `abfss://` for their aliases, everything else as it is. Files that
/// [`crate::storage`] opens as one are one here.
pub fn canonical(path: &str) -> String {
    let path = after_file_scheme(path).unwrap_or(path);
    if path.starts_with('/') {
        return local(path);
    }
    for alias in ["s3://", "s3a://", "s3n://"] {
        if let Some(rest) = after_scheme(path, alias) {
            return format!("s3://{rest}");
        }
    }
    for alias in ["abfss://", "abfs://", "wasbs://", "wasb://"] {
        if let Some(rest) = after_scheme(path, alias) {
            return format!("abfss://{}", azure(rest));
        }
    }
    if let Some(rest) = after_scheme(path, "gs://") {
        return format!("gs://{rest}");
    }
    path.to_string()
}

/// `file:///x`, `file:/x` and `file://localhost/x` are `/x`; PyIceberg also writes `file://relative/x`.
pub(crate) fn after_file_scheme(path: &str) -> Option<&str> {
    let rest = after_scheme(path, "file:")?;
    let Some(authority) = rest.strip_prefix("//") else { return Some(rest) };
    Some(after_scheme(authority, "localhost").filter(|rest| rest.starts_with('/')).unwrap_or(authority))
}

/// An account has two hosts for the same files, `acct.dfs.…` and `acct.blob.…`, and no letter case.
fn azure(rest: &str) -> String {
    let (authority, key) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((container, host)) = authority.split_once('@') else { return rest.to_string() };
    let host = host.to_ascii_lowercase().replacen(".blob.", ".dfs.", 1);
    format!("{container}@{host}{key}")
}

/// On a disk several slashes are one.
fn local(path: &str) -> String {
    if !path.contains("//") {
        return path.to_string();
    }
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

/// Schemes and host names have no case (RFC 3986, section 3.1).
fn after_scheme<'a>(path: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Whether `path` lies inside the folder `location`; a folder's name that merely begins alike is another folder.
pub fn is_below(path: &str, location: &str) -> bool {
    let folder = canonical(location);
    canonical(path).strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_file_are_one() {
        for spelled in ["file:///a/b c", "file:/a/b c", "FILE:///a/b c", "file://LocalHost/a/b c", "/a/b c", "//a//b c"]
        {
            assert_eq!(canonical(spelled), "/a/b c", "{spelled}");
        }
        for spelled in ["s3a://b/k", "S3://b/k", "s3N://b/k"] {
            assert_eq!(canonical(spelled), "s3://b/k", "{spelled}");
        }
        assert_eq!(canonical("s3://b//k"), "s3://b//k", "another key");
        for spelled in [
            "abfss://c@acct.dfs.core.windows.net/k//%20.blob.x",
            "abfs://c@ACCT.blob.core.windows.net/k//%20.blob.x",
            "WASBS://c@acct.blob.core.windows.net/k//%20.blob.x",
            "wasb://c@acct.Dfs.core.windows.net/k//%20.blob.x",
        ] {
            assert_eq!(canonical(spelled), "abfss://c@acct.dfs.core.windows.net/k//%20.blob.x", "{spelled}");
        }
        assert_eq!(canonical("wasb://c/k"), "abfss://c/k");
        assert_ne!(canonical("abfss://C@a.dfs.core.windows.net/k"), canonical("abfss://c@a.dfs.core.windows.net/k"));
        assert_eq!(canonical("GS://b//K"), "gs://b//K");
        assert!(is_below("wasbs://c@a.blob.core.windows.net/t/f", "abfss://c@a.dfs.core.windows.net/t"));
        assert_eq!(canonical("hdfs://n/x"), "hdfs://n/x");
        assert_eq!([canonical("file://a/b"), canonical("file:a/b")], ["a/b", "a/b"], "relative, as storage opens it");
        assert!(is_below("file:/w/t/data/x", "file:///w/t/"));
        assert!(!is_below("/w/t2/x", "/w/t"));
        assert!(!is_below("/w/t", "/w/t"));
    }
}
