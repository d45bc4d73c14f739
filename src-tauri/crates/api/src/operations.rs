//! One method for each operation of the model's list. The list makes the trait and the dispatcher, so that an operation
//! that is not carried out, or carried out with other types, does not compile.

use crate::{Api, browser, diagnose};
use icebridge_core::workspaces::{self, gate, sign_in, unity};
use icebridge_core::{
    audit, connect, doctor, inventory, mapping, migration, plan, preflight, sample, sync, table, views,
};
use icebridge_model::audit::{AuditBundle, AuditKey, AuditVerdict};
use icebridge_model::catalog::{CatalogCheck, CatalogSpec};
use icebridge_model::cutover::{CutoverOutline, CutoverRequest, CutoverTables};
use icebridge_model::databricks::{
    Gate, GateRequest, ProfileName, SaveWorkspace, SignInRequest, SignedOut, UnityListRequest, UnityPage, UnityRequest,
    UnitySummary, WorkspaceSpec, WorkspaceStatus,
};
use icebridge_model::doctor::{DoctorReport, DoctorRequest};
use icebridge_model::error::Blame;
use icebridge_model::facts::{InventoryRow, TableFacts};
use icebridge_model::finding::{PreflightOutline, RuleInfo};
use icebridge_model::logs::{DiagnoseRequest, Diagnosis, Logs, LogsRequest};
use icebridge_model::mapping::{Mapping, MappingPreview};
use icebridge_model::ops::*;
use icebridge_model::photon::{Bill, CostEstimate};
use icebridge_model::plan::Plan;
use icebridge_model::run::{RunOverview, RunSummary, RunView};
use icebridge_model::sync::{PastRound, RoundsRequest, SyncOutline, SyncRequest};
use icebridge_model::validation::Measurement;
use icebridge_model::view::{ViewPage, ViewRequest};
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
                        let response = Box::pin(self.$method(request)).await;
                        let response = response.map_err(Error::or_usual_hint).inspect_err(|error| log_failure(name, error))?;
                        write(name, &response)
                    })*
                    _ => Err(Error::invalid("there is no such operation").about(name)),
                }
            }
        }
    };
}
icebridge_model::with_operations!(declare);

/// A window shows an error until it is dismissed; the log keeps it.
fn log_failure(operation: &str, error: &Error) {
    match error.code.blame() {
        Blame::User => tracing::warn!(operation, code = %error.code, %error, "the operation failed"),
        Blame::Ours => tracing::error!(operation, code = %error.code, %error, "the operation failed"),
    }
}

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
            state_dir: self.local.state_dir.display().to_string(),
            keychain: self.keychain_state().await,
        })
    }

    async fn logs_read(&self, request: LogsRequest) -> Result<Logs> {
        let state_dir = self.local.state_dir.clone();
        tokio::task::spawn_blocking(move || icebridge_telemetry::read(&state_dir, &request))
            .await
            .map_err(|e| Error::internal("reading the log failed").with_cause(e))?
    }

    async fn diagnose(&self, request: DiagnoseRequest) -> Result<Diagnosis> {
        diagnose::diagnose(&self.local.state_dir, Ok(self), &request).await
    }

    async fn catalog_list(&self, _: Nothing) -> Result<Vec<CatalogSpec>> {
        connect::list(&self.local).await
    }

    async fn catalog_save(&self, request: SaveCatalog) -> Result<CatalogSpec> {
        connect::save(&self.local, request).await
    }

    async fn catalog_check(&self, request: Named) -> Result<CatalogCheck> {
        connect::check(&self.local, &request.name).await
    }

    async fn catalog_remove(&self, request: Named) -> Result<Nothing> {
        connect::remove(&self.local, &request.name).await.map(|()| Nothing {})
    }

    async fn workspace_list(&self, _: Nothing) -> Result<Vec<WorkspaceSpec>> {
        workspaces::list(&self.local).await
    }

    async fn workspace_profiles(&self, _: Nothing) -> Result<Vec<ProfileName>> {
        workspaces::profiles()
    }

    async fn workspace_save(&self, request: SaveWorkspace) -> Result<WorkspaceSpec> {
        workspaces::save(&self.local, request).await
    }

    async fn workspace_remove(&self, request: Named) -> Result<SignedOut> {
        workspaces::remove(&self.local, &request.name).await
    }

    async fn workspace_sign_in(&self, request: SignInRequest) -> Result<WorkspaceStatus> {
        sign_in::sign_in(&self.local, &request, &browser::open_address, &self.stop).await
    }

    async fn workspace_sign_in_cancel(&self, request: Named) -> Result<Nothing> {
        sign_in::cancel(&self.local, &request.name);
        Ok(Nothing {})
    }

    async fn workspace_sign_out(&self, request: Named) -> Result<SignedOut> {
        sign_in::sign_out(&self.local, &request.name).await
    }

    async fn workspace_check(&self, request: Named) -> Result<WorkspaceStatus> {
        workspaces::check(&self.local, &request.name).await
    }

    async fn workspace_doctor(&self, request: DoctorRequest) -> Result<DoctorReport> {
        doctor::examine(&self.local, &request, &self.stop.child_token()).await
    }

    async fn workspace_gate(&self, request: GateRequest) -> Result<Gate> {
        gate::check(&self.local, &request).await
    }

    async fn unity_refresh(&self, request: UnityRequest) -> Result<UnitySummary> {
        unity::refresh(&self.local, &request, &self.stop).await
    }

    async fn unity_list(&self, request: UnityListRequest) -> Result<UnityPage> {
        unity::list(&self.local, &request).await
    }

    async fn sample_create(&self, request: SampleRequest) -> Result<SampleCreated> {
        sample::create(&self.local, request.folder.as_deref().map(Path::new)).await
    }

    async fn inventory_refresh(&self, request: InventoryRequest) -> Result<InventorySummary> {
        inventory::refresh(&self.local, &request, &self.stop.child_token()).await
    }

    async fn inventory_list(&self, request: Named) -> Result<Vec<InventoryRow>> {
        inventory::list(&self.local, &request.name).await
    }

    async fn tables_view(&self, request: ViewRequest) -> Result<ViewPage> {
        views::page(&self.local, &request).await
    }

    async fn tables_detail(&self, request: DetailRequest) -> Result<TableDetail> {
        views::detail(&self.local, &request).await
    }

    async fn table_facts(&self, request: TableRequest) -> Result<TableFacts> {
        table::facts(&self.local, &request).await
    }

    async fn table_measure(&self, request: TableRequest) -> Result<Measurement> {
        table::measure(&self.local, &request, &self.stop.child_token()).await
    }

    async fn table_rows(&self, request: RowsRequest) -> Result<Rows> {
        table::rows(&self.local, &request.table, request.limit).await
    }

    async fn mapping_get(&self, route: Route) -> Result<Mapping> {
        mapping::get(&self.local, &route).await
    }

    async fn mapping_preview(&self, request: MappingRequest) -> Result<MappingPreview> {
        mapping::preview(&self.local, &request.route, &request.mapping).await
    }

    async fn mapping_save(&self, request: MappingRequest) -> Result<Nothing> {
        mapping::save(&self.local, &request.route, &request.mapping).await.map(|_| Nothing {})
    }

    async fn mapping_sheet(&self, request: MappingRequest) -> Result<Text> {
        mapping::sheet(&self.local, &request.route, &request.mapping).await.map(|text| Text { text })
    }

    async fn mapping_with_sheet(&self, request: SheetRequest) -> Result<Mapping> {
        mapping::with_sheet(&self.local, &request.route, &request.mapping, &request.csv).await
    }

    async fn mapping_export(&self, route: Route) -> Result<Text> {
        mapping::export(&self.local, &route).await.map(|text| Text { text })
    }

    async fn mapping_import(&self, request: MappingImport) -> Result<MappingPreview> {
        mapping::import(&self.local, &request.route, &request.csv).await
    }

    async fn preflight_rules(&self, _: Nothing) -> Result<Vec<RuleInfo>> {
        Ok(preflight::rule_infos())
    }

    async fn preflight_run(&self, request: PreflightRequest) -> Result<PreflightOutline> {
        self.preflight(&request).await.map(|report| report.outline())
    }

    async fn preflight_accept(&self, request: AcceptRequest) -> Result<PreflightOutline> {
        self.accept_losses(&request).await.map(|report| report.outline())
    }

    async fn plan_make(&self, request: PlanRequest) -> Result<PlanSaved> {
        let made = self.plan(&request).await?;
        Ok(PlanSaved { path: made.path, plan: made.plan.outline() })
    }

    async fn plan_outline(&self, request: PathRequest) -> Result<PlanSaved> {
        let plan = self.plan_read(request.clone()).await?;
        Ok(PlanSaved { path: request.path, plan: plan.outline() })
    }

    async fn plan_read(&self, request: PathRequest) -> Result<Plan> {
        let plan = plan::read(Path::new(&request.path)).await?;
        views::keep_plan(&self.local, &plan).await?;
        Ok(plan)
    }

    async fn plan_cost(&self, request: PathRequest) -> Result<CostEstimate> {
        plan::cost::estimate(&self.local, Path::new(&request.path)).await
    }

    /// Answers as soon as the run is under way; [`Api::wait`] waits for its end.
    async fn run_start(&self, request: StartRunRequest) -> Result<RunOverview> {
        let plan = plan::read(Path::new(&request.plan)).await?;
        let handle = migration::start(&self.local, &plan.to_text()?).await?;
        let run_id = handle.run_id.clone();
        self.follow(handle);
        views::overview(&self.local, &run_id).await
    }

    async fn run_resume(&self, request: RunRequest) -> Result<RunOverview> {
        let handle = migration::resume(&self.local, &request.run_id).await?;
        let run_id = handle.run_id.clone();
        self.follow(handle);
        views::overview(&self.local, &run_id).await
    }

    async fn run_cancel(&self, request: RunRequest) -> Result<RunOverview> {
        migration::cancel(&self.local, &request.run_id).await?;
        views::overview_unchecked(&self.local, &request.run_id).await
    }

    async fn run_status(&self, request: RunRequest) -> Result<RunView> {
        migration::view(&self.local, &request.run_id).await
    }

    async fn run_overview(&self, request: RunRequest) -> Result<RunOverview> {
        views::overview(&self.local, &request.run_id).await
    }

    async fn run_list(&self, _: Nothing) -> Result<Vec<RunSummary>> {
        migration::list(&self.local).await
    }

    async fn run_bill(&self, request: RunRequest) -> Result<Bill> {
        plan::cost::bill(&self.local, &request.run_id, &self.stop.child_token()).await
    }

    async fn validate_run(&self, request: ValidateRequest) -> Result<RunOverview> {
        let view = self.validate(&request.run_id, request.judge).await?;
        views::overview(&self.local, &view.run_id).await
    }

    async fn sync_look(&self, request: SyncRequest) -> Result<SyncOutline> {
        self.look(&request).await.map(|view| view.outline())
    }

    async fn sync_round(&self, request: SyncRequest) -> Result<SyncOutline> {
        self.sync(&request).await.map(|view| view.outline())
    }

    async fn sync_cancel(&self, _: Nothing) -> Result<Nothing> {
        sync::cancel(&self.local);
        Ok(Nothing {})
    }

    async fn sync_rounds(&self, request: RoundsRequest) -> Result<Vec<PastRound>> {
        sync::rounds_of(&self.local, &request).await
    }

    async fn cutover_look(&self, request: CutoverTables) -> Result<CutoverOutline> {
        self.cut_over(&request).await.map(|view| view.outline())
    }

    async fn cutover_move(&self, request: CutoverRequest) -> Result<CutoverOutline> {
        self.move_over(&request).await.map(|view| view.outline())
    }

    async fn cutover_check(&self, request: CutoverTables) -> Result<CutoverOutline> {
        self.check_moved(&request).await.map(|view| view.outline())
    }

    async fn cutover_back(&self, request: CutoverTables) -> Result<CutoverOutline> {
        self.move_back(&request).await.map(|view| view.outline())
    }

    async fn cutover_finish(&self, request: CutoverTables) -> Result<CutoverOutline> {
        self.finish_moved(&request).await.map(|view| view.outline())
    }

    async fn audit_export(&self, request: AuditRequest) -> Result<AuditBundle> {
        audit::export(&self.local, &request.run_id, request.path.as_deref().map(Path::new)).await
    }

    async fn audit_verify(&self, request: VerifyRequest) -> Result<AuditVerdict> {
        let VerifyRequest { path, key, sha256 } = request;
        audit::verify(Path::new(&path), &audit::Expected { key, sha256 }).await
    }

    async fn audit_key(&self, _: Nothing) -> Result<AuditKey> {
        audit::public_key(&self.local).await
    }
}
