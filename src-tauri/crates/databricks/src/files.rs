//! Files on volumes.

use crate::client::{Call, Client, Failure, Family, RefusalKind, SERVICE, segment};
use bytes::Bytes;
use futures::stream::BoxStream;
use icebridge_http::header::{CONTENT_LENGTH, LAST_MODIFIED};
use icebridge_http::{Response, TransportError, unreachable};
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryEntry {
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub is_directory: bool,
    #[serde(default)]
    pub file_size: Option<u64>,
    #[serde(default)]
    pub last_modified: Option<i64>,
}

/// In bytes a second: a slower line counts as broken.
const SLOWEST: u64 = 128 << 10;
/// Of a download that breaks off again and again without a byte in between.
const RESUMPTIONS: u32 = 5;

/// `/Volumes/catalog/schema/volume/...` as a path of the API.
fn place(kind: &str, path: &str) -> Result<String> {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let wrong = parts.iter().any(|part| matches!(*part, "" | "." | ".."));
    if !path.starts_with("/Volumes/") || parts.len() < 4 || wrong {
        return Err(Error::invalid("a file on a volume is named /Volumes/catalog/schema/volume/path").about(path));
    }
    let parts: Vec<_> = parts.into_iter().map(segment).collect::<Result<_>>()?;
    Ok(format!("/api/2.0/fs/{kind}/{}", parts.join("/")))
}

fn moved(path: &str) -> Error {
    Error::new(Code::FileBroken, "the file changed while it was read").about(path).with_hint("Read it again.")
}

impl Client {
    /// With all folders above it. What is there stays.
    pub async fn make_directory(&self, path: &str) -> Result<()> {
        self.execute(Call::put(Family::Files, place("directories", path)?)).await?;
        Ok(())
    }

    pub fn directory(&self, path: &str) -> Result<BoxStream<'static, Result<DirectoryEntry>>> {
        Ok(self.items(Call::get(Family::Files, place("directories", path)?), "contents"))
    }

    /// In place of what was there.
    pub async fn put_file(&self, path: &str, content: Bytes) -> Result<()> {
        let within = self.max_silence() + Duration::from_secs(content.len() as u64 / SLOWEST);
        let call = Call::put(Family::Files, place("files", path)?).query("overwrite", true);
        self.execute(call.bytes(content).within(within)).await?;
        Ok(())
    }

    /// None if there is no such file.
    pub async fn file_size(&self, path: &str) -> Result<Option<u64>> {
        match self.open(&Call::head(Family::Files, place("files", path)?)).await {
            Ok(answer) => {
                let length = answer.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse().ok());
                Ok(Some(length.unwrap_or_default()))
            }
            // An answer to HEAD has no body that could say why.
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.status == 404) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Into memory, up to `max_bytes`. None if there is no such file.
    pub async fn read_file(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>> {
        let mut content = Vec::new();
        match self.download(path, &mut content, max_bytes).await {
            Ok(()) => Ok(Some(content)),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// A line that breaks is taken up where it broke.
    async fn download(&self, path: &str, content: &mut Vec<u8>, max_bytes: usize) -> Result<(), Failure> {
        let place = place("files", path).map_err(Failure::Failed)?;
        let (mut version, mut broken) = (None::<String>, 0);
        loop {
            let call = resumed(&place, content.len(), version.as_deref());
            let mut answer = match self.open(&call).await {
                Ok(answer) => answer,
                Err(Failure::Refused(refusal)) if refusal.status == 412 => return Err(Failure::Failed(moved(path))),
                Err(failure) => return Err(failure),
            };
            if !content.is_empty() && answer.status() != 206 {
                return Err(Failure::Failed(moved(path)));
            }
            version = version.or_else(|| answer.headers().get(LAST_MODIFIED)?.to_str().ok().map(str::to_string));
            let before = content.len();
            let broke = match self.pieces(path, &mut answer, content, max_bytes).await? {
                Transfer::Whole => return Ok(()),
                Transfer::Broken(cause) => cause,
            };
            broken = if content.len() > before { 1 } else { broken + 1 };
            if broken > RESUMPTIONS {
                return Err(Failure::Failed(match broke {
                    Some(cause) => unreachable(&SERVICE, &self.describe(&call), cause),
                    None => Error::new(Code::WorkspaceUnreachable, "the download stopped before the end of the file")
                        .about(path)
                        .with_hint("Try again.")
                        .retryable(),
                }));
            }
            tokio::time::sleep(self.retry().backoff(broken)).await;
        }
    }

    async fn pieces(
        &self,
        path: &str,
        answer: &mut Response,
        content: &mut Vec<u8>,
        max_bytes: usize,
    ) -> Result<Transfer, Failure> {
        let announced = answer.content_length().map(|left| content.len() as u64 + left);
        loop {
            match tokio::time::timeout(self.max_silence(), answer.chunk()).await {
                Ok(Ok(Some(chunk))) if content.len() + chunk.len() > max_bytes => {
                    return Err(Failure::Failed(
                        Error::new(Code::StorageFailed, "the file is longer than what is read into memory")
                            .about(path)
                            .with_cause_text(format!("it has more than {max_bytes} bytes")),
                    ));
                }
                Ok(Ok(Some(chunk))) => content.extend_from_slice(&chunk),
                Ok(Ok(None)) if announced.is_none_or(|announced| announced == content.len() as u64) => {
                    return Ok(Transfer::Whole);
                }
                Ok(Err(cause)) => return Ok(Transfer::Broken(Some(cause))),
                Ok(Ok(None)) | Err(_) => return Ok(Transfer::Broken(None)),
            }
        }
    }

    /// No error if there was none.
    pub async fn delete_file(&self, path: &str) -> Result<()> {
        self.execute_if_there(Call::delete(Family::Files, place("files", path)?)).await
    }
}

/// How far an answer came.
enum Transfer {
    Whole,
    Broken(Option<TransportError>),
}

fn resumed(place: &str, from: usize, version: Option<&str>) -> Call {
    let call = Call::get(Family::Files, place);
    match (from, version) {
        (0, _) => call,
        (from, None) => call.header("range", format!("bytes={from}-")),
        (from, Some(version)) => call.header("range", format!("bytes={from}-")).header("if-unmodified-since", version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_on_volumes_are_named_and_each_part_is_encoded() {
        assert_eq!(place("files", "/Volumes/c/s/v/a b#/ü").unwrap(), "/api/2.0/fs/files/Volumes/c/s/v/a%20b%23/%C3%BC");
        for path in ["/Workspace/x/y/z", "/Volumes/c/s", "/Volumes/c/s/v/../w", "/Volumes/c//s/v", "Volumes/c/s/v"] {
            assert!(place("files", path).is_err(), "{path}");
        }
    }
}
