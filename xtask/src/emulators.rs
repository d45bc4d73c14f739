//! Emulators of object storage that the tests start and that come neither from PyPI nor from Maven Central.

use crate::command::run;
use crate::python;
use crate::repo::Repo;
use crate::report::{Result, say};
use crate::stamp;

/// Fetches Azurite from npm, by the tests' own installer, which pins its version.
pub fn fetch(repo: &Repo) -> Result {
    let key = stamp::Content::default()
        .word(&repo.cache().to_string_lossy())
        .path(&repo.path("tests/services/azure_store.py"))?
        .key();
    if repo.cache().join("azurite").is_dir() && stamp::is_fresh(repo, "emulators", &key) {
        return Ok(());
    }
    say(format!("Fetching Azurite from npm into {} (about 360 MB)", repo.cache().display()));
    run(python::python(repo).args(["-c", "from tests.services.azure_store import azurite; print(azurite())"]))?;
    stamp::write(repo, "emulators", &key)
}
