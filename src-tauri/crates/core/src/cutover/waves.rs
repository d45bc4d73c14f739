//! The tables of a run in waves: what is read together is moved together.

use super::look::as_it_stands;
use super::wave::Wave;
use crate::LocalState;
use icebridge_model::ids::RunId;
use icebridge_model::photon::ClusterCopy;
use icebridge_model::waves::{CatalogNames, Dependency, MoveWave, WaveTable, WavesView, groups};
use icebridge_model::{Result, TableIdent};
use tokio_util::sync::CancellationToken;

/// Asks neither source nor target.
pub async fn waves(local: &LocalState, run_id: &RunId, dependencies: &[Dependency]) -> Result<WavesView> {
    let cancel = CancellationToken::new();
    let wave = Wave::open(local, (run_id, &[]), "", &cancel).await?;
    let asked = wave.asked(&[])?;
    let names: Vec<_> = asked.iter().map(|(planned, _)| (&planned.source, &planned.target)).collect();
    let (found, unconnected) = groups(&names, &catalogs(&wave), dependencies);
    let mut waves: Vec<MoveWave> = found
        .into_iter()
        .map(|group| {
            let tables = group.tables.iter().filter_map(|at| asked.get(*at));
            MoveWave {
                bytes: tables.clone().map(|(planned, _)| planned.estimate.bytes).sum(),
                tables: tables
                    .map(|(planned, migrated)| WaveTable {
                        source: planned.source.clone(),
                        target: planned.target.clone(),
                        state: as_it_stands(&wave, planned, *migrated).state,
                    })
                    .collect(),
                readers: group.readers,
                outside: group.outside,
            }
        })
        .collect();
    waves.sort_by(|a, b| {
        let order =
            |one: &MoveWave| (one.tables.len(), one.bytes, one.tables.first().map(|table| table.source.clone()));
        order(a).cmp(&order(b))
    });
    Ok(WavesView { run_id: wave.session.run_id.clone(), waves, unconnected })
}

/// As they are called here, in the catalog itself, and in the workspace whose clusters copy.
fn catalogs(wave: &Wave<'_>) -> CatalogNames {
    let session = &wave.session;
    let of_cluster = |side: fn(&ClusterCopy) -> &TableIdent| {
        session.plan.tables.iter().find_map(|table| side(table.cluster.as_deref()?).namespace.first().cloned())
    };
    let names = |name: &str, warehouse: &str, on_clusters: Option<String>| {
        let all = [Some(name.to_string()), Some(warehouse.to_string()), on_clusters];
        all.into_iter().flatten().filter(|name| !name.is_empty()).collect()
    };
    CatalogNames {
        source: names(&session.plan.source, &session.source.spec().warehouse, of_cluster(|copy| &copy.source)),
        target: names(&session.plan.target, &session.target.spec().warehouse, of_cluster(|copy| &copy.target)),
    }
}
