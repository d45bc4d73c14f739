//! Where each file of the source goes in the copy: one file, one place, whatever the spelling of its path.

use crate::location::canonical;
use sha2::{Digest, Sha256};

/// A pure function of the path, so that a path inside a delete file, a manifest and a checkpoint always agree, and no list
/// of all files has to be kept.
#[derive(Clone, Debug)]
pub struct PathMap {
    /// The source table's folder in its one spelling, with a slash at its end.
    source: String,
    /// The copy's folder, no slash at its end.
    target: String,
}

impl PathMap {
    pub fn new(source_location: &str, target_location: &str) -> Self {
        Self {
            source: format!("{}/", canonical(source_location).trim_end_matches('/')),
            target: target_location.trim_end_matches('/').to_string(),
        }
    }

    /// The path relative to the copy's folder.
    pub fn relative(&self, path: &str) -> String {
        let path = canonical(path);
        if let Some(inside) = path.strip_prefix(&self.source)
            && stays_inside(inside)
        {
            return inside.to_string();
        }
        // Imported files, a moved data folder: each folder gets one of its own. The source's location is hashed too, so that
        // a table cloned before (which holds such folders as its own files) meets no name twice.
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let mut hash = Sha256::new();
        for part in [self.source.as_str(), folder] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let folder = hex::encode(&hash.finalize()[..12]);
        // `..` and the empty name are no file names; a hash of the whole path is.
        let name = if stays_inside(name) { name.to_string() } else { hex::encode(&Sha256::digest(&path)[..12]) };
        format!("data/outside-{folder}/{name}")
    }

    pub fn absolute(&self, path: &str) -> String {
        format!("{}/{}", self.target, self.relative(path))
    }

    /// For a folder named by a table property; none if it lies outside the table, where the copy must not write.
    pub fn folder(&self, path: &str) -> Option<String> {
        let path = format!("{}/", canonical(path).trim_end_matches('/'));
        let inside = path.strip_prefix(&self.source)?.trim_end_matches('/');
        (inside.is_empty() || stays_inside(inside))
            .then(|| format!("{}/{inside}", self.target).trim_end_matches('/').to_string())
    }

    pub fn target(&self) -> &str {
        &self.target
    }
}

/// Neither empty nor leading out of its folder. Two slashes in a row are part of a name in S3, and one slash on a disk: such
/// files get a folder of their own.
fn stays_inside(relative: &str) -> bool {
    relative.split('/').all(|part| !matches!(part, "" | ".." | "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_stays_where_it_was_in_every_spelling() {
        let map = PathMap::new("file:///w/a/t/", "file:///new/t-1/");
        for path in ["file:/w/a/t/data/x=1/f.parquet", "file:///w/a/t/data/x=1/f.parquet", "/w/a/t/data/x=1/f.parquet"]
        {
            assert_eq!(map.absolute(path), "file:///new/t-1/data/x=1/f.parquet");
        }
        let s3 = PathMap::new("s3a://b/t", "s3://c/t");
        assert_eq!(s3.absolute("s3://b/t//data/f"), s3.absolute("s3n://b/t//data/f"));
        assert_eq!(s3.absolute("s3://b/t/data/f"), "s3://c/t/data/f");
        let doubled = s3.absolute("s3://b/t/data//f");
        assert!(doubled.starts_with("s3://c/t/data/outside-") && doubled.ends_with("/f"), "{doubled}");
    }

    #[test]
    fn a_neighbour_whose_name_begins_alike_is_outside() {
        let map = PathMap::new("/a/t", "/n");
        assert!(map.absolute("/a/t2/data/f").starts_with("/n/data/outside-"));
        assert_eq!(map.absolute("/a/t/data/f"), "/n/data/f");
    }

    #[test]
    fn outside_paths_are_stable_and_never_meet() {
        let map = PathMap::new("/a/t", "/n");
        let paths =
            ["/x/f", "/y/f", "/x/y/f", "/a/t/../f", "/a/t/./f", "/a/f", "/a/t/data/..", "s3://b/f", "s3://b/x/f", "f"];
        let places: std::collections::HashSet<_> = paths.iter().map(|p| map.absolute(p)).collect();
        assert_eq!(places.len(), paths.len());
        for place in &places {
            assert!(place.starts_with("/n/data/") && !place.contains("/.."), "{place}");
        }
        assert_eq!(map.absolute("s3a://b/f"), map.absolute("s3://b/f"));
        assert_eq!(map.absolute("file:///x/f"), map.absolute("/x/f"));
    }

    #[test]
    fn a_clone_of_a_clone_keeps_outside_files_apart() {
        let first = PathMap::new("/a/t", "/b/t");
        let second = PathMap::new("/b/t", "/c/t");
        assert_ne!(second.absolute(&first.absolute("/x/f")), second.absolute("/x/f"));
    }

    #[test]
    fn folders_outside_have_no_place() {
        let map = PathMap::new("/a/t", "/n");
        assert_eq!(map.folder("/a/t/data/"), Some("/n/data".into()));
        assert_eq!(map.folder("/a/t"), Some("/n".into()));
        assert_eq!(map.folder("/a/t2/data"), None);
        assert_eq!(map.folder("/a/t/../u"), None);
    }
}
