//! What the rules have to know of a target.

use super::clusters::Clusters;
use crate::examined::Examined;
use icebridge_lakehouse::catalog::Abilities;
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::{Error, TableIdent};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    Embedded,
    Sql,
    Rest,
    /// A REST catalog that looks like Unity Catalog's endpoint.
    Unity,
}

#[derive(Clone, Debug)]
pub(in crate::preflight) struct Target {
    pub kind: TargetKind,
    /// The catalog's name, where the target is one of several.
    pub catalog: String,
    /// It can adopt metadata that is already there.
    pub adopts: bool,
    /// How its workspace copies by clusters, where it may.
    pub clusters: Option<Clusters>,
    /// Why nothing can be written from here where tables of a namespace would go.
    pub out_of_reach: BTreeMap<Vec<String>, Error>,
    /// What was found when its workspace was examined.
    pub examined: Examined,
    /// What tag policies may refuse of a table's tags, by table.
    pub refused_tags: BTreeMap<TableIdent, Vec<String>>,
}

impl Target {
    pub fn new(spec: &CatalogSpec, abilities: Abilities, clusters: Option<Clusters>) -> Self {
        let kind = TargetKind::of(spec);
        // Unity Catalog makes managed tables by itself alone, whatever a server that speaks for it says.
        Self {
            adopts: abilities.register && kind != TargetKind::Unity,
            clusters,
            catalog: spec.warehouse.clone(),
            ..Self::of_kind(kind)
        }
    }
    /// One of which nothing else is known.
    pub fn of_kind(kind: TargetKind) -> Self {
        Self {
            kind,
            catalog: String::new(),
            adopts: false,
            clusters: None,
            out_of_reach: BTreeMap::new(),
            examined: Examined::default(),
            refused_tags: BTreeMap::new(),
        }
    }
    pub fn is_unity(&self) -> bool {
        self.kind == TargetKind::Unity
    }
}

impl TargetKind {
    pub fn of(spec: &CatalogSpec) -> Self {
        match spec.kind {
            CatalogKind::Embedded | CatalogKind::Files => Self::Embedded,
            CatalogKind::Sql => Self::Sql,
            CatalogKind::Unity => Self::Unity,
            CatalogKind::Rest if spec.is_unity() => Self::Unity,
            CatalogKind::Rest => Self::Rest,
        }
    }
}
