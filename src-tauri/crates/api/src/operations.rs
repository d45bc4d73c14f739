//! One method for each operation of the model's list. The list makes the trait and the dispatcher, so that an operation
//! that is not carried out, or carried out with other types, does not compile.

use crate::{Api, browser};
use icebridge_core::databricks::{connect as workspaces, gate, sign_in, unity};
use icebridge_core::{audit, connect, inventory, mapping, plan, preflight, run, sample, table, validate};
use icebridge_model::audit::{AuditBundle, AuditVerdict};
use icebridge_model::catalog::{CatalogCheck, CatalogSpec};
use icebridge_model::databricks::{
    Gate, GateRequest, ProfileName, SaveWorkspace, SignInRequest, SignedOut, UnityListRequest, UnityPage, UnityRequest,
    UnitySummary, WorkspaceSpec, WorkspaceStatus,
};
use icebridge_model::facts::{InventoryRow, TableFacts};
use icebridge_model::finding::{PreflightReport, RuleInfo};
use icebridge_model::mapping::{Mapping, MappingPreview};
use icebridge_model::ops::*;
use icebridge_model::photon::{Bill, CostEstimate};
use icebridge_model::plan::Plan;
use icebridge_model::run::{JobSummary, JobView};
use icebridge_model::validation::Measurement;
use icebridge_model::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::path::Path;

macro_rules! declare {
    ($($method:ident $name:literal $request:ty => $response:ty;)*) => {
        /// What hosts call when they know the types.
        pub trait Operations {
            $(fn $method(&self, request: $request) -> impl Future<Output = Result<$response>> + Send;)*
        }

        impl Api {
            /// What hosts call that only pass JSON along.
            pub async fn call(&self, name: &str, request: Value) -> Result<Value> {
                match name {
                    $($name => {
                        let request: $request = read(name, request)?;
                        // Boxed, because a future that holds every operation's is as large as the largest.
                        let response = Box::pin(self.$method(request)).await.map_err(Error::or_usual_hint)?;
                        write(name, &response)
                    })*
                    _ => Err(Error::invalid("there is no such operation").about(name)),
                }
            }
        }
    };
}
icebridge_model::with_operations!(declare);

fn read<T: DeserializeOwned>(name: &str, request: Value) -> Result<T> {
    serde_json::from_value(request)
        .map_err(|e| Error::invalid(format!("the request of {name} cannot be understood")).with_cause(e))
}

fn write<T: Serialize>(name: &str, response: &T) -> Result<Value> {
    serde_json::to_value(response).map_err(|e| Error::internal("response to JSON").about(name).with_cause(e))
}

impl Operations for Api {
    async fn about(&self, _: Nothing) -> Result<About> {
        Ok(About {
            version: env!("CARGO_PKG_VERSION").into(),
            state_dir: self.workspace.state_dir.display().to_string(),
            keychain: self.keychain_state().await,
        })
    }

    async fn catalog_list(&self, _: Nothing) -> Result<Vec<CatalogSpec>> {
        connect::list(&self.workspace).await
    }

    async fn catalog_save(&self, request: SaveCatalog) -> Result<CatalogSpec> {
        connect::save(&self.workspace, request).await
    }

    async fn catalog_check(&self, request: Named) -> Result<CatalogCheck> {
        connect::check(&self.workspace, &request.name).await
    }

    async fn catalog_remove(&self, request: Named) -> Result<Nothing> {
        connect::remove(&self.workspace, &request.name).await.map(|()| Nothing {})
    }

    async fn workspace_list(&self, _: Nothing) -> Result<Vec<WorkspaceSpec>> {
        workspaces::list(&self.workspace).await
    }

    async fn workspace_profiles(&self, _: Nothing) -> Result<Vec<ProfileName>> {
        workspaces::profiles()
    }

    async fn workspace_save(&self, request: SaveWorkspace) -> Result<WorkspaceSpec> {
        workspaces::save(&self.workspace, request).await
    }

    async fn workspace_remove(&self, request: Named) -> Result<SignedOut> {
        workspaces::remove(&self.workspace, &request.name).await
    }

    async fn workspace_sign_in(&self, request: SignInRequest) -> Result<WorkspaceStatus> {
        sign_in::sign_in(&self.workspace, &request, &browser::open_address, &self.stop).await
    }

    async fn workspace_sign_in_cancel(&self, request: Named) -> Result<Nothing> {
        sign_in::cancel(&self.workspace, &request.name);
        Ok(Nothing {})
    }

    async fn workspace_sign_out(&self, request: Named) -> Result<SignedOut> {
        sign_in::sign_out(&self.workspace, &request.name).await
    }

    async fn workspace_check(&self, request: Named) -> Result<WorkspaceStatus> {
        workspaces::check(&self.workspace, &request.name).await
    }

    async fn workspace_gate(&self, request: GateRequest) -> Result<Gate> {
        gate::check(&self.workspace, &request).await
    }

    async fn unity_refresh(&self, request: UnityRequest) -> Result<UnitySummary> {
        unity::refresh(&self.workspace, &request, &self.stop).await
    }

    async fn unity_list(&self, request: UnityListRequest) -> Result<UnityPage> {
        unity::list(&self.workspace, &request).await
    }

    async fn sample_create(&self, request: SampleRequest) -> Result<SampleCreated> {
        sample::create(&self.workspace, request.folder.as_deref().map(Path::new)).await
    }

    async fn inventory_refresh(&self, request: InventoryRequest) -> Result<InventorySummary> {
        inventory::refresh(&self.workspace, &request, &self.stop.child_token()).await
    }

    async fn inventory_list(&self, request: Named) -> Result<Vec<InventoryRow>> {
        inventory::list(&self.workspace, &request.name).await
    }

    async fn table_facts(&self, request: TableRequest) -> Result<TableFacts> {
        table::facts(&self.workspace, &request).await
    }

    async fn table_measure(&self, request: TableRequest) -> Result<Measurement> {
        table::measure(&self.workspace, &request, &self.stop.child_token()).await
    }

    async fn table_rows(&self, request: RowsRequest) -> Result<Rows> {
        table::rows(&self.workspace, &request.table, request.limit).await
    }

    async fn mapping_get(&self, route: Route) -> Result<Mapping> {
        mapping::get(&self.workspace, &route).await
    }

    async fn mapping_preview(&self, request: MappingRequest) -> Result<MappingPreview> {
        mapping::preview(&self.workspace, &request.route, &request.mapping).await
    }

    async fn mapping_save(&self, request: MappingRequest) -> Result<MappingPreview> {
        mapping::save(&self.workspace, &request.route, &request.mapping).await
    }

    async fn mapping_export(&self, route: Route) -> Result<Text> {
        mapping::export(&self.workspace, &route).await.map(|text| Text { text })
    }

    async fn mapping_import(&self, request: MappingImport) -> Result<MappingPreview> {
        mapping::import(&self.workspace, &request.route, &request.csv).await
    }

    async fn preflight_rules(&self, _: Nothing) -> Result<Vec<RuleInfo>> {
        Ok(preflight::rule_infos())
    }

    async fn preflight_run(&self, request: PreflightRequest) -> Result<PreflightReport> {
        preflight::run(&self.workspace, &request.route, &request.settings).await
    }

    async fn preflight_accept(&self, request: AcceptRequest) -> Result<PreflightReport> {
        preflight::accept(&self.workspace, &request).await
    }

    async fn plan_make(&self, request: PlanRequest) -> Result<PlanMade> {
        plan::make(&self.workspace, &request).await
    }

    async fn plan_read(&self, request: PathRequest) -> Result<Plan> {
        plan::read(Path::new(&request.path)).await
    }

    async fn plan_cost(&self, request: PathRequest) -> Result<CostEstimate> {
        plan::cost::estimate(&self.workspace, Path::new(&request.path)).await
    }

    /// Answers as soon as the run is under way; [`Api::wait`] waits for its end.
    async fn run_start(&self, request: RunRequest) -> Result<JobView> {
        let plan = plan::read(Path::new(&request.plan)).await?;
        let handle = run::start(&self.workspace, &plan.to_text()?).await?;
        let job = handle.job.clone();
        self.follow(handle);
        run::view(&self.workspace, &job).await
    }

    async fn run_resume(&self, request: JobRequest) -> Result<JobView> {
        let handle = run::resume(&self.workspace, &request.job).await?;
        let job = handle.job.clone();
        self.follow(handle);
        run::view(&self.workspace, &job).await
    }

    async fn run_cancel(&self, request: JobRequest) -> Result<JobView> {
        run::cancel(&self.workspace, &request.job).await
    }

    async fn run_status(&self, request: JobRequest) -> Result<JobView> {
        run::view(&self.workspace, &request.job).await
    }

    async fn run_list(&self, _: Nothing) -> Result<Vec<JobSummary>> {
        run::list(&self.workspace).await
    }

    async fn run_bill(&self, request: JobRequest) -> Result<Bill> {
        plan::cost::bill(&self.workspace, &request.job, &self.stop.child_token()).await
    }

    async fn validate_run(&self, request: JobRequest) -> Result<JobView> {
        validate::again(&self.workspace, &request.job, &self.stop.child_token()).await
    }

    async fn audit_export(&self, request: AuditRequest) -> Result<AuditBundle> {
        audit::export(&self.workspace, &request.job, request.path.as_deref().map(Path::new)).await
    }

    async fn audit_verify(&self, request: PathRequest) -> Result<AuditVerdict> {
        audit::verify(Path::new(&request.path)).await
    }
}
