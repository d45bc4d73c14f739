//! Approval of a plan by others than the one who runs it.

use crate::arguments::ApprovalCommand;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use icebridge_api::Api;
use icebridge_model::Result;
use icebridge_model::approval::{Approval, ApprovalGiven, ApprovalStanding};
use icebridge_model::format::visible;

pub async fn run(api: &Api, command: ApprovalCommand, output: &Output) -> Result<Ended> {
    match command {
        ApprovalCommand::Key => {
            let key = api.approval_key().await?;
            output.result(&key, |key| key.public_key.clone())?;
            Ok(Ended::Done)
        }
        ApprovalCommand::Give { plan, time, out } => {
            let given = api.approve(&plan, time.as_secs(), out.as_deref()).await?;
            output.result(&given, told)?;
            Ok(Ended::Done)
        }
        ApprovalCommand::Take { file } => {
            let taken = api.take_approval(&file).await?;
            output.result(&taken, kept)?;
            Ok(Ended::Done)
        }
        ApprovalCommand::List { plan } => {
            let all = api.approvals(plan.as_deref()).await?;
            output.result(&all, |all| list(all))?;
            // Who names a plan asks whether it may be run.
            Ok(Ended::done_if(plan.is_none() || all.iter().all(|one| one.is_enough)))
        }
    }
}

fn told(given: &ApprovalGiven) -> String {
    let mut losses = Grid::new(&["accepted loss", "what", ">tables"]);
    for loss in &given.losses {
        losses.row([loss.code.clone(), loss.title.clone(), words::number(loss.tables as u64)]);
    }
    let losses = if losses.is_empty() { "accepted losses: none\n".into() } else { losses.to_string() };
    let change = if given.change.is_empty() { "none" } else { &given.change };
    let plan = &given.approval.plan_hash;
    // The plan's file comes from somebody else.
    format!(
        "plan      {plan}\nfrom      {}\nto        {}\ntables    {}, {} left out\nrows      {}\nto write  {}\nchange    {}\n\n{losses}\n\
         approved until {} by {}\nnext: who runs the plan calls icebridge approval take {}",
        visible(&given.source),
        visible(&given.target),
        words::number(given.tables as u64),
        words::number(given.left_out as u64),
        words::number(given.rows),
        words::bytes(given.bytes),
        visible(change),
        words::moment(&given.approval.expires_at),
        given.approval.public_key,
        given.path,
    )
}

fn kept(approval: &Approval) -> String {
    format!(
        "plan {} is approved by {} until {}\nwhether that is enough says: icebridge approval list PLAN",
        short(&approval.plan_hash),
        approval.public_key,
        words::moment(&approval.expires_at),
    )
}

fn list(all: &[ApprovalStanding]) -> String {
    let mut text = String::new();
    for one in all {
        let mut grid = Grid::new(&["state", "name", "key", "given", "until"]);
        for approver in &one.approvers {
            let moment = |at: &Option<String>| at.as_deref().map(words::moment).unwrap_or_default();
            grid.row([
                approver.state.as_str().to_string(),
                approver.name.clone(),
                approver.public_key.clone(),
                moment(&approver.given_at),
                moment(&approver.expires_at),
            ]);
        }
        let standing = match (one.is_known, one.needed, one.is_enough) {
            (false, ..) => "the plan is not known here: name its file".to_string(),
            (_, 0, _) => "it asks for no approval".into(),
            (_, needed, true) => format!("{} of {needed} approvals, which is enough", one.approved),
            (_, needed, false) => format!("{} of {needed} approvals, which is NOT enough", one.approved),
        };
        let change = if one.change.is_empty() { String::new() } else { format!(" ({})", visible(&one.change)) };
        text.push_str(&format!("{grid}plan {}{change}: {standing}\n\n", short(&one.plan_hash)));
    }
    if text.is_empty() { "no approvals yet".into() } else { text.trim_end().to_string() }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
