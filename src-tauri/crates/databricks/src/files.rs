//! Files on volumes: in and out, streamed.

use crate::client::{Call, Client, Content, Failure, Family, segment, unreachable};
use bytes::Bytes;
use futures::stream::BoxStream;
use icebridge_model::{Code, Error, Result};
use reqwest::header::{CONTENT_LENGTH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryEntry {
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

/// In one piece.
const LONGEST_UPLOAD: u64 = 5 << 30;
/// A line slower than this is taken for broken, in bytes a second.
const SLOWEST: u64 = 128 << 10;
/// Of a download that breaks off, without a byte in between.
const RESUMPTIONS: u32 = 5;

/// `/Volumes/catalog/schema/volume/...` as a path of the API.
fn place(kind: &str, path: &str) -> Result<String> {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let wrong = parts.iter().any(|part| part.is_empty() || matches!(*part, "." | ".."));
    if !path.starts_with("/Volumes/") || parts.len() < 4 || wrong {
        return Err(Error::invalid("a file on a volume is named /Volumes/catalog/schema/volume/path").about(path));
    }
    let parts: Vec<_> = parts.into_iter().map(segment).collect();
    Ok(format!("/api/2.0/fs/{kind}/{}", parts.join("/")))
}

fn moved(path: &str) -> Error {
    Error::new(Code::FileBroken, "the file changed while it was read").about(path).with_hint("Read it again.")
}

impl Client {
    /// With all folders above it. What is there stays.
    pub async fn make_directory(&self, path: &str) -> Result<()> {
        self.tell(Call::put(Family::Files, place("directories", path)?)).await?;
        Ok(())
    }

    pub fn directory(&self, path: &str) -> Result<BoxStream<'static, Result<DirectoryEntry>>> {
        Ok(self.items(Call::get(Family::Files, place("directories", path)?), "contents"))
    }

    /// In place of what was there.
    pub async fn put_file(&self, path: &str, content: Bytes) -> Result<()> {
        let within = self.silence() + Duration::from_secs(content.len() as u64 / SLOWEST);
        let call = Call::put(Family::Files, place("files", path)?).query("overwrite", true);
        self.upload(&call, &Content::Memory(content), within).await?;
        Ok(())
    }

    /// As [`Client::put_file`], without holding it in memory.
    pub async fn upload_file(&self, path: &str, from: &Path) -> Result<u64> {
        let unreadable =
            |e: std::io::Error| Error::invalid("the file cannot be read").about(from.display()).with_cause(e);
        let size = tokio::fs::metadata(from).await.map_err(unreadable)?.len();
        if size > LONGEST_UPLOAD {
            return Err(Error::invalid("a volume takes files up to 5 GiB in one piece").about(from.display()));
        }
        let call = Call::put(Family::Files, place("files", path)?).query("overwrite", true);
        let within = self.silence() + Duration::from_secs(size / SLOWEST);
        self.upload(&call, &Content::File(from.into()), within).await?;
        Ok(size)
    }

    /// None if there is no such file.
    pub async fn file_size(&self, path: &str) -> Result<Option<u64>> {
        match self.open(&Call::head(Family::Files, place("files", path)?)).await {
            Ok(answer) => {
                let length = answer.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse().ok());
                Ok(Some(length.unwrap_or_default()))
            }
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.is_missing()) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Into memory, up to `most` bytes. None if there is no such file.
    pub async fn read_file(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>> {
        let mut content = Capped { bytes: Vec::new(), most };
        match self.copied(path, &mut content).await {
            Ok(_) => Ok(Some(content.bytes)),
            Err(Failure::Refused(refusal)) if refusal.is_missing() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Returns its length. A line that breaks is taken up where it broke.
    pub async fn download_file(&self, path: &str, to: &mut (impl AsyncWrite + Unpin + Send)) -> Result<u64> {
        Ok(self.copied(path, to).await?)
    }

    async fn copied(&self, path: &str, to: &mut (impl AsyncWrite + Unpin + Send)) -> Result<u64, Failure> {
        let place = place("files", path).map_err(Failure::Failed)?;
        let unwritable = |e: std::io::Error| {
            Failure::Failed(
                Error::new(Code::StorageFailed, "what was read cannot be written down").about(path).with_cause(e),
            )
        };
        let (mut read, mut version, mut broken) = (0_u64, None::<String>, 0);
        loop {
            let mut call = Call::get(Family::Files, place.clone());
            if read > 0 {
                call.headers.push(("range", format!("bytes={read}-")));
                call.headers.extend(version.clone().map(|version| ("if-unmodified-since", version)));
            }
            let mut answer = match self.open(&call).await {
                Ok(answer) => answer,
                Err(Failure::Refused(refusal)) if refusal.status == 412 => return Err(Failure::Failed(moved(path))),
                Err(failure) => return Err(failure),
            };
            if read > 0 && answer.status() != 206 {
                return Err(Failure::Failed(moved(path)));
            }
            let told = answer.content_length().map(|left| read + left);
            version = version.or_else(|| answer.headers().get(LAST_MODIFIED)?.to_str().ok().map(str::to_string));
            let cause = loop {
                match tokio::time::timeout(self.silence(), answer.chunk()).await {
                    Ok(Ok(Some(chunk))) => {
                        to.write_all(&chunk).await.map_err(unwritable)?;
                        read += chunk.len() as u64;
                        broken = 0;
                    }
                    Ok(Ok(None)) if told.is_none_or(|told| told == read) => {
                        to.flush().await.map_err(unwritable)?;
                        return Ok(read);
                    }
                    Ok(Ok(None)) => break None,
                    Ok(Err(e)) => break Some(e),
                    Err(_) => break None,
                }
            };
            broken += 1;
            if broken > RESUMPTIONS {
                let error = match cause {
                    Some(cause) => unreachable(&self.asked(&call), cause),
                    None => Error::new(Code::WorkspaceUnreachable, "the file came to a stop on the way")
                        .about(path)
                        .with_hint("Try again.")
                        .retryable(),
                };
                return Err(Failure::Failed(error));
            }
            tokio::time::sleep(self.pace().backoff(broken)).await;
        }
    }

    /// No error if there was none.
    pub async fn delete_file(&self, path: &str) -> Result<()> {
        match self.tell(Call::delete(Family::Files, place("files", path)?)).await {
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.is_missing()) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Of an empty folder. No error if there was none.
    pub async fn delete_directory(&self, path: &str) -> Result<()> {
        match self.tell(Call::delete(Family::Files, place("directories", path)?)).await {
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.is_missing()) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

/// Memory that refuses to grow over a bound.
struct Capped {
    bytes: Vec<u8>,
    most: usize,
}

impl AsyncWrite for Capped {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        piece: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        if self.bytes.len() + piece.len() > self.most {
            let words = format!("it has more than {} bytes", self.most);
            return std::task::Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, words)));
        }
        self.bytes.extend_from_slice(piece);
        std::task::Poll::Ready(Ok(piece.len()))
    }
    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
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
