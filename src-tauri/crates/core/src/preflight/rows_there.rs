//! Asking the target about each row of a mapping that is in one state.

use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use icebridge_model::Result;
use icebridge_model::mapping::{MappingRow, MappingState};

/// The target's limiter spaces the requests.
const AT_ONCE: usize = 16;

/// Boxed checks: the compiler cannot prove a stream of borrowed futures to be Send.
pub(super) async fn each<'a>(
    rows: &'a mut [MappingRow],
    state: MappingState,
    check: impl Fn(&'a mut MappingRow) -> BoxFuture<'a, Result<()>>,
) -> Result<()> {
    let checks: Vec<_> = rows.iter_mut().filter(|row| row.state == state).map(check).collect();
    let mut checked = stream::iter(checks).buffer_unordered(AT_ONCE);
    while let Some(done) = checked.next().await {
        done?;
    }
    Ok(())
}
