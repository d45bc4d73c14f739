//! What a listing gives.

/// A file found by [`Storage::list`]. The path has the form of the prefix it was listed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub size: u64,
}

/// What lies straight in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Child {
    pub name: String,
    pub is_folder: bool,
}
