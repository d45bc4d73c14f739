//! Reading one side of a comparison to its end.

use async_trait::async_trait;
use icebridge_lakehouse::Table;
use icebridge_model::Result;
use icebridge_model::conversion::Conversion;
use icebridge_model::validation::Measurement;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Reads a whole table at a snapshot, deletes applied, its values converted. `rows` is called with how many more were read.
#[async_trait]
pub trait Measure: Send + Sync {
    async fn measure(
        &self,
        table: &Table,
        snapshot_id: Option<i64>,
        conversions: &[Conversion],
        cancel: &CancellationToken,
        rows: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Measurement>;
}

/// One side, read to its end.
#[derive(Clone, Debug)]
pub struct Measured {
    pub(super) measurement: Measurement,
    pub(super) took: Duration,
}

pub async fn measure(
    reader: &dyn Measure,
    table: &Table,
    snapshot_id: Option<i64>,
    conversions: &[Conversion],
    cancel: &CancellationToken,
) -> Result<Measured> {
    let began = Instant::now();
    let measurement = reader.measure(table, snapshot_id, conversions, cancel, &|_: u64| {}).await?;
    Ok(Measured { measurement, took: began.elapsed() })
}
