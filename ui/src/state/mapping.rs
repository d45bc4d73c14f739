//! The mapping being edited, its preview, and the small edits the page offers.

use icebridge_model::mapping::{Mapping, MappingPreview, MappingState, Override, Rule, resolve};
use icebridge_model::{Error, TableIdent};
use std::collections::HashSet;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct MappingDraft {
    pub saved: Rc<Mapping>,
    pub draft: Rc<Mapping>,
    pub preview: Rc<MappingPreview>,
    /// Why the draft cannot be resolved; the preview is then the last that could.
    pub error: Option<Error>,
    /// Counts the edits, so that a late answer for an older draft is dropped.
    pub generation: u64,
    /// Targets known to exist, from the backend's answers: what the pure preview cannot find out by itself.
    existing: Rc<HashSet<TableIdent>>,
}

impl MappingDraft {
    pub fn new(mapping: Mapping, preview: MappingPreview) -> Self {
        let mapping = Rc::new(mapping);
        let mut draft = Self {
            saved: mapping.clone(),
            draft: mapping,
            preview: Rc::new(MappingPreview::default()),
            error: None,
            generation: 0,
            existing: Rc::default(),
        };
        draft.confirm(0, preview);
        draft
    }

    pub fn is_changed(&self) -> bool {
        self.draft != self.saved
    }

    /// Shows the edit's effect at once; the backend's word on what exists follows.
    pub fn edit(&mut self, mapping: Mapping, tables: &[TableIdent]) {
        self.generation += 1;
        match resolve(&mapping, tables, &|target| self.existing.contains(target)) {
            Ok(preview) => {
                self.preview = Rc::new(preview);
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        self.draft = Rc::new(mapping);
    }

    pub fn confirm(&mut self, generation: u64, preview: MappingPreview) {
        if generation != self.generation {
            return;
        }
        let existing = Rc::make_mut(&mut self.existing);
        for row in &preview.rows {
            match (&row.target, row.state) {
                (Some(target), MappingState::Exists) => drop(existing.insert(target.clone())),
                (Some(target), MappingState::Create) => drop(existing.remove(target)),
                _ => {}
            }
        }
        self.preview = Rc::new(preview);
    }
}

pub fn new_rule() -> Rule {
    Rule {
        kind: Default::default(),
        pattern: String::new(),
        target_namespace: "{namespace_flat}".into(),
        target_table: "{table}".into(),
        case: Default::default(),
        exclude: false,
    }
}

/// `mapping` with one rule changed.
pub fn with_rule(mapping: &Mapping, at: usize, change: impl FnOnce(&mut Rule)) -> Mapping {
    let mut mapping = mapping.clone();
    if let Some(rule) = mapping.rules.get_mut(at) {
        change(rule);
    }
    mapping
}

/// Moves a rule one place up (-1) or down (1); at the ends nothing moves.
pub fn moved(mapping: &Mapping, at: usize, by: isize) -> Mapping {
    let mut mapping = mapping.clone();
    if let Some(to) = at.checked_add_signed(by).filter(|to| *to < mapping.rules.len() && at < mapping.rules.len()) {
        mapping.rules.swap(at, to);
    }
    mapping
}

/// Sets, replaces or (with `None`) takes back one table's override.
pub fn overridden(mapping: &Mapping, source: &TableIdent, target: Option<Option<TableIdent>>) -> Mapping {
    let mut mapping = mapping.clone();
    mapping.overrides.retain(|entry| entry.source != *source);
    if let Some(target) = target {
        mapping.overrides.push(Override { source: source.clone(), target });
        mapping.overrides.sort_by(|a, b| a.source.cmp(&b.source));
    }
    mapping
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::mapping::MappingRow;

    fn ident(text: &str) -> TableIdent {
        TableIdent::parse(text).unwrap()
    }

    fn preview(state: MappingState) -> MappingPreview {
        let row = MappingRow {
            source: ident("s.a"),
            target: Some(ident("s.a")),
            state,
            because: String::new(),
            problem: String::new(),
        };
        MappingPreview { rows: vec![row], mapped: 1, excluded: 0, conflicts: 0 }
    }

    #[test]
    fn an_edit_shows_at_once_and_remembers_what_exists() {
        let mut draft = MappingDraft::new(Mapping::standard(), preview(MappingState::Exists));
        assert!(!draft.is_changed());
        draft.edit(overridden(&draft.draft, &ident("s.b"), Some(None)), &[ident("s.a"), ident("s.b")]);
        assert!(draft.is_changed());
        let states: Vec<_> = draft.preview.rows.iter().map(|row| row.state).collect();
        assert_eq!(states, [MappingState::Exists, MappingState::Excluded]);
    }

    #[test]
    fn a_late_answer_is_dropped_and_a_broken_rule_keeps_the_last_preview() {
        let mut draft = MappingDraft::new(Mapping::standard(), preview(MappingState::Create));
        let broken = with_rule(&draft.draft, 0, |rule| rule.pattern = "[".into());
        draft.edit(broken, &[ident("s.a")]);
        assert!(draft.error.is_some());
        assert_eq!(draft.preview.rows.len(), 1);
        draft.confirm(0, MappingPreview::default());
        assert_eq!(draft.preview.rows.len(), 1);
    }

    #[test]
    fn rules_move_and_overrides_come_and_go() {
        let mut mapping = Mapping::standard();
        mapping.rules.push(new_rule());
        assert_eq!(moved(&mapping, 1, -1).rules[0], new_rule());
        assert_eq!(moved(&mapping, 1, 1), mapping);
        let with = overridden(&mapping, &ident("a.b"), Some(Some(ident("x.y"))));
        assert_eq!(with.overrides.len(), 1);
        assert_eq!(overridden(&with, &ident("a.b"), None), mapping);
    }
}
