//! The mapping being edited, and the small edits the page offers. What it does to the tables, the backend says.

use icebridge_model::mapping::{Mapping, Matcher, Override, Rule};
use icebridge_model::view::ViewPage;
use icebridge_model::{Error, TableIdent};
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct MappingDraft {
    pub saved: Rc<Mapping>,
    pub draft: Rc<Mapping>,
    /// The last draft whose rules could be understood: what the preview shows.
    pub shown: Rc<Mapping>,
    /// How many tables are in which state, from the backend's last answer.
    pub counts: Rc<ViewPage>,
    /// Why the draft cannot be resolved.
    pub error: Option<Error>,
    /// Counts the edits, so that a late answer for an older draft is dropped.
    pub generation: u64,
}

impl MappingDraft {
    pub fn new(mapping: Mapping, counts: ViewPage) -> Self {
        let mapping = Rc::new(mapping);
        Self {
            saved: mapping.clone(),
            draft: mapping.clone(),
            shown: mapping,
            counts: Rc::new(counts),
            error: None,
            generation: 0,
        }
    }

    pub fn is_changed(&self) -> bool {
        self.draft != self.saved
    }

    pub fn edit(&mut self, mapping: Mapping) {
        self.generation += 1;
        self.error = Matcher::new(&mapping).err();
        self.draft = Rc::new(mapping);
        if self.error.is_none() {
            self.shown = self.draft.clone();
        }
    }

    pub fn count(&mut self, generation: u64, counts: ViewPage) {
        if generation == self.generation {
            self.counts = Rc::new(counts);
        }
    }

    pub fn conflicts(&self) -> usize {
        self.counts.count("state", "conflict")
    }

    pub fn mapped(&self) -> usize {
        self.counts.count("state", "create") + self.counts.count("state", "exists")
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
    use icebridge_model::mapping::PatternKind;

    fn ident(text: &str) -> TableIdent {
        TableIdent::parse(text).unwrap()
    }

    fn counts(conflicts: usize) -> ViewPage {
        let mut counts = ViewPage { total: 9, ..ViewPage::default() };
        counts.facets.insert("state".into(), vec![("conflict".into(), conflicts), ("create".into(), 4)]);
        counts
    }

    #[test]
    fn a_late_answer_is_dropped() {
        let mut draft = MappingDraft::new(Mapping::standard(), counts(0));
        assert!(!draft.is_changed());
        draft.edit(overridden(&draft.draft, &ident("s.b"), Some(None)));
        draft.count(0, counts(3));
        assert_eq!((draft.is_changed(), draft.conflicts()), (true, 0));
        draft.count(1, counts(3));
        assert_eq!((draft.conflicts(), draft.mapped()), (3, 4));
    }

    #[test]
    fn a_broken_rule_keeps_the_last_preview() {
        let mut draft = MappingDraft::new(Mapping::standard(), counts(0));
        let regex = |rule: &mut Rule| (rule.kind, rule.pattern) = (PatternKind::Regex, "[".into());
        draft.edit(with_rule(&draft.draft, 0, regex));
        assert!(draft.error.is_some());
        assert_eq!(*draft.shown, Mapping::standard());
        draft.edit(Mapping::standard());
        assert!(draft.error.is_none());
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
