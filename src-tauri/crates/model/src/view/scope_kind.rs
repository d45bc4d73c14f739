//! The kinds of views.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    Inventory,
    Mapping,
    Preflight,
    Plan,
    Run,
}

impl ScopeKind {
    pub const ALL: [Self; 5] = [Self::Inventory, Self::Mapping, Self::Preflight, Self::Plan, Self::Run];
}
