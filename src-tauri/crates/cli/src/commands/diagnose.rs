//! The archive for a bug report.

use crate::arguments::DiagnoseArgs;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use icebridge_api::Api;
use icebridge_model::logs::{DiagnoseRequest, Diagnosis};
use icebridge_model::{Error, Result};
use std::path::Path;

/// `state`: why it could not be opened, if so.
pub async fn run(
    state_dir: &Path,
    state: Result<&Api, &Error>,
    arguments: &DiagnoseArgs,
    output: &Output,
) -> Result<Ended> {
    let request = DiagnoseRequest {
        path: arguments.out.as_deref().map(path_text).transpose()?,
        without_names: arguments.without_names,
        offline: arguments.offline,
    };
    let diagnosis = icebridge_api::diagnose(state_dir, state, &request).await?;
    output.result(&diagnosis, shown)?;
    Ok(Ended::Done)
}

fn shown(diagnosis: &Diagnosis) -> String {
    let mut grid = Grid::new(&["file", ">size", "about"]);
    for file in &diagnosis.files {
        grid.row([file.path.clone(), words::bytes(file.bytes), file.about.clone()]);
    }
    let mut text = format!("{grid}\nnot in it:\n");
    for sentence in &diagnosis.left_out {
        text.push_str(&format!("  {sentence}\n"));
    }
    if !diagnosis.without_names {
        text.push_str("names of tables, catalogs, hosts and principals are in it; --without-names writes pseudonyms\n");
    }
    text.push_str(&format!(
        "archive  {} ({})\nsha256   {}",
        diagnosis.path,
        words::bytes(diagnosis.bytes),
        diagnosis.sha256
    ));
    text
}
