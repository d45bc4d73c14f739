//! All parts of the state, and those that each family of handlers takes.

use crate::base::Shared;
use crate::config::{Config, Spark};
use crate::jobs::JobsState;
use crate::runner::Runner;
use crate::sql::{Engine, Statements};
use crate::state::behaviour::DeletedOwners;
use crate::state::faults::Rules;
use crate::state::secrets::Scopes;
use crate::state::tokens::Tokens;
use crate::state::workspace::Tree;
use crate::state::{Common, Folder};
use crate::unity::{Metastore, sample};
use axum::extract::FromRef;
use std::sync::Arc;

#[derive(Clone)]
pub struct SandboxState {
    pub common: Arc<Common>,
    pub folder: Arc<Folder>,
    pub spark: Arc<Spark>,
    pub faults: Shared<Rules>,
    pub jobs: Shared<JobsState>,
    pub metastore: Shared<Metastore>,
    pub scopes: Shared<Scopes>,
    pub statements: Shared<Statements>,
    pub tokens: Shared<Tokens>,
    pub tree: Shared<Tree>,
}

impl SandboxState {
    pub fn new(config: &Config, folder: Folder) -> Self {
        let common = Arc::new(Common::new(config));
        let now = common.now();
        Self {
            folder: Arc::new(folder),
            spark: Arc::new(config.spark.clone()),
            faults: Shared::default(),
            jobs: Shared::default(),
            metastore: Shared::new(sample::metastore(config.tables, config.seed, now, config.gate_open)),
            scopes: Shared::default(),
            statements: Shared::default(),
            tokens: Shared::new(Tokens::new(config.token.as_ref(), config.client_secret.as_ref())),
            tree: Shared::new(Tree::new(now)),
            common,
        }
    }
}

macro_rules! take_parts {
    ($name:ident { $($field:ident),* }) => {
        impl FromRef<SandboxState> for $name {
            fn from_ref(state: &SandboxState) -> Self {
                Self { $($field: state.$field.clone()),* }
            }
        }
    };
}

macro_rules! parts {
    ($($name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {$(
        #[derive(Clone)]
        pub struct $name {
            pub common: Arc<Common>,
            $(pub $field: $kind),*
        }
        take_parts!($name { common, $($field),* });
    )*};
}

parts! {
    Files { folder: Arc<Folder>, metastore: Shared<Metastore> }
    Front { faults: Shared<Rules> }
    Iceberg { folder: Arc<Folder>, metastore: Shared<Metastore> }
    Identity { tokens: Shared<Tokens> }
    Jobs { folder: Arc<Folder>, jobs: Shared<JobsState> }
    Secrets { scopes: Shared<Scopes> }
    Sql { folder: Arc<Folder>, metastore: Shared<Metastore>, jobs: Shared<JobsState>, statements: Shared<Statements> }
    Unity { folder: Arc<Folder>, metastore: Shared<Metastore> }
    WorkspaceFiles { folder: Arc<Folder>, tree: Shared<Tree> }
}

take_parts!(Runner { common, folder, spark, jobs, metastore, scopes, tokens, tree });

impl Unity {
    pub fn deleted_owners(&self) -> DeletedOwners {
        self.common.settings.lock().behaviour.deleted_owners
    }
}

impl Sql {
    pub fn engine(&self) -> Engine {
        Engine {
            common: self.common.clone(),
            folder: self.folder.clone(),
            metastore: self.metastore.clone(),
            jobs: self.jobs.clone(),
        }
    }
}
