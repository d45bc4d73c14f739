//! The operations of the model's list, carried out on core. The shell and the CLI are thin callers of this crate; it
//! decides where the state and the secrets of this machine are, and nothing else.

mod browser;
mod diagnose;
mod grants;
mod keychain;
mod operations;
mod place;
mod sandbox;

#[cfg(test)]
mod tests;

pub use browser::{open_address, open_folder, open_page};
pub use diagnose::diagnose;
pub use icebridge_core::input::{Limit, read_text, text_of};
pub use icebridge_core::selftest::run as selftest;
pub use keychain::environment_name;
pub use operations::Operations;
pub use place::default_state_dir;
pub use sandbox::{SandboxProcess, SandboxSignIn};

pub use icebridge_core::cutover::RunbookForm;
use icebridge_core::{
    LocalState, SecretStore, approval, audit, cutover, migration, plan, preflight, rehearsal, sync, tidy,
};
use icebridge_model::Result;
use icebridge_model::approval::{Approval, ApprovalGiven, ApprovalStanding};
use icebridge_model::audit::AuditKey;
use icebridge_model::cutover::{CutoverRequest, CutoverTables, CutoverView};
use icebridge_model::event::Event;
use icebridge_model::finding::PreflightReport;
use icebridge_model::judge::JudgeKind;
use icebridge_model::ops::Keychain as KeychainState;
use icebridge_model::ops::{AcceptRequest, PlanMade, PlanRequest, PreflightRequest};
use icebridge_model::rehearsal::{Rehearsal, RehearsalRequest};
use icebridge_model::run::{RunId, RunState, RunView};
use icebridge_model::sync::{SyncRequest, SyncView};
use icebridge_model::tidy::{TidyRequest, TidyView};
use icebridge_model::waves::{Dependency, WavesView};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds connections, inventories and the journal of every run. Made if it is not there.
    pub state_dir: PathBuf,
}

/// Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct Api {
    local: LocalState,
    keychain: Option<keychain::Keychain>,
    /// Ends inventories and measurements; a run has its own, asked for by `run.cancel`.
    stop: CancellationToken,
    /// The runs this process began, and how they ended.
    runs: Arc<Mutex<HashMap<RunId, watch::Receiver<Option<Result<()>>>>>>,
}

/// Nobody waits longer for an end.
const CLOSING: Duration = Duration::from_secs(5);
/// How often to look at a run of another process.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Api {
    /// With the secrets in this machine's keychain, or in environment variables ([`environment_name`]).
    pub async fn open(options: Options) -> Result<Self> {
        let keychain = keychain::Keychain::new(&options.state_dir);
        let local = LocalState::open(&options.state_dir, Arc::new(keychain.clone())).await?;
        let local = local.with_tokens(Arc::new(grants::Grants::new(keychain.clone())));
        Ok(Self { local, keychain: Some(keychain), stop: CancellationToken::new(), runs: Arc::default() })
    }

    /// With secrets kept elsewhere: for tests.
    pub async fn open_with(options: Options, secrets: Arc<dyn SecretStore>) -> Result<Self> {
        let local = LocalState::open(&options.state_dir, secrets).await?;
        Ok(Self { local, keychain: None, stop: CancellationToken::new(), runs: Arc::default() })
    }

    /// What happens from now on. A slow listener loses old progress, never a state.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.local.events.subscribe()
    }

    /// Every table with its findings, where the operation tells their outline.
    pub async fn preflight(&self, request: &PreflightRequest) -> Result<PreflightReport> {
        preflight::run(&self.local, &request.route, &request.settings).await
    }

    /// As [`Api::preflight`], after losses were accepted or refused.
    pub async fn accept_losses(&self, request: &AcceptRequest) -> Result<PreflightReport> {
        preflight::accept(&self.local, request).await
    }

    /// The plan in full, where the operation tells its outline.
    pub async fn plan(&self, request: &PlanRequest) -> Result<PlanMade> {
        plan::make(&self.local, request).await
    }

    /// Until the run (empty: the latest) is no longer at work. An error says why the run itself broke off; what happened
    /// to its tables is in the view.
    pub async fn wait(&self, run_id: &str) -> Result<RunView> {
        let mut view = migration::view(&self.local, run_id).await?;
        let ours = self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(&view.run_id).cloned();
        if let Some(mut ours) = ours {
            // A sender that is gone has ended too.
            let end = ours.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
            return match end {
                Some(Err(error)) => Err(error),
                _ => migration::view(&self.local, &view.run_id).await,
            };
        }
        while view.state == RunState::Running {
            tokio::time::sleep(LOOK_EVERY).await;
            view = migration::view(&self.local, &view.run_id).await?;
        }
        Ok(view)
    }

    /// Compares the tables of a run (empty: the latest) once more. The view names the reason for each that could not be.
    /// A judge reads those that compare equal once more.
    pub async fn validate(&self, run_id: &str, judge: Option<JudgeKind>) -> Result<RunView> {
        migration::validate_again(&self.local, run_id, judge, &self.stop.child_token()).await
    }

    /// How each table stands to its source, where the operation tells the outline.
    pub async fn look(&self, request: &SyncRequest) -> Result<SyncView> {
        sync::look(&self.local, request, &self.stop.child_token()).await
    }

    /// One round of each table, where the operation tells the outline.
    pub async fn sync(&self, request: &SyncRequest) -> Result<SyncView> {
        sync::round(&self.local, request, &self.stop.child_token()).await
    }

    /// How far each table is cut over, as the journal has it.
    pub async fn cut_over(&self, request: &CutoverTables) -> Result<CutoverView> {
        cutover::look(&self.local, request).await
    }

    /// Moves readers and writers of tables to the target.
    pub async fn move_over(&self, request: &CutoverRequest) -> Result<CutoverView> {
        cutover::run(&self.local, request, &self.stop.child_token()).await
    }

    /// Looks at the tables on probation.
    pub async fn check_moved(&self, request: &CutoverTables) -> Result<CutoverView> {
        cutover::check(&self.local, request, &self.stop.child_token()).await
    }

    /// Moves readers and writers back to the source.
    pub async fn move_back(&self, request: &CutoverTables) -> Result<CutoverView> {
        cutover::back(&self.local, request, &self.stop.child_token()).await
    }

    /// What a cut-over will do, as a page.
    pub async fn runbook(&self, request: &CutoverRequest, form: RunbookForm) -> Result<String> {
        cutover::runbook(&self.local, request, form).await
    }

    /// Which tables of a run have to be moved together.
    pub async fn waves(&self, run_id: &RunId, dependencies: &[Dependency]) -> Result<WavesView> {
        cutover::waves(&self.local, run_id, dependencies).await
    }

    /// Does all that a plan and its cut-over do, on a schema made for it.
    pub async fn rehearse(&self, request: &RehearsalRequest) -> Result<Rehearsal> {
        rehearsal::rehearse(&self.local, request, &self.stop.child_token()).await
    }

    /// Lists what earlier work left behind, or removes it.
    pub async fn tidy(&self, request: &TidyRequest) -> Result<TidyView> {
        tidy::tidy(&self.local, request, &self.stop.child_token()).await
    }

    /// Closes the way back.
    pub async fn finish_moved(&self, request: &CutoverTables) -> Result<CutoverView> {
        cutover::finish(&self.local, request, &self.stop.child_token()).await
    }

    /// The public half of this state's key, which signs approvals and bundles.
    pub async fn approval_key(&self) -> Result<AuditKey> {
        audit::public_key(&self.local).await
    }

    /// Signs a plan with this state's key, for so many seconds. No operation: what a window's web view can ask for must not
    /// approve a plan.
    pub async fn approve(&self, plan: &Path, seconds: u64, out: Option<&Path>) -> Result<ApprovalGiven> {
        approval::give(&self.local, plan, seconds, out).await
    }

    /// Puts an approval into this state.
    pub async fn take_approval(&self, file: &Path) -> Result<Approval> {
        approval::take(&self.local, file).await
    }

    /// Who has approved the plan in a file, or each plan of which an approval is here.
    pub async fn approvals(&self, plan: Option<&Path>) -> Result<Vec<ApprovalStanding>> {
        approval::list(&self.local, plan).await
    }

    /// Keeps an eye on a run, so that its end can be waited for.
    fn follow(&self, handle: migration::RunHandle) {
        let (sender, receiver) = watch::channel(None);
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(handle.run_id.clone(), receiver);
        tokio::spawn(async move {
            let end = handle.wait().await.map(drop);
            // Nobody may be waiting.
            let _ = sender.send(Some(end));
        });
    }

    /// Ends inventories and measurements that are under way; they answer `cancelled`.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Puts the state away: all of it is in its one file afterwards, with no log beside it that a copy could leave behind.
    /// A state that is still at work is left as a killed process leaves it, which does no harm.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(CLOSING, self.local.store.close()).await;
    }

    async fn keychain_state(&self) -> KeychainState {
        match &self.keychain {
            Some(keychain) => keychain.state().await,
            None => KeychainState::Ready,
        }
    }
}

/// The rule table; it needs no state.
pub fn preflight_rules() -> Vec<icebridge_model::finding::RuleInfo> {
    icebridge_core::preflight::rule_infos()
}
