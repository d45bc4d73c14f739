//! Databricks workspaces: add, list, sign in and out, check, gate, remove.

use super::run::stop_on_interrupt;
use crate::arguments::{By, FirstSignIn, WorkspaceAdd, WorkspaceCommand};
use crate::ask;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::progress::Live;
use icebridge_api::{Api, Operations};
use icebridge_model::databricks::{
    ApiCall, Gate, GateRequest, Keep, ProfileName, SaveWorkspace, SignInMethod, SignInRequest, SignedOut,
    WorkspaceSpec, WorkspaceStatus,
};
use icebridge_model::doctor::{DoctorReport, DoctorRequest, DoctorRow, Finding};
use icebridge_model::ops::{Named, Nothing};
use icebridge_model::{Code, Error, Result};

pub async fn run(api: &Api, command: WorkspaceCommand, output: &Output) -> Result<Ended> {
    match command {
        WorkspaceCommand::Add(arguments) => add(api, arguments, output).await,
        WorkspaceCommand::List => {
            let workspaces = api.workspace_list(Nothing {}).await?;
            output.result(&workspaces, |workspaces| list(workspaces))?;
            Ok(Ended::Done)
        }
        WorkspaceCommand::Profiles => {
            let profiles = api.workspace_profiles(Nothing {}).await?;
            output.result(&profiles, |profiles| profile_list(profiles))?;
            Ok(Ended::Done)
        }
        WorkspaceCommand::SignIn { name, no_browser, for_this_session } => {
            let keep = if for_this_session { Keep::Memory } else { Keep::Keychain };
            let status = sign_in(api, SignInRequest { name, open_browser: !no_browser, keep }, output).await?;
            output.result(&status, told)?;
            Ok(Ended::done_if(status.error.is_none()))
        }
        WorkspaceCommand::SignOut { name } => {
            let outcome = api.workspace_sign_out(Named { name: name.clone() }).await?;
            output.result(&outcome, |outcome| signed_out(&name, outcome))?;
            Ok(Ended::done_if(!matches!(outcome, SignedOut::Failed { .. })))
        }
        WorkspaceCommand::Check { name, first } => {
            first_sign_in(api, &name, first, output).await?;
            let status = api.workspace_check(Named { name }).await?;
            output.result(&status, told)?;
            Ok(Ended::done_if(status.error.is_none()))
        }
        WorkspaceCommand::Gate { name, targets, first } => {
            first_sign_in(api, &name, first, output).await?;
            let gate = api.workspace_gate(GateRequest { workspace: name, targets }).await?;
            output.result(&gate, gate_told)?;
            Ok(Ended::done_if(gate.is_open()))
        }
        WorkspaceCommand::Doctor { name, catalog, foreign_table, warehouse, submit_run, yes, first } => {
            let request = DoctorRequest { workspace: name, catalog, foreign_table, warehouse, submit_run };
            doctor(api, request, yes, first, output).await
        }
        WorkspaceCommand::Remove { name } => {
            let outcome = api.workspace_remove(Named { name: name.clone() }).await?;
            output.result(&outcome, |outcome| {
                let tokens = match outcome {
                    SignedOut::NothingThere => String::new(),
                    other => format!("{}\n", signed_out(&name, other)),
                };
                format!("{tokens}{name}, its secrets and its inventory are forgotten")
            })?;
            Ok(Ended::done_if(!matches!(outcome, SignedOut::Failed { .. })))
        }
    }
}

async fn doctor(
    api: &Api,
    request: DoctorRequest,
    consented: bool,
    first: FirstSignIn,
    output: &Output,
) -> Result<Ended> {
    if !consented {
        let question = format!(
            "This makes a schema icebridge_doctor_... with tables in the catalog {} of {}, and drops it at the end.",
            request.catalog, request.workspace
        );
        if !ask::consent(&question)? {
            return Err(Error::new(Code::Cancelled, "nothing was tried").with_hint("Say yes, or give --yes."));
        }
    }
    first_sign_in(api, &request.workspace, first, output).await?;
    let report = stop_on_interrupt(api, api.workspace_doctor(request)).await?;
    output.result(&report, examined)?;
    let fine = |row: &DoctorRow| row.finding == Finding::Holds || row.finding == Finding::NotTried;
    Ok(Ended::done_if(report.rows.iter().all(fine) && report.left_behind.is_none()))
}

fn examined(report: &DoctorReport) -> String {
    let mut grid = Grid::new(&["assumption", "finding", "how it was seen"]);
    for row in &report.rows {
        let seen = match &row.error {
            Some(error) => {
                let cause = error.causes.first().map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("{} {}{cause}", error.code, error.message)
            }
            None => row.detail.clone(),
        };
        grid.row([row.assumption.clone(), row.finding.as_str().to_string(), seen]);
    }
    let left = report
        .left_behind
        .as_ref()
        .map(|schema| format!("\n{schema} could not be dropped: drop it yourself"))
        .unwrap_or_default();
    let cloud = report.cloud.as_deref().unwrap_or("a cloud that is not told");
    format!("{grid}\nIceBridge {} on {cloud}, {}{left}", report.product_version, report.examined_at)
}

async fn add(api: &Api, arguments: WorkspaceAdd, output: &Output) -> Result<Ended> {
    let (sign_in, wanted) = match arguments.by {
        By::Browser => (SignInMethod::Browser { client_id: arguments.client_id }, None),
        By::Token => (SignInMethod::Token, Some("token")),
        By::Machine => {
            (SignInMethod::Machine { client_id: arguments.client_id.unwrap_or_default() }, Some("client_secret"))
        }
        By::Profile => (SignInMethod::Profile { name: arguments.profile.unwrap_or_default() }, None),
        By::Environment => (SignInMethod::Environment, None),
    };
    let keys: Vec<String> = wanted.map(str::to_string).into_iter().chain(arguments.secret).collect();
    // As they are named in the keychain and in the environment.
    let secrets = ask::secrets(&format!("workspace/{}", arguments.name), &keys)?;
    let spec = WorkspaceSpec {
        name: arguments.name,
        host: arguments.host.unwrap_or_default(),
        account_id: arguments.account_id,
        workspace_id: arguments.workspace_id.map(Into::into),
        sign_in,
        ca_file: arguments.ca_file,
        proxy: arguments.proxy,
        secrets: keys,
    };
    let saved = api.workspace_save(SaveWorkspace { spec, secrets }).await?;
    output.result(&saved, |saved| {
        let next = match saved.sign_in {
            SignInMethod::Browser { .. } => "sign in with: icebridge workspace sign-in",
            _ => "try it with: icebridge workspace check",
        };
        format!("workspace `{}` is added; {next} {}", saved.name, saved.name)
    })?;
    Ok(Ended::Done)
}

/// Where there is no keychain, a sign-in lasts as long as the command that needs it.
pub async fn first_sign_in(api: &Api, name: &str, first: FirstSignIn, output: &Output) -> Result<()> {
    if first.sign_in {
        let request = SignInRequest { name: name.to_string(), open_browser: true, keep: Keep::Memory };
        sign_in(api, request, output).await?;
    }
    Ok(())
}

async fn sign_in(api: &Api, request: SignInRequest, output: &Output) -> Result<WorkspaceStatus> {
    let live = Live::show(*output, api.events());
    let status = stop_on_interrupt(api, api.workspace_sign_in(request)).await;
    live.end().await;
    status
}

fn list(workspaces: &[WorkspaceSpec]) -> String {
    let mut grid = Grid::new(&["name", "sign-in", "address", "secrets"]);
    for one in workspaces {
        let way = match &one.sign_in {
            SignInMethod::Profile { name } => format!("profile {name}"),
            other => other.as_str().to_string(),
        };
        grid.row([one.name.clone(), way, one.host.clone(), one.secrets.join(", ")]);
    }
    if grid.is_empty() { "no workspaces yet; add one with: icebridge workspace add".into() } else { grid.to_string() }
}

fn profile_list(profiles: &[ProfileName]) -> String {
    let mut grid = Grid::new(&["profile", "sign-in", "address"]);
    for one in profiles {
        grid.row([one.name.clone(), one.way.clone(), one.host.clone()]);
    }
    if grid.is_empty() { "no profiles in ~/.databrickscfg".into() } else { grid.to_string() }
}

fn told(status: &WorkspaceStatus) -> String {
    let mut grid = Grid::new(&["what", "value"]);
    let mut row = |what: &str, value: String| grid.row([what.to_string(), value]);
    row("workspace", format!("{} {}", status.name, status.host));
    if !status.from.is_empty() {
        row("sign-in", status.from.clone());
    }
    if let Some(principal) = &status.principal {
        row("signed in as", principal.clone());
        row("groups", status.groups.join(", "));
    }
    if let Some(metastore) = &status.metastore {
        row("metastore", metastore.clone());
        let access = match status.external_access {
            Some(true) => "on",
            Some(false) => "off",
            None => "not said",
        };
        row("external data access", access.to_string());
    }
    if let Some(cloud) = &status.cloud {
        row("cloud", cloud.clone());
    }
    match &status.error {
        Some(error) => format!("{grid}{}", words::error(error)),
        None => grid.to_string(),
    }
}

fn signed_out(name: &str, outcome: &SignedOut) -> String {
    match outcome {
        SignedOut::Revoked => format!("the tokens of {name} are revoked, and erased here"),
        SignedOut::NotOffered => {
            format!("the tokens of {name} are erased here; the workspace offers no revocation, they end by themselves")
        }
        SignedOut::NothingThere => format!("nobody was signed in to {name}"),
        SignedOut::Failed { error } => {
            format!("the tokens of {name} are erased here, but not revoked\n{}", words::error(error))
        }
    }
}

fn gate_told(gate: &Gate) -> String {
    let mut lines = Vec::new();
    match gate.is_open() {
        true => lines.push(format!("the gate is open for {} at {}", gate.principal, gate.host)),
        false => lines.push(format!("the gate is closed for {} at {}", gate.principal, gate.host)),
    }
    for unmet in &gate.unmet {
        lines.push(format!("\n{}: {}", unmet.object, unmet.why));
        lines.push(format!("  who can mend it: {}", unmet.who));
        if let Some(sql) = &unmet.sql {
            lines.push(format!("  {sql}"));
        }
        if let Some(call) = &unmet.call {
            lines.push(format!("  {}", ApiCall::to_line(call)));
        }
    }
    for met in &gate.met {
        lines.push(format!("  met: {met}"));
    }
    lines.join("\n")
}
