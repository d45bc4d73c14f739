//! One file a stage of the journey.

mod approval;
mod audit;
mod catalog;
mod cost;
mod cutover;
pub mod diagnose;
mod inventory;
mod journey;
pub mod logs;
mod map;
mod plan;
pub mod preflight;
mod rehearsal;
mod rounds;
mod run;
pub mod sandbox;
mod selftest;
mod sync;
mod table;
mod tables;
mod tidy;
mod unity;
mod waves;
mod workspace;

use crate::arguments::{Arguments, Command};
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use clap::CommandFactory;
use icebridge_api::{Api, Operations};
use icebridge_model::ops::{InventoryRequest, Keychain, Nothing, SampleRequest};
use icebridge_model::{Error, Result};
use std::path::Path;

pub async fn run(api: &Api, state_dir: &Path, command: Command, output: &Output) -> Result<Ended> {
    match command {
        Command::Catalog(command) => catalog::run(api, command, output).await,
        Command::Sample { folder } => sample(api, folder.as_deref(), output).await,
        Command::Inventory { source, only, whole_history } => {
            inventory::refresh(api, InventoryRequest { source, only, whole_history }, output).await
        }
        Command::Tables(arguments) => tables::list(api, arguments, output).await,
        Command::Table(command) => table::run(api, command, output).await,
        Command::Map(command) => map::run(api, command, output).await,
        Command::Preflight(arguments) => preflight::run(api, arguments, output).await,
        Command::Plan(arguments) => plan::make(api, arguments, output).await,
        Command::Approval(command) => approval::run(api, command, output).await,
        Command::Run(arguments) => run::run(api, arguments, output).await,
        Command::Cost { plan } => cost::estimate(api, &plan, output).await,
        Command::Bill { run_id } => cost::bill(api, run_id, output).await,
        Command::Runs => run::runs(api, output).await,
        Command::Status { run_id } => run::status(api, run_id, output).await,
        Command::Validate { run_id, judge } => run::validate(api, run_id, judge.map(Into::into), output).await,
        Command::Sync(arguments) => sync::run(api, arguments, output).await,
        Command::Cutover(command) => cutover::run(api, command, output).await,
        Command::Drill(arguments) => rehearsal::drill(api, arguments, output).await,
        Command::Selftest => selftest::run(output).await,
        Command::Audit(command) => audit::run(api, command, output).await,
        Command::Journey(arguments) => journey::run(api, arguments, output).await,
        Command::Workspace(command) => workspace::run(api, command, output).await,
        Command::Unity(command) => unity::run(api, command, output).await,
        Command::Sandbox(arguments) => sandbox::run(&arguments, output).await,
        Command::Tidy(arguments) => tidy::run(api, arguments.into(), output).await,
        Command::Logs(arguments) => logs::run(state_dir, &arguments, output).await,
        Command::Diagnose(arguments) => diagnose::run(state_dir, Ok(api), &arguments, output).await,
        Command::About => about(api, output).await,
        Command::Completions { shell } => completions(shell, output),
    }
}

async fn sample(api: &Api, folder: Option<&Path>, output: &Output) -> Result<Ended> {
    let folder = folder.map(path_text).transpose()?;
    let created = api.sample_create(SampleRequest { folder }).await?;
    output.result(&created, |created| {
        format!(
            "{} at {}\nsource `{}` and target `{}` are added; next: icebridge inventory {}",
            words::count(created.tables, "table", "tables"),
            created.source.uri,
            created.source.name,
            created.target.name,
            created.source.name
        )
    })?;
    Ok(Ended::Done)
}

async fn about(api: &Api, output: &Output) -> Result<Ended> {
    let about = api.about(Nothing {}).await?;
    output.result(&about, |about| {
        let mut grid = Grid::new(&["what", "value"]);
        grid.row(["version".to_string(), about.version.clone()]);
        grid.row(["state".to_string(), about.state_dir.clone()]);
        let keychain = match &about.keychain {
            Keychain::Ready => "ready".to_string(),
            Keychain::Unavailable(why) => format!("not available: {why}"),
        };
        grid.row(["keychain".to_string(), keychain]);
        grid.to_string()
    })?;
    Ok(Ended::Done)
}

pub fn completions(shell: clap_complete::Shell, output: &Output) -> Result<Ended> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "icebridge", &mut script);
    let script =
        String::from_utf8(script).map_err(|e| Error::internal("the completions are not text").with_cause(e))?;
    output.print(&script)?;
    Ok(Ended::Done)
}
