//! A judge: an engine that is not ours reads a table once more. What our reader gets wrong on both sides alike no comparison of
//! ours can see.

mod local;
mod process;
mod warehouse;

use icebridge_databricks::Client;
use icebridge_lakehouse::{Table, TargetCatalog};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::judge::JudgeKind;
use icebridge_model::plan::Plan;
use icebridge_model::validation::Validation;
use icebridge_model::{Error, Result};
use local::LocalJudge;
use tokio_util::sync::CancellationToken;
use warehouse::WarehouseJudge;

/// A judge at work.
pub(crate) enum Judge {
    Local(Box<LocalJudge>),
    Warehouse(WarehouseJudge),
}

impl Judge {
    /// `client`: of the target's workspace, where it has one.
    pub async fn start(
        kind: JudgeKind,
        plan: &Plan,
        target: &CatalogSpec,
        client: Option<Client>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        if kind != JudgeKind::Warehouse {
            return LocalJudge::start(kind, cancel).await.map(|judge| Self::Local(Box::new(judge)));
        }
        let Some(client) = client else {
            return Err(Error::invalid("only a target in Unity Catalog has a SQL warehouse that could read it")
                .about(&plan.target)
                .with_hint("Name an engine of this machine: --judge duckdb, spark or pyiceberg."));
        };
        WarehouseJudge::start(client, plan, target).await.map(Self::Warehouse)
    }

    /// `catalog`: the target's. Has the table read, and adds what was found to the validation. An error says why it could not be read: the validation
    /// is what it was.
    pub async fn judge(
        &mut self,
        (source, target): (&Table, &Table),
        catalog: &dyn TargetCatalog,
        validation: &mut Validation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        match self {
            Self::Local(judge) => judge.judge((source, target), validation, cancel).await,
            Self::Warehouse(judge) => judge.judge((catalog, target), validation, cancel).await,
        }
    }
}
