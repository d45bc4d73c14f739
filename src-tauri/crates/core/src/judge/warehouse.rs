//! A SQL warehouse of the target's workspace reads the target: the engine by which people will read it.

use crate::governance::warehouse;
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::unity::quoted;
use icebridge_lakehouse::digest::sql;
use icebridge_lakehouse::{Table, TargetCatalog};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::check::CheckKind;
use icebridge_model::plan::Plan;
use icebridge_model::validation::{Check, Validation};
use icebridge_model::{Code, Error, Result};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) struct WarehouseJudge {
    client: Client,
    me: Me,
    /// Its id.
    warehouse: String,
    /// The target's catalog in the workspace.
    catalog: String,
}

impl WarehouseJudge {
    pub async fn start(client: Client, plan: &Plan, target: &CatalogSpec) -> Result<Self> {
        let settings = plan.settings.governance.as_ref();
        let named = settings.and_then(|wanted| wanted.warehouse.as_deref());
        let warehouse = warehouse::choose(&client, named).await?.ok_or_else(|| {
            Error::new(Code::JudgeUnavailable, "the workspace has no SQL warehouse that may be used")
                .with_hint("Ask for the right CAN USE on one, or name another judge.")
        })?;
        let me = client.me().await?;
        Ok(Self { client, me, warehouse, catalog: target.warehouse.clone() })
    }

    /// `catalog`: where the target lies. Only the state that was compared says anything of the copy.
    pub async fn judge(
        &self,
        (catalog, target): (&dyn TargetCatalog, &Table),
        validation: &mut Validation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        must_be_compared(target, validation)?;
        let schema_name = target.ident.namespace.join(".");
        let names = [self.catalog.as_str(), schema_name.as_str(), target.ident.name.as_str()];
        let policies_unknown = self.refuse_restricted(&names.join(".")).await?;
        // Without a version: the warehouse reads what it takes for the newest, which is looked at afterwards.
        let schema = target.metadata.read_schema(target.metadata.current_snapshot_id);
        let asked = Uuid::new_v4().simple().to_string();
        let statement = sql::statement(&quoted(names), schema, &asked).map_err(|e| e.about(&target.ident))?;
        let groups = warehouse::rows(&self.client, &self.warehouse, &statement, &[], cancel).await?;
        let (rows, digest) = sql::add_up(&groups).map_err(|e| e.about(&target.ident))?;
        let passed = rows == validation.rows && digest == validation.digest;
        if let Some(error) = policies_unknown.filter(|_| !passed) {
            return Err(hidden_perhaps(error).about(names.join(".")));
        }
        must_be_compared(&catalog.load(&target.ident).await?, validation)?;
        let detail = match passed {
            true => "a SQL warehouse read the target, with the rows that were compared",
            false => "a SQL warehouse read the target, and found other rows than those that were compared",
        };
        let check = Check {
            name: CheckKind::TargetReadBack.into(),
            passed,
            source: format!("{}, {} rows", validation.digest, validation.rows),
            target: format!("{digest}, {rows} rows"),
            detail: detail.into(),
        };
        crate::validate::add_read_back(validation, check);
        Ok(())
    }

    /// Who does not see every row proves nothing by what is seen. What is given back: why it is not known whether policies apply.
    async fn refuse_restricted(&self, full_name: &str) -> Result<Option<Error>> {
        let Some(table) = self.client.table(full_name).await? else {
            return Err(Error::new(Code::TableNotFound, "Unity Catalog has no such table").about(full_name));
        };
        let restrictions = self.client.restrictions(&table, &self.me).await?;
        match restrictions.known.first() {
            None => Ok(restrictions.policies_unknown),
            Some(one) => {
                Err(Error::new(Code::Unsupported, "who is signed in may not see every row or value of the target")
                    .about(full_name)
                    .with_cause_text(one.text())
                    .with_hint("Sign in as somebody to whom it does not apply. The proof stays what it is."))
            }
        }
    }
}

/// Other rows than those that were compared, where a policy that is not shown may hide some: no word on the copy.
fn hidden_perhaps(unknown: Error) -> Error {
    Error::new(
        Code::Unsupported,
        "a SQL warehouse found other rows than those that were compared, and whether a policy hides some is not known",
    )
    .with_cause(unknown)
    .with_hint("Sign in as somebody who may see the table's policies. The proof stays what it is.")
}

/// Somebody may have written since: what is read then is no word on the copy.
fn must_be_compared(target: &Table, validation: &Validation) -> Result<()> {
    if target.metadata.current_snapshot_id == validation.target_snapshot_id {
        return Ok(());
    }
    Err(Error::new(Code::Unsupported, "the target has changed since it was compared, so that it is not read back")
        .about(&target.ident)
        .with_hint("Its proof stays what it is. Validate it again, if its source has not moved on."))
}
