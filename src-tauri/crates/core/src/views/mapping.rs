//! A mapping's view, made in memory: a draft changes with every key, and its tables with it. The last one is kept, so that
//! its pages are cut from it and not made anew, and so are the names that every draft of a route is made from.

use crate::mapping::Existing;
use crate::{LocalState, mapping};
use icebridge_model::mapping::{Mapping, MappingRow};
use icebridge_model::ops::Route;
use icebridge_model::{Result, TableIdent};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The target may change under us, and is not listed for every key.
const KEPT: Duration = Duration::from_secs(30);

/// The mapping that was looked at last.
#[derive(Clone, Debug, Default)]
struct MappedTables(Arc<Mutex<Option<Kept>>>);

#[derive(Clone, Debug)]
struct Kept {
    names: Names,
    mapping: Mapping,
    rows: Arc<Vec<MappingRow>>,
}

/// What a route's mappings are made from.
#[derive(Clone, Debug)]
struct Names {
    route: Route,
    /// The inventory's state when its names were read.
    inventory: (i64, i64),
    read_at: Instant,
    sources: Arc<Vec<TableIdent>>,
    existing: Arc<Existing>,
}

pub async fn rows(local: &LocalState, route: &Route, draft: Option<&Mapping>) -> Result<Arc<Vec<MappingRow>>> {
    let wanted = match draft {
        Some(draft) => draft.clone(),
        None => mapping::get(local, route).await?,
    };
    let inventory = local.store.inventory_changes(&route.source).await?;
    let kept = local.extension::<MappedTables>().kept().filter(|kept| kept.names.is_of(route, inventory));
    let names = match kept {
        Some(kept) if kept.mapping == wanted => return Ok(kept.rows),
        Some(kept) => kept.names,
        None => Names {
            route: route.clone(),
            inventory,
            read_at: Instant::now(),
            sources: Arc::new(mapping::sources(local, route).await?),
            existing: Arc::new(Existing::of_route(local, route).await?),
        },
    };
    let rows = Arc::new(mapping::resolve(&wanted, &names.sources, &names.existing)?.rows);
    local.extension::<MappedTables>().keep(Kept { names, mapping: wanted, rows: Arc::clone(&rows) });
    Ok(rows)
}

impl Names {
    fn is_of(&self, route: &Route, inventory: (i64, i64)) -> bool {
        self.route == *route && self.inventory == inventory && self.read_at.elapsed() < KEPT
    }
}

impl MappedTables {
    fn kept(&self) -> Option<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, kept: Kept) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}
