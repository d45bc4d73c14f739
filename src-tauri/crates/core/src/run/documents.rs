//! The Data Docs of a validation on a cluster, brought from the volume to this machine so that they can be looked at.

use crate::LocalState;
use crate::photon;
use icebridge_databricks::Client;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Below the state folder.
const FOLDER: &str = "docs";

/// Where the documents of a folder on a volume lie here: its last parts are plan, step with attempt, and the task's folder.
fn place(state_dir: &Path, docs: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = docs.trim_end_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    let [.., plan, step, task] = parts.as_slice() else { return None };
    let plain = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    [plan, step, task].iter().all(|part| plain(part)).then(|| state_dir.join(FOLDER).join(plan).join(step).join(task))
}

/// They are a convenience: the checks themselves are in the validation. What keeps them away is told in the log.
pub(super) async fn bring(local: &LocalState, client: &Client, docs: &str, cancel: &CancellationToken) {
    let Some(into) = place(&local.state_dir, docs) else { return };
    // The tables of a task share them.
    let _one_at_a_time = local.documents.lock().await;
    if into.join("index.html").is_file() {
        return;
    }
    if let Err(error) = photon::documents::fetch(client, docs, &into, cancel).await {
        tracing::warn!(docs, %error, "the validation's documents could not be brought here");
    }
}

/// The page to open, if it is here.
pub(super) fn page(state_dir: &Path, docs: &str) -> Option<String> {
    let page = place(state_dir, docs)?.join("index.html");
    page.is_file().then(|| page.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_always_below_the_folder() {
        let at = |docs: &str| place(Path::new("/s"), docs);
        assert_eq!(at("/Volumes/a/b/c/0123/large-1/docs-1/"), Some(PathBuf::from("/s/docs/0123/large-1/docs-1")));
        assert_eq!(at("/Volumes/a/../../docs-1"), None);
        assert_eq!(at("docs"), None);
    }
}
