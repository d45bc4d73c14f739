//! The tables of a run in waves.

use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use icebridge_api::{Api, Limit, read_text};
use icebridge_model::ids::RunId;
use icebridge_model::waves::{MoveWave, WavesView, parse};
use icebridge_model::{Error, Result};
use std::path::Path;

pub async fn run(api: &Api, run_id: Option<String>, dependencies: &Path, output: &Output) -> Result<Ended> {
    let failed = |e| {
        Error::invalid("the dependencies cannot be read")
            .about(dependencies.display())
            .with_hint("Give a CSV file with the columns `reader` and `table`.")
            .with_cause(e)
    };
    let text = read_text(dependencies, Limit::MappingCsv, failed)?;
    let found = parse(&text).map_err(|e| e.about(dependencies.display()))?;
    let view = api.waves(&RunId::from(run_id.unwrap_or_default()), &found).await?;
    output.result(&view, told)?;
    Ok(Ended::Done)
}

fn told(view: &WavesView) -> String {
    let mut grid = Grid::new(&["wave", "state", "source", "target"]);
    for (number, wave) in view.waves.iter().enumerate() {
        for table in &wave.tables {
            grid.row([
                (number + 1).to_string(),
                table.state.as_str().to_string(),
                table.source.to_string(),
                table.target.to_string(),
            ]);
        }
    }
    let mut text = format!("{grid}\n");
    for (number, wave) in view.waves.iter().enumerate() {
        text.push_str(&about(number + 1, wave));
    }
    let tables: usize = view.waves.iter().map(|wave| wave.tables.len()).sum();
    let (tables, waves) = (words::count(tables, "table", "tables"), words::count(view.waves.len(), "wave", "waves"));
    if !view.unconnected.is_empty() {
        text.push_str(&format!("nothing connects these with a table of the run: {}\n", some(&view.unconnected)));
    }
    text.push_str(&format!("run {}: {tables} in {waves}", view.run_id));
    text
}

/// The first of many.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let first = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first}, and {more} more"),
    }
}

fn about(number: usize, wave: &MoveWave) -> String {
    let outside = wave.outside.join(", ");
    match (wave.readers.is_empty(), wave.outside.is_empty()) {
        (true, true) => String::new(),
        // A table of the run that is made of others is a reader, too.
        (true, false) => format!("wave {number} reads what this run does not have: {outside}\n"),
        (false, true) => format!("wave {number} is read by {}\n", wave.readers.join(", ")),
        (false, false) => format!(
            "wave {number} is read by {}\n  they also read what this run does not have: {outside}\n",
            wave.readers.join(", ")
        ),
    }
}
