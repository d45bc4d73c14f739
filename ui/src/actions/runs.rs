//! Runs and their evidence.

use super::work::{Handle, ask, begin};
use crate::backend::call;
use crate::state::{Action, Page, Work};
use icebridge_model::ops::{AuditRequest, Nothing, RunRequest, StartRunRequest, ValidateRequest, VerifyRequest, op};
use icebridge_model::run::RunId;

pub fn ask_bill(session: &Handle, run: RunId) {
    let request = RunRequest { run_id: run.clone() };
    ask::<op::run_bill>(session, Work::Bill, request, move |bill| Action::Bill(run, bill));
}

pub fn start_run(session: &Handle, plan: String) {
    session.dispatch(Action::Go(Page::Run));
    ask::<op::run_start>(session, Work::Run, StartRunRequest { plan }, Action::Run);
}

pub fn resume_run(session: &Handle, run: RunId) {
    ask::<op::run_resume>(session, Work::Run, RunRequest { run_id: run }, Action::Run);
}

pub fn cancel_run(session: &Handle, run: RunId) {
    ask::<op::run_cancel>(session, Work::Cancel, RunRequest { run_id: run }, Action::Run);
}

pub fn read_run(session: &Handle, run: RunId) {
    ask::<op::run_overview>(session, Work::ReadRun, RunRequest { run_id: run }, Action::Run);
}

/// Opens an older run and shows it.
pub fn show_run(session: &Handle, run: RunId) {
    read_run(session, run);
    session.dispatch(Action::Go(Page::Run));
}

pub fn read_latest_run(session: &Handle) {
    begin(session, Work::ReadRun, |handle| async move {
        let runs = call::<op::run_list>(Nothing {}).await?;
        let latest = runs.iter().max_by(|a, b| a.started_at.cmp(&b.started_at)).map(|run| run.run_id.clone());
        handle.dispatch(Action::Runs(runs));
        if let Some(run) = latest {
            handle.dispatch(Action::Run(call::<op::run_overview>(RunRequest { run_id: run }).await?));
        }
        Ok(())
    });
}

pub fn read_runs(session: &Handle) {
    ask::<op::run_list>(session, Work::History, Nothing {}, Action::Runs);
}

pub fn validate(session: &Handle, run: RunId) {
    ask::<op::validate_run>(session, Work::Validate, ValidateRequest { run_id: run, judge: None }, Action::Run);
}

pub fn export_bundle(session: &Handle, run: RunId, folder: String) {
    let request = AuditRequest { run_id: run.clone(), path: Some(folder).filter(|folder| !folder.is_empty()) };
    ask::<op::audit_export>(session, Work::Export, request, move |bundle| Action::Bundle(run, bundle));
}

pub fn verify_bundle(session: &Handle, path: String) {
    ask::<op::audit_verify>(session, Work::Verify, VerifyRequest { path, ..VerifyRequest::default() }, Action::Verdict);
}
