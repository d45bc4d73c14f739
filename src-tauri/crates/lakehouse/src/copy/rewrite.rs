//! Rows decoded, deletes applied, written anew.

use super::{Copier, CopyTask, Prepared, identity};
use async_trait::async_trait;
use icebridge_model::{Code, Error, Result};

pub struct Rewrite;

#[async_trait]
impl Copier for Rewrite {
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        Err(Error::new(Code::Unsupported, "rewrite is not in this build").about(task.target_ident))
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<()> {
        identity::discard(task).await
    }
}
