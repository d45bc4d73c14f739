//! A bundle that a stranger handed over: a folder, or one file.

use super::TABLES;
use super::archive::Archive;
use super::folder::CHUNK;
use icebridge_model::run::FileSum;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// No file of a bundle that is read whole may be larger: what is handed over must not fill the memory.
const LARGEST: u64 = 256 << 20;

pub(super) enum Bundle {
    Folder(PathBuf),
    Archive(Archive),
}

impl Bundle {
    pub fn open(path: &Path) -> Result<Self, String> {
        let kind = std::fs::metadata(path).map_err(|e| e.to_string())?;
        if kind.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        if !kind.is_file() {
            return Err("it is neither a folder nor a regular file".into());
        }
        Archive::open(File::open(path).map_err(|e| e.to_string())?).map(Self::Archive)
    }

    /// Every file at any of the two levels a bundle has, and whatever else is there, by relative path.
    pub fn names(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Folder(folder) => contents(folder).map_err(|e| format!("the folder cannot be listed: {e}")),
            Self::Archive(archive) => Ok(archive.names()),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).exists(),
            Self::Archive(archive) => archive.find(name).is_some(),
        }
    }

    /// A file's size and content.
    fn find(&mut self, name: &str) -> Result<(u64, Box<dyn Read + '_>), String> {
        match self {
            Self::Folder(folder) => {
                let file = open(&inside(folder, name)?)?;
                Ok((file.metadata().map_err(|e| e.to_string())?.len(), Box::new(file)))
            }
            Self::Archive(archive) => {
                let packed = archive.find(name).ok_or("there is no such file")?;
                Ok((packed.bytes.into(), Box::new(archive.reader(packed)?)))
            }
        }
    }

    pub fn reader(&mut self, name: &str) -> Result<impl BufRead + '_, String> {
        Ok(BufReader::with_capacity(CHUNK, self.find(name)?.1))
    }

    pub fn read(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        // One more than is allowed, so that a file that grows meanwhile is noticed too.
        self.find(name)?.1.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > LARGEST {
            return Err(format!("it is larger than {LARGEST} bytes"));
        }
        Ok(bytes)
    }

    /// Whether a file is what a manifest says, in flat memory. The size first: a wrong one need not be read to its end.
    pub fn compare(&mut self, said: &FileSum) -> Result<(), String> {
        let (bytes, content) = self.find(&said.path)?;
        if bytes != said.bytes {
            return Err("it has another size".into());
        }
        // A file that grows meanwhile differs, and is not followed. One byte more is asked for, since a packed file is
        // whole only when its end was seen.
        let mut content = BufReader::with_capacity(CHUNK, content.take(said.bytes.saturating_add(1)));
        let mut hasher = Sha256::new();
        loop {
            let piece = content.fill_buf().map_err(|e| e.to_string())?;
            if piece.is_empty() {
                break;
            }
            hasher.update(piece);
            let length = piece.len();
            content.consume(length);
        }
        if hex::encode(hasher.finalize()) == said.sha256 { Ok(()) } else { Err("it was changed".into()) }
    }
}

/// A path as a manifest names it: relative, with forward slashes, without a way out of the folder.
fn inside(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let plain = !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
        // "a//b" and "a/./b" are other names for files that are listed already.
        && path.split('/').all(|part| !part.is_empty() && part != ".");
    if plain { Ok(folder.join(path)) } else { Err(format!("{path:?} is no path inside the bundle")) }
}

/// Opens a regular file and nothing else: a link leads out of the bundle, a pipe never ends.
fn open(path: &Path) -> Result<File, String> {
    let kind = std::fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    if !kind.is_file() {
        return Err("it is no regular file".into());
    }
    File::open(path).map_err(|e| e.to_string())
}

fn contents(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == TABLES && entry.file_type()?.is_dir() {
            for inner in std::fs::read_dir(entry.path())? {
                found.push(format!("{TABLES}/{}", inner?.file_name().to_string_lossy()));
            }
        } else {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_bundle() {
        let folder = Path::new("/bundle");
        for bad in
            ["", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "C:\\x", "a\\..\\b", "c:x", "a\0b"]
        {
            assert!(inside(folder, bad).is_err(), "{bad:?}");
        }
        assert_eq!(inside(folder, "tables/1.json").unwrap(), Path::new("/bundle/tables/1.json"));
        assert!(inside(folder, "..a").is_ok());
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::TempDir::new().unwrap();
        assert!(open(folder.path()).is_err());
        assert!(open(&folder.path().join("none")).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
            assert!(open(&folder.path().join("link")).is_err());
        }
    }
}
