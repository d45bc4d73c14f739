//! The audit bundle.

use crate::arguments::AuditCommand;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::audit::{AuditBundle, AuditVerdict};
use icebridge_model::ops::{AuditRequest, Nothing, VerifyRequest};

pub async fn run(api: &Api, command: AuditCommand, output: &Output) -> Result<Ended> {
    match command {
        AuditCommand::Export { out, run_id } => {
            let path = out.as_deref().map(path_text).transpose()?;
            let bundle = api.audit_export(AuditRequest { run_id: run_id.unwrap_or_default().into(), path }).await?;
            output.result(&bundle, exported)?;
            Ok(Ended::Done)
        }
        AuditCommand::Key => {
            let key = api.audit_key(Nothing {}).await?;
            output.result(&key, |key| key.public_key.clone())?;
            Ok(Ended::Done)
        }
        AuditCommand::Verify { bundle, key, sha256 } => {
            let verdict = api.audit_verify(VerifyRequest { path: path_text(&bundle)?, key, sha256 }).await?;
            output.result(&verdict, verified)?;
            Ok(Ended::done_if(verdict.intact))
        }
    }
}

pub fn exported(bundle: &AuditBundle) -> String {
    let manifest = &bundle.manifest;
    let signed = match (&manifest.public_key, &bundle.not_signed) {
        (Some(key), _) => format!("by {key}"),
        (None, Some(why)) => format!("no: {why}"),
        (None, None) => "no".into(),
    };
    format!(
        "bundle    {}\ntables    {} of {} migrated, proof {}\njournal   {} entries, head {}\nmanifest  sha256 {}\nsigned    {signed}",
        bundle.path,
        manifest.migrated,
        manifest.tables,
        manifest.lowest_proof.as_str(),
        words::number(manifest.journal_entries),
        manifest.journal_head,
        bundle.sha256
    )
}

pub fn verified(verdict: &AuditVerdict) -> String {
    let mut grid = Grid::new(&["", "check", "found"]);
    for check in &verdict.checks {
        let mark = if check.passed { "holds" } else { "FAILS" };
        grid.row([mark.to_string(), check.name.clone(), check.detail.clone()]);
    }
    let word = if verdict.intact { "intact" } else { "NOT intact" };
    format!(
        "{grid}\nthe bundle is {word}: {} of {} migrated, proof {}",
        verdict.migrated,
        words::count(verdict.tables, "table", "tables"),
        verdict.lowest_proof.as_str()
    )
}
