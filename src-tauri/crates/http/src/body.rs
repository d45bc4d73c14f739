//! Answers read into memory, up to a bound.

use bytes::{Bytes, BytesMut};

/// A page of a listing has some megabytes at most, inline results 25 MiB, the metadata of a table with a long history more.
pub const MAX_ANSWER_BYTES: usize = 96 << 20;
/// An error document, and a token.
pub(crate) const MAX_SMALL_ANSWER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(crate) enum BodyFault {
    Lost(reqwest::Error),
    TooLong,
}

pub(crate) async fn read(mut answer: reqwest::Response, max_bytes: usize) -> Result<Bytes, BodyFault> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(BodyFault::Lost)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(BodyFault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// As much of an error document as is there and fits: the status has said enough.
pub(crate) async fn read_error(mut answer: reqwest::Response) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = MAX_SMALL_ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    body.freeze()
}
