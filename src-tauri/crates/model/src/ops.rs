//! The operations: the one list that the shell, the CLI and the UI share.
//!
//! An operation has a name, a request and a response. [`with_operations`] hands the list to a macro of the caller's, so
//! that a host that forgets one does not compile.

use crate::TableIdent;
pub use crate::route::Route;

use crate::audit::{AuditBundle, AuditKey, AuditVerdict};
use crate::catalog::{CatalogCheck, CatalogSpec};
use crate::cutover::{CutoverOutline, CutoverRequest, CutoverTables};
use crate::databricks::{
    Gate, GateRequest, ProfileName, SaveWorkspace, SignInRequest, SignedOut, UnityListRequest, UnityPage, UnityRequest,
    UnitySummary, WorkspaceSpec, WorkspaceStatus,
};
use crate::doctor::{DoctorReport, DoctorRequest};
use crate::facts::{InventoryRow, TableFacts};
use crate::finding::{PreflightOutline, RuleInfo, TableFindings};
use crate::judge::JudgeKind;
use crate::logs::{DiagnoseRequest, Diagnosis, Logs, LogsRequest};
use crate::mapping::{Mapping, MappingPreview, MappingRow};
use crate::photon::{Bill, CostEstimate};
use crate::plan::{LeftOut, Plan, PlanOutline, PlannedTable, Settings};
use crate::run::{RunId, RunOverview, RunSummary, RunView, TableMigration};
use crate::secret::Secret;
use crate::sync::{PastRound, RoundsRequest, SyncOutline, SyncRequest};
use crate::validation::Measurement;
use crate::view::{Scope, ViewPage, ViewRequest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Calls `$callback! { name "wire.name" Request => Response; … }` with every operation.
#[macro_export]
macro_rules! with_operations {
    ($callback:ident) => {
        $callback! {
            about "app.about" Nothing => About;
            logs_read "logs.read" LogsRequest => Logs;
            diagnose "app.diagnose" DiagnoseRequest => Diagnosis;
            catalog_list "catalog.list" Nothing => Vec<CatalogSpec>;
            catalog_save "catalog.save" SaveCatalog => CatalogSpec;
            catalog_check "catalog.check" Named => CatalogCheck;
            catalog_remove "catalog.remove" Named => Nothing;
            workspace_list "workspace.list" Nothing => Vec<WorkspaceSpec>;
            workspace_profiles "workspace.profiles" Nothing => Vec<ProfileName>;
            workspace_save "workspace.save" SaveWorkspace => WorkspaceSpec;
            workspace_remove "workspace.remove" Named => SignedOut;
            workspace_sign_in "workspace.sign_in" SignInRequest => WorkspaceStatus;
            workspace_sign_in_cancel "workspace.sign_in_cancel" Named => Nothing;
            workspace_sign_out "workspace.sign_out" Named => SignedOut;
            workspace_check "workspace.check" Named => WorkspaceStatus;
            workspace_gate "workspace.gate" GateRequest => Gate;
            workspace_doctor "workspace.doctor" DoctorRequest => DoctorReport;
            unity_refresh "unity.refresh" UnityRequest => UnitySummary;
            unity_list "unity.list" UnityListRequest => UnityPage;
            sample_create "sample.create" SampleRequest => SampleCreated;
            inventory_refresh "inventory.refresh" InventoryRequest => InventorySummary;
            inventory_list "inventory.list" Named => Vec<InventoryRow>;
            tables_view "tables.view" ViewRequest => ViewPage;
            tables_detail "tables.detail" DetailRequest => TableDetail;
            table_facts "table.facts" TableRequest => TableFacts;
            table_measure "table.measure" TableRequest => Measurement;
            table_rows "table.rows" RowsRequest => Rows;
            mapping_get "mapping.get" Route => Mapping;
            mapping_preview "mapping.preview" MappingRequest => MappingPreview;
            mapping_save "mapping.save" MappingRequest => Nothing;
            mapping_sheet "mapping.sheet" MappingRequest => Text;
            mapping_with_sheet "mapping.with_sheet" SheetRequest => Mapping;
            mapping_export "mapping.export" Route => Text;
            mapping_import "mapping.import" MappingImport => MappingPreview;
            preflight_rules "preflight.rules" Nothing => Vec<RuleInfo>;
            preflight_run "preflight.run" PreflightRequest => PreflightOutline;
            preflight_accept "preflight.accept" AcceptRequest => PreflightOutline;
            plan_make "plan.make" PlanRequest => PlanSaved;
            plan_outline "plan.outline" PathRequest => PlanSaved;
            plan_read "plan.read" PathRequest => Plan;
            plan_cost "plan.cost" PathRequest => CostEstimate;
            run_start "run.start" StartRunRequest => RunOverview;
            run_resume "run.resume" RunRequest => RunOverview;
            run_cancel "run.cancel" RunRequest => RunOverview;
            run_status "run.status" RunRequest => RunView;
            run_overview "run.overview" RunRequest => RunOverview;
            run_list "run.list" Nothing => Vec<RunSummary>;
            run_bill "run.bill" RunRequest => Bill;
            validate_run "validate.run" ValidateRequest => RunOverview;
            sync_look "sync.look" SyncRequest => SyncOutline;
            sync_round "sync.round" SyncRequest => SyncOutline;
            sync_cancel "sync.cancel" Nothing => Nothing;
            sync_rounds "sync.rounds" RoundsRequest => Vec<PastRound>;
            cutover_look "cutover.look" CutoverTables => CutoverOutline;
            cutover_move "cutover.move" CutoverRequest => CutoverOutline;
            cutover_check "cutover.check" CutoverTables => CutoverOutline;
            cutover_back "cutover.back" CutoverTables => CutoverOutline;
            cutover_finish "cutover.finish" CutoverTables => CutoverOutline;
            audit_export "audit.export" AuditRequest => AuditBundle;
            audit_verify "audit.verify" VerifyRequest => AuditVerdict;
            audit_key "audit.key" Nothing => AuditKey;
        }
    };
}

/// An operation as a type, so that request and response are checked wherever it is called.
pub trait Operation {
    const NAME: &'static str;
    type Request: Serialize + serde::de::DeserializeOwned;
    type Response: Serialize + serde::de::DeserializeOwned;
}

macro_rules! declare {
    ($($method:ident $name:literal $request:ty => $response:ty;)*) => {
        /// Every operation's wire name.
        pub const OPERATIONS: &[&str] = &[$($name,)*];

        /// One unit type for each operation, named as its method: `ops::op::plan_make`.
        #[allow(non_camel_case_types, reason = "each is named as the method it stands for")]
        pub mod op {
            use super::*;
            $(
                #[derive(Clone, Copy, Debug)]
                pub struct $method;
                impl Operation for $method {
                    const NAME: &'static str = $name;
                    type Request = $request;
                    type Response = $response;
                }
            )*
        }
    };
}
with_operations!(declare);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub version: String,
    pub state_dir: String,
    pub keychain: Keychain,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum Keychain {
    Ready,
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveCatalog {
    pub spec: CatalogSpec,
    /// Goes to the keychain and nowhere else. A key with empty text removes that secret; a key left out keeps it.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleRequest {
    /// Where to lay the sample lakehouse; none: inside the state folder.
    #[serde(default)]
    pub folder: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleCreated {
    pub source: CatalogSpec,
    pub target: CatalogSpec,
    pub tables: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryRequest {
    pub source: String,
    /// Globs on `namespace.table`; none means all.
    #[serde(default)]
    pub only: Vec<String>,
    /// Look for every file of earlier snapshots, in place of some of them.
    #[serde(default)]
    pub whole_history: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventorySummary {
    pub source: String,
    pub tables: usize,
    pub problems: usize,
    pub rows: u64,
    pub bytes: u64,
}

/// One row of a view in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetailRequest {
    pub scope: Scope,
    /// The source table.
    pub table: TableIdent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableDetail {
    Inventory(Box<InventoryRow>),
    Mapping(MappingRow),
    Preflight(TableFindings),
    Plan(Box<PlannedTable>),
    LeftOut(LeftOut),
    Run(Box<TableMigration>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRequest {
    pub catalog: String,
    pub table: TableIdent,
    /// None: the current one.
    #[serde(default)]
    pub snapshot_id: Option<i64>,
    /// A branch or tag, in place of a snapshot id.
    #[serde(default)]
    pub reference: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsRequest {
    #[serde(flatten)]
    pub table: TableRequest,
    pub limit: usize,
}

/// Rows for people to look at, each an object of column name to Iceberg's single-value JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappingRequest {
    pub route: Route,
    pub mapping: Mapping,
}

/// A draft, and a sheet that changes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SheetRequest {
    pub route: Route,
    pub mapping: Mapping,
    pub csv: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingImport {
    pub route: Route,
    pub csv: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreflightRequest {
    pub route: Route,
    #[serde(default)]
    pub settings: Settings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptRequest {
    pub route: Route,
    #[serde(default)]
    pub settings: Settings,
    /// Finding codes that lose something.
    pub codes: Vec<String>,
    /// For these source tables; empty: for all.
    #[serde(default)]
    pub tables: Vec<TableIdent>,
    /// False takes an acceptance back.
    pub accepted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanRequest {
    pub route: Route,
    #[serde(default)]
    pub settings: Settings,
    /// Where to write the plan; none: in the state folder, named by its hash.
    #[serde(default)]
    pub path: Option<String>,
}

/// A plan's file, and the plan in it as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSaved {
    pub path: String,
    pub plan: PlanOutline,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanMade {
    pub path: String,
    pub plan: Plan,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRequest {
    pub path: String,
}

/// A bundle to verify, and what is known of it from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRequest {
    pub path: String,
    /// The public key that has signed it, Base64.
    #[serde(default)]
    pub key: Option<String>,
    /// SHA-256 of its manifest, as the export told it.
    #[serde(default)]
    pub sha256: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRunRequest {
    /// The plan file.
    pub plan: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidateRequest {
    /// Empty: the latest.
    #[serde(default)]
    pub run_id: RunId,
    /// Who is to read both sides once more.
    #[serde(default)]
    pub judge: Option<JudgeKind>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Empty: the latest.
    #[serde(default)]
    pub run_id: RunId,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRequest {
    #[serde(default)]
    pub run_id: RunId,
    /// What to make: one file where the name ends with `.zip`, a folder otherwise; none: a file in the state folder.
    #[serde(default)]
    pub path: Option<String>,
}
