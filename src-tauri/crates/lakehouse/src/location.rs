//! Paths as Iceberg metadata spells them. One file has several spellings (`file:/a`, `file:///a`, `/a`; `s3a://b/k`,
//! `s3://b/k`), and comparing them as text is how deletes get lost.

/// One spelling for all: local paths without a scheme, `s3://` for its older aliases, everything else as it is.
pub fn canonical(path: &str) -> String {
    if let Some(rest) = path.strip_prefix("file:") {
        let trimmed = rest.trim_start_matches('/');
        return format!("/{trimmed}");
    }
    for alias in ["s3a://", "s3n://"] {
        if let Some(rest) = path.strip_prefix(alias) {
            return format!("s3://{rest}");
        }
    }
    path.to_string()
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
        assert_eq!(canonical("file:///a/b c"), "/a/b c");
        assert_eq!(canonical("file:/a/b c"), "/a/b c");
        assert_eq!(canonical("s3a://b/k"), "s3://b/k");
        assert!(is_below("file:/w/t/data/x", "file:///w/t/"));
        assert!(!is_below("/w/t2/x", "/w/t"));
        assert!(!is_below("/w/t", "/w/t"));
    }
}
