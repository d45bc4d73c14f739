//! What earlier work left behind.

use super::run::stop_on_interrupt;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use icebridge_api::Api;
use icebridge_model::Result;
use icebridge_model::tidy::{Fate, TidyRequest, TidyView};

pub async fn run(api: &Api, request: TidyRequest, output: &Output) -> Result<Ended> {
    let view = stop_on_interrupt(api, api.tidy(&request)).await?;
    output.result(&view, |view| told(view, request))?;
    let is_done = view.count(Fate::Failed) == 0 && (!request.remove || view.unseen.is_empty());
    Ok(Ended::done_if(is_done))
}

fn told(view: &TidyView, request: TidyRequest) -> String {
    let mut text = String::new();
    if !view.leftovers.is_empty() {
        let mut grid = Grid::new(&["kind", "name", "in", "state", "why"]);
        for left in &view.leftovers {
            grid.row([
                left.kind.as_str().to_string(),
                left.name.clone(),
                left.place.clone(),
                left.fate.as_str().to_string(),
                left.why.clone(),
            ]);
        }
        text.push_str(&format!("{grid}\n"));
    }
    for left in &view.leftovers {
        if let Some(error) = &left.error {
            text.push_str(&format!("{}\n{}\n\n", left.name, words::error(error)));
        }
    }
    for unseen in &view.unseen {
        text.push_str(&format!("{} was not looked at\n{}\n\n", unseen.place, words::error(&unseen.error)));
    }
    let (removable, removed) = (view.count(Fate::Removable), view.count(Fate::Removed));
    let staged = if request.staged { " --staged" } else { "" };
    text.push_str(&match (request.remove, removable, view.leftovers.is_empty()) {
        (true, _, _) => format!("{} removed", words::count(removed, "leftover", "leftovers")),
        (false, 0, true) => "nothing is left behind".into(),
        (false, 0, false) => "nothing to remove".into(),
        (false, ..) => {
            format!("{} to remove: icebridge tidy{staged} --yes", words::count(removable, "leftover", "leftovers"))
        }
    });
    text
}
