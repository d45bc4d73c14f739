//! What a run needs of the workspace.

use crate::base::Shared;
use crate::config::Spark;
use crate::jobs::JobsState;
use crate::state::secrets::Scopes;
use crate::state::tokens::Tokens;
use crate::state::workspace::Tree;
use crate::state::{Common, Folder};
use crate::unity::Metastore;
use std::sync::Arc;

#[derive(Clone)]
pub struct Runner {
    pub common: Arc<Common>,
    pub folder: Arc<Folder>,
    pub spark: Arc<Spark>,
    pub jobs: Shared<JobsState>,
    pub metastore: Shared<Metastore>,
    pub scopes: Shared<Scopes>,
    pub tokens: Shared<Tokens>,
    pub tree: Shared<Tree>,
}
