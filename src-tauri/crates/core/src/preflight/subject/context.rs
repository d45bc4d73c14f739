//! What a rule may look at.

use super::target::Target;
use icebridge_model::Error;
use icebridge_model::conversion::Conversion;
use icebridge_model::facts::TableFacts;
use icebridge_model::mapping::MappingRow;
use icebridge_model::plan::{CopyMode, EngineKind, TargetVersion};
use icebridge_model::schema::{Schema, Type};

pub(in crate::preflight) struct Context<'a> {
    pub mapping: &'a MappingRow,
    /// None if the inventory could not read the table: then only the rule about that applies.
    pub facts: Option<&'a TableFacts>,
    pub problem: Option<&'a Error>,
    pub target: &'a Target,
    pub mode: CopyMode,
    pub engine: EngineKind,
    /// What becomes of that which the target refuses.
    pub conversions: &'a [Conversion],
    pub wanted_version: TargetVersion,
}

impl<'a> Context<'a> {
    /// The facts, if the rows are to be written anew.
    pub fn rewritten(&self) -> Option<&'a TableFacts> {
        self.facts.filter(|_| self.mode == CopyMode::Rewrite)
    }
    /// The facts, if the metadata is kept: clone or register.
    pub fn kept(&self) -> Option<&'a TableFacts> {
        self.facts.filter(|_| self.mode != CopyMode::Rewrite)
    }
    /// The version that is wanted, if the table has an earlier one.
    pub fn raised(&self) -> Option<&'a TableFacts> {
        self.facts.filter(|facts| self.wanted_version.raises(facts.format_version).is_some())
    }
    /// The facts, if the target is Unity Catalog.
    pub fn for_unity(&self) -> Option<&'a TableFacts> {
        self.facts.filter(|_| self.target.is_unity())
    }
    /// The facts, if the target is Unity Catalog and the table is made through its Iceberg endpoint.
    pub fn for_unity_over_rest(&self) -> Option<&'a TableFacts> {
        self.for_unity().filter(|_| self.engine == EngineKind::Embedded)
    }
}

/// Dotted paths of the columns whose type is as asked, at every depth.
pub(in crate::preflight) fn columns(schema: &Schema, wanted: impl Fn(&Type) -> bool) -> Vec<String> {
    let found = schema.walk().into_iter().filter(|(_, _, field_type)| wanted(field_type));
    found.map(|(path, _, field_type)| format!("{path} ({field_type})")).collect()
}

/// The columns of the key, by their paths; one that is gone, by its id.
pub(in crate::preflight) fn identifiers(schema: &Schema) -> Vec<String> {
    let named = |id: &i32| schema.find(*id).map_or_else(|| format!("field {id}, which is gone"), |(path, _)| path);
    schema.identifier_field_ids.iter().map(named).collect()
}

/// `None` if there are none; else up to eight of them, and how many more.
pub(in crate::preflight) fn listed(names: &[String]) -> Option<String> {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        n if n <= SHOWN => Some(shown),
        n => Some(format!("{shown} and {} more", n - SHOWN)),
    }
}

pub(in crate::preflight) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}
