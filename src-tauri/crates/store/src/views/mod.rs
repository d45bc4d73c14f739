//! Views in SQLite: narrow rows with real columns and indexes, from which pages, counts and sums are answered.
//!
//! They are made from what else the state holds, in the transaction that writes it, so that the two cannot differ; rows of
//! an older state are built when it is opened ([`rebuild`]).

mod facts;
mod journal;
mod pending;
mod read;
mod rebuild;
mod run_counts;
mod sql;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use facts::{forget_source, keep_listed, put_inventory};
pub(crate) use journal::{begin_run, follow, follow_all};
pub(crate) use rebuild::bring_up_to_date;

use icebridge_model::ops::Route;
use icebridge_model::view::{Scope, ScopeKind};

/// A view by what it shows and for which source, route, plan or run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub kind: Kind,
    pub key: &'a str,
}

/// The views that are kept; a mapping's is made in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Inventory,
    Preflight,
    Plan,
    Run,
}

impl Kind {
    pub fn scope(self) -> ScopeKind {
        match self {
            Self::Inventory => ScopeKind::Inventory,
            Self::Preflight => ScopeKind::Preflight,
            Self::Plan => ScopeKind::Plan,
            Self::Run => ScopeKind::Run,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Preflight => "preflight",
            Self::Plan => "plan",
            Self::Run => "run",
        }
    }

    pub fn table(self) -> &'static str {
        match self {
            Self::Inventory => "view_inventory",
            Self::Preflight => "view_preflight",
            Self::Plan => "view_plan",
            Self::Run => "view_run",
        }
    }
}

/// None of a mapping.
fn owner_of(scope: &Scope) -> Option<(Kind, String)> {
    match scope {
        Scope::Inventory { source } => Some((Kind::Inventory, source.clone())),
        Scope::Preflight { route } => Some((Kind::Preflight, route_key(route))),
        Scope::Plan { plan_hash } => Some((Kind::Plan, plan_hash.to_string())),
        Scope::Run { run_id } => Some((Kind::Run, run_id.to_string())),
        Scope::Mapping { .. } => None,
    }
}

/// One text for a route, whatever its names hold.
fn route_key(route: &Route) -> String {
    serde_json::json!([route.source, route.target]).to_string()
}
