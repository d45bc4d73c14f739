//! Workspaces: signing in and out, the gate, the tables of Unity Catalog, and the sandbox to try it all with.

use super::work::{Handle, begin};
use crate::backend::{self, call};
use crate::state::workspaces::{Change, Question, is_ended_sandbox, tables};
use crate::state::{Action, Page, Work};
use icebridge_model::databricks::{
    GateRequest, Keep, SaveWorkspace, SchemaName, SignInMethod, SignInRequest, TableKind, UnityListRequest,
    UnityRequest, WorkspaceSpec,
};
use icebridge_model::ops::{Named, Nothing, op};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use wasm_bindgen_futures::spawn_local;

fn change(session: &Handle, change: Change) {
    session.dispatch(Action::Workspaces(change));
}

/// A person's own "stop" is no error.
fn unless_cancelled(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.code == Code::Cancelled => Ok(()),
        other => other,
    }
}

/// The list, and how each of them stands where that is not known.
pub fn read(session: &Handle) {
    begin(session, Work::ReadWorkspaces, |handle| async move {
        change(&handle, Change::Sandbox(backend::launch().await?.sandbox));
        let specs = list(&handle).await?;
        // A sandbox that ended with the app that had started it answers no more.
        let running = handle.workspaces.sandbox.clone();
        let open = specs.into_iter().filter(|spec| !is_ended_sandbox(spec, running.as_deref()));
        for name in open.map(|spec| spec.name) {
            let known = handle.workspaces.statuses.contains_key(&name) || handle.is_busy(&Work::SignIn(name.clone()));
            if !known {
                check(&handle, name);
            }
        }
        Ok(())
    });
}

async fn list(session: &Handle) -> Result<Vec<WorkspaceSpec>> {
    let specs = call::<op::workspace_list>(Nothing {}).await?;
    change(session, Change::Specs(specs.clone()));
    Ok(specs)
}

pub fn read_profiles(session: &Handle) {
    let handle = session.clone();
    spawn_local(async move {
        match call::<op::workspace_profiles>(Nothing {}).await {
            Ok(profiles) => change(&handle, Change::Profiles(profiles)),
            Err(error) => handle.dispatch(Action::Fail(Work::SaveWorkspace, error)),
        }
    });
}

/// Saves, and goes on with what makes the workspace of use: the sign-in, or a look at whether it answers.
pub fn save(session: &Handle, spec: WorkspaceSpec, secrets: BTreeMap<String, Secret>, done: impl FnOnce() + 'static) {
    begin(session, Work::SaveWorkspace, |handle| async move {
        let saved = call::<op::workspace_save>(SaveWorkspace { spec, secrets }).await?;
        done();
        list(&handle).await?;
        handle.dispatch(Action::Workspace(saved.name.clone()));
        enter(&handle, &saved);
        Ok(())
    });
}

fn enter(session: &Handle, spec: &WorkspaceSpec) {
    match spec.sign_in {
        SignInMethod::Browser { .. } => sign_in(session, spec.name.clone()),
        _ => check(session, spec.name.clone()),
    }
}

pub fn remove(session: &Handle, spec: WorkspaceSpec) {
    begin(session, Work::RemoveWorkspace(spec.name.clone()), |handle| async move {
        call::<op::workspace_remove>(Named { name: spec.name.clone() }).await?;
        if handle.workspaces.sandbox.as_deref() == Some(&*spec.host) {
            backend::end_sandbox().await?;
            change(&handle, Change::Sandbox(None));
        }
        list(&handle).await?;
        Ok(())
    });
}

pub fn check(session: &Handle, name: String) {
    begin(session, Work::CheckWorkspace(name.clone()), |handle| async move {
        loop {
            let asked = handle.workspaces.spec(&name).cloned();
            let status = call::<op::workspace_check>(Named { name: name.clone() }).await?;
            // Saved anew meanwhile: the answer is about an address that is gone.
            if handle.workspaces.spec(&name) == asked.as_ref() {
                change(&handle, Change::Status(status));
                return Ok(());
            }
        }
    });
}

/// Ends when the person has come back from the browser, has cancelled, or has let too much time pass.
pub fn sign_in(session: &Handle, name: String) {
    let work = Work::SignIn(name.clone());
    if session.is_busy(&work) {
        return;
    }
    // Without a keychain the button says that it is for this session: pressing it is the person's wish.
    let keep = if session.has_keychain() { Keep::Keychain } else { Keep::Memory };
    change(session, Change::SignInBegun(name.clone()));
    begin(session, work, |handle| async move {
        let request = SignInRequest { name: name.clone(), open_browser: true, keep };
        let outcome = call::<op::workspace_sign_in>(request).await;
        change(&handle, Change::SignInEnded(name));
        unless_cancelled(outcome.map(|status| change(&handle, Change::Status(status))))
    });
}

pub fn cancel_sign_in(session: &Handle, name: String) {
    let handle = session.clone();
    spawn_local(async move {
        if let Err(error) = call::<op::workspace_sign_in_cancel>(Named { name: name.clone() }).await {
            handle.dispatch(Action::Fail(Work::SignIn(name), error));
        }
    });
}

pub fn sign_out(session: &Handle, name: String) {
    begin(session, Work::SignOut(name.clone()), |handle| async move {
        let outcome = call::<op::workspace_sign_out>(Named { name: name.clone() }).await?;
        change(&handle, Change::SignedOut(name.clone(), outcome));
        check(&handle, name);
        Ok(())
    });
}

pub fn check_gate(session: &Handle, workspace: String, targets: Vec<SchemaName>) {
    begin(session, Work::Gate(workspace.clone()), |handle| async move {
        let request = GateRequest { workspace: workspace.clone(), targets: targets.clone() };
        let gate = call::<op::workspace_gate>(request).await?;
        change(&handle, Change::Gate(workspace, targets, gate));
        Ok(())
    });
}

/// Reads Unity Catalog anew, table by table; what was read before somebody stopped it is kept.
pub fn refresh_unity(session: &Handle, workspace: String) {
    let work = Work::Unity(workspace.clone());
    if session.is_busy(&work) {
        return;
    }
    change(session, Change::ListingBegun(workspace.clone()));
    begin(session, work, |handle| async move {
        let request = UnityRequest { workspace: workspace.clone(), grants_and_tags: true, ..UnityRequest::default() };
        let outcome = call::<op::unity_refresh>(request).await;
        change(&handle, Change::ListingEnded(workspace.clone()));
        change(&handle, Change::Tables(tables::Change::Outdated(workspace.clone())));
        read_rows(&handle, 0..1);
        count_kinds(&handle, workspace);
        let summary = match outcome {
            Err(error) if error.code == Code::Cancelled => return Ok(()),
            other => other?,
        };
        // The others are there. What hinders one schema mostly hinders the next in the same way, so a few speak for all.
        for failed in summary.failed.into_iter().take(3) {
            handle.dispatch(Action::Fail(Work::UnityRows, failed.error.about(failed.object)));
        }
        Ok(())
    });
}

pub fn stop_unity(session: &Handle, workspace: String) {
    let handle = session.clone();
    spawn_local(async move {
        if let Err(error) = backend::abandon::<op::unity_refresh>().await {
            handle.dispatch(Action::Fail(Work::Unity(workspace), error));
        }
    });
}

/// Lists what fits, and holds none of it beyond what is in sight.
pub fn ask(session: &Handle, question: Question) {
    let elsewhere = session.workspaces.tables.as_ref().is_none_or(|held| held.question.workspace != question.workspace);
    let workspace = question.workspace.clone();
    change(session, Change::Tables(tables::Change::Ask(question)));
    read_rows(session, 0..1);
    if elsewhere {
        count_kinds(session, workspace);
    }
}

/// Not through `begin`: several pages may be on their way, and a newer question must not wait for an older answer.
pub fn read_rows(session: &Handle, rows: Range<usize>) {
    let Some(held) = session.workspaces.tables.clone() else { return };
    for page in held.lacking(rows) {
        let (handle, question, generation) = (session.clone(), held.question.clone(), held.generation);
        spawn_local(async move {
            let request = UnityListRequest {
                workspace: question.workspace,
                kind: question.kind,
                search: Some(question.search).filter(|text| !text.is_empty()),
                offset: page * tables::PAGE,
                limit: tables::PAGE,
            };
            match call::<op::unity_list>(request).await {
                Ok(answer) => change(&handle, Change::Tables(tables::Change::Page { generation, page, answer })),
                Err(error) => handle.dispatch(Action::Fail(Work::UnityRows, error)),
            }
        });
    }
}

fn count_kinds(session: &Handle, workspace: String) {
    let handle = session.clone();
    spawn_local(async move {
        let mut counts = BTreeMap::new();
        for kind in TableKind::ALL {
            let request = UnityListRequest {
                workspace: workspace.clone(),
                kind: Some(*kind),
                limit: 1,
                ..UnityListRequest::default()
            };
            // The rows have failed in the same way, and have said so.
            let Ok(page) = call::<op::unity_list>(request).await else { return };
            counts.insert(*kind, page.total);
        }
        change(&handle, Change::Tables(tables::Change::Counts(workspace, counts)));
    });
}

/// Starts the sandbox, which lists it as a workspace that is signed in, and shows it.
pub fn try_sandbox(session: &Handle) {
    session.dispatch(Action::Go(Page::Workspaces));
    begin(session, Work::Sandbox, |handle| async move {
        let sandbox = backend::start_sandbox().await?;
        change(&handle, Change::Sandbox(Some(sandbox.url)));
        list(&handle).await?;
        handle.dispatch(Action::Workspace(sandbox.workspace.name.clone()));
        enter(&handle, &sandbox.workspace);
        Ok(())
    });
}
