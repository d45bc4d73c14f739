//! Engines of this machine, which read both sides of a table.

use super::process::{self, LIMITS, Process, unavailable};
use icebridge_lakehouse::Table;
use icebridge_model::check::CheckKind;
use icebridge_model::conversion::Conversion;
use icebridge_model::judge::JudgeKind;
use icebridge_model::schema::Schema;
use icebridge_model::validation::{Check, Validation};
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// One process for all tables of a validation.
pub(crate) struct LocalJudge {
    process: Process,
    /// With its version.
    engine: String,
    kind: JudgeKind,
    orders: u64,
}

#[derive(Serialize)]
struct Order<'a> {
    /// The answer has it, too.
    order: u64,
    metadata: &'a str,
    /// None: as the table is.
    snapshot_id: Option<i64>,
    schema: &'a Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    order: u64,
    #[serde(default)]
    rows: Option<u64>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FirstLine {
    Ready { engine: String },
    Missing { missing: String },
}

impl LocalJudge {
    pub async fn start(kind: JudgeKind, cancel: &CancellationToken) -> Result<Self> {
        let cancelled = || Error::new(Code::Cancelled, "cancelled while another engine was started");
        let python = process::python();
        let (process, first) = tokio::select! {
            () = cancel.cancelled() => return Err(cancelled()),
            started = Process::start(&python, kind, LIMITS) => started?,
        };
        match first {
            FirstLine::Ready { engine } => Ok(Self { process, engine, kind, orders: 0 }),
            FirstLine::Missing { missing } => Err(unavailable(kind, missing)),
        }
    }

    /// Has both sides read, and adds what was found to the validation. An error says why they could not be read: the
    /// validation is what it was.
    pub async fn judge(
        &mut self,
        (source, target): (&Table, &Table),
        validation: &mut Validation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if validation.conversions.iter().any(Conversion::changes_rows) {
            return Err(Error::new(
                Code::Unsupported,
                "a judge reads a table as it is, and this one's values were converted",
            )
            .about(&validation.source)
            .with_hint("Its proof stays what IceBridge's own reader makes it: the digest of the converted values."));
        }
        let cancelled = || Error::new(Code::Cancelled, "cancelled while another engine read the table");
        let both = async {
            let of_source = self.read(source, validation.source_snapshot_id).await?;
            let of_target = self.read(target, validation.target_snapshot_id).await?;
            Ok::<_, Error>((of_source, of_target))
        };
        let (of_source, of_target) = tokio::select! {
            () = cancel.cancelled() => return Err(cancelled()),
            read = both => read?,
        };
        add(validation, &self.engine, of_source, of_target);
        Ok(())
    }

    async fn read(&mut self, table: &Table, snapshot_id: Option<i64>) -> Result<(u64, String)> {
        if !table.storage.is_on_this_machine(&table.metadata_location) {
            return Err(Error::new(Code::Unsupported, "a judge reads tables on this machine alone")
                .about(&table.metadata_location)
                .with_hint("Its proof stays what IceBridge's own reader makes it."));
        }
        let metadata = &table.metadata;
        self.orders += 1;
        let order = Order {
            order: self.orders,
            metadata: &table.metadata_location,
            snapshot_id: snapshot_id.filter(|id| metadata.current_snapshot_id != Some(*id)),
            schema: metadata.read_schema(snapshot_id),
        };
        match self.process.ask(&order).await? {
            Answer { order, .. } if order != self.orders => {
                Err(unavailable(self.kind, format!("it answered order {order} in place of {}", self.orders)))
            }
            Answer { rows: Some(rows), digest: Some(digest), error: None, .. } => Ok((rows, digest)),
            Answer { error, .. } => {
                Err(Error::new(Code::Unsupported, format!("{} cannot read the table", self.engine))
                    .about(&table.metadata_location)
                    .with_hint("Another judge may be able to, or a newer version of this one.")
                    .with_cause_text(error.unwrap_or_else(|| "it gave no digest".into())))
            }
        }
    }
}

/// Both sides must be what our own reader found, too.
fn add(validation: &mut Validation, engine: &str, source: (u64, String), target: (u64, String)) {
    let shown = |(rows, digest): &(u64, String)| format!("{digest}, {rows} rows");
    let passed = source == target && source == (validation.rows, validation.digest.clone());
    let detail = match passed {
        true => format!("{engine} read both sides, with the rows that IceBridge read"),
        false => format!("{engine} read both sides; IceBridge found {}, {} rows", validation.digest, validation.rows),
    };
    let check =
        Check { name: CheckKind::ReadBack.into(), passed, source: shown(&source), target: shown(&target), detail };
    crate::validate::add_read_back(validation, check);
}
