//! A mapping's view, made in memory: a draft changes with every key, and its tables with it. The last one is kept, so that
//! its pages are cut from it and not made anew.

use crate::{LocalState, mapping};
use icebridge_model::Result;
use icebridge_model::mapping::{Mapping, MappingRow};
use icebridge_model::ops::Route;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The target may change under us, and is not listed for every page.
const KEPT: Duration = Duration::from_secs(30);

/// The mapping that was looked at last.
#[derive(Clone, Debug, Default)]
struct MappedTables(Arc<Mutex<Option<Kept>>>);

type Key = (Route, Mapping, (i64, i64));

#[derive(Debug)]
struct Kept {
    key: Key,
    at: Instant,
    rows: Arc<Vec<MappingRow>>,
}

pub async fn rows(local: &LocalState, route: &Route, draft: Option<&Mapping>) -> Result<Arc<Vec<MappingRow>>> {
    let wanted = match draft {
        Some(draft) => draft.clone(),
        None => mapping::get(local, route).await?,
    };
    let key = (route.clone(), wanted, local.store.inventory_changes(&route.source).await?);
    if let Some(rows) = local.extension::<MappedTables>().kept(&key) {
        return Ok(rows);
    }
    let rows = Arc::new(mapping::preview(local, route, &key.1).await?.rows);
    let kept = Kept { key, at: Instant::now(), rows: Arc::clone(&rows) };
    *local.extension::<MappedTables>().0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    Ok(rows)
}

impl MappedTables {
    fn kept(&self, key: &Key) -> Option<Arc<Vec<MappingRow>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.key == *key && kept.at.elapsed() < KEPT).map(|kept| Arc::clone(&kept.rows))
    }
}
