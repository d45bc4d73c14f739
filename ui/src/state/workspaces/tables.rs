//! The part of Unity Catalog's tables that is in sight: pages of a list that may be far too long to hold.

use icebridge_model::databricks::{TableKind, UnityPage, UnityRow};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// Rows asked for at once.
pub const PAGE: usize = 200;
/// Pages kept: those nearest to what is in sight.
const KEPT: usize = 20;

/// What is listed. Another question is another list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    pub workspace: String,
    pub kind: Option<TableKind>,
    pub search: String,
}

#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub question: Question,
    /// None until the first page has come.
    pub total: Option<usize>,
    pub refreshed_at: Option<String>,
    /// How many there are of each kind, whatever is searched for.
    pub counts: BTreeMap<TableKind, usize>,
    pages: BTreeMap<usize, Rc<Vec<UnityRow>>>,
    /// Counts the changes of what is listed, so that an older answer is not taken for a new one.
    pub generation: u64,
}

#[derive(Debug)]
pub enum Change {
    Ask(Question),
    Counts(String, BTreeMap<TableKind, usize>),
    Page {
        generation: u64,
        page: usize,
        answer: UnityPage,
    },
    /// The same list has been read anew: nothing that is held may still be true.
    Outdated(String),
}

impl Tables {
    pub fn changed(held: Option<Self>, change: Change) -> Option<Self> {
        match change {
            Change::Ask(question) => {
                let held = held.unwrap_or_default();
                if held.question == question {
                    return Some(held);
                }
                let same_place = held.question.workspace == question.workspace;
                Some(Self {
                    question,
                    generation: held.generation + 1,
                    counts: if same_place { held.counts } else { BTreeMap::new() },
                    refreshed_at: held.refreshed_at.filter(|_| same_place),
                    ..Self::default()
                })
            }
            Change::Counts(workspace, counts) => held.map(|mut held| {
                if held.question.workspace == workspace {
                    held.counts = counts;
                }
                held
            }),
            Change::Page { generation, page, answer } => held.map(|mut held| {
                if held.generation == generation {
                    held.take(page, answer);
                }
                held
            }),
            Change::Outdated(workspace) => held.map(|mut held| {
                if held.question.workspace == workspace {
                    held.generation += 1;
                    held.pages.clear();
                    // The number stays until the new one comes, or the grid would jump to its top.
                }
                held
            }),
        }
    }

    fn take(&mut self, page: usize, answer: UnityPage) {
        self.total = Some(answer.total);
        self.refreshed_at = answer.refreshed_at;
        self.pages.insert(page, Rc::new(answer.rows));
        while self.pages.len() > KEPT {
            let farthest = self.pages.keys().copied().max_by_key(|held| held.abs_diff(page));
            let Some(farthest) = farthest else { break };
            self.pages.remove(&farthest);
        }
    }

    pub fn row(&self, at: usize) -> Option<&UnityRow> {
        self.pages.get(&(at / PAGE))?.get(at % PAGE)
    }

    /// The numbers of the rows that are held.
    pub fn held_rows(&self, total: usize) -> impl Iterator<Item = usize> {
        self.pages.iter().flat_map(|(page, rows)| page * PAGE..page * PAGE + rows.len()).filter(move |at| *at < total)
    }

    /// The pages that these rows lie on and that are not held.
    pub fn lacking(&self, rows: Range<usize>) -> Vec<usize> {
        let end = self.total.map_or(PAGE, |total| rows.end.min(total)).max(1);
        let pages = rows.start.min(end - 1) / PAGE..=(end - 1) / PAGE;
        pages.filter(|page| !self.pages.contains_key(page)).collect()
    }

    /// Of all kinds together; none while they have not been counted.
    pub fn counted(&self) -> Option<usize> {
        (!self.counts.is_empty()).then(|| self.counts.values().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(search: &str) -> Question {
        Question { workspace: "dev".into(), kind: None, search: search.into() }
    }

    fn row(at: usize) -> UnityRow {
        UnityRow {
            full_name: format!("c.s.t{at}"),
            kind: TableKind::Other,
            kind_text: String::new(),
            securable_kind: None,
            format: None,
            table_type: None,
            owner: None,
            comment: None,
            columns: 0,
            storage_location: None,
            updated_at: None,
            grants: None,
            tags: None,
            properties: BTreeMap::new(),
        }
    }

    fn answer(page: usize, total: usize) -> UnityPage {
        let rows = (page * PAGE..((page + 1) * PAGE).min(total)).map(row).collect();
        UnityPage { total, rows, refreshed_at: None }
    }

    fn listed(total: usize, pages: impl IntoIterator<Item = usize>) -> Tables {
        let first = Tables::changed(None, Change::Ask(question(""))).unwrap();
        pages.into_iter().fold(first, |held, page| {
            let generation = held.generation;
            Tables::changed(Some(held), Change::Page { generation, page, answer: answer(page, total) }).unwrap()
        })
    }

    #[test]
    fn only_the_pages_in_sight_are_asked_for() {
        assert_eq!(listed(0, []).lacking(0..40), [0], "how many there are is not known yet");
        let some = listed(100_000, [0]);
        assert_eq!(some.lacking(0..40), Vec::<usize>::new());
        assert_eq!(some.lacking(190..230), [1]);
        assert_eq!(some.lacking(99_990..100_040), [499]);
        assert_eq!(some.row(199).unwrap().full_name, "c.s.t199");
        assert!(some.row(200).is_none());
        assert_eq!(listed(0, [0]).lacking(0..40), Vec::<usize>::new(), "an empty list is whole");
    }

    #[test]
    fn what_is_far_away_is_let_go() {
        let walked = listed(100_000, 0..60);
        assert!(walked.pages.len() <= KEPT);
        assert!(walked.row(59 * PAGE).is_some() && walked.row(0).is_none());
    }

    #[test]
    fn an_answer_to_an_older_question_is_not_taken() {
        let held = listed(10, [0]);
        let old = held.generation;
        let held = Tables::changed(Some(held), Change::Ask(question("orders"))).unwrap();
        let held =
            Tables::changed(Some(held), Change::Page { generation: old, page: 0, answer: answer(0, 10) }).unwrap();
        assert_eq!(held.total, None);
        let generation = held.generation;
        let held = Tables::changed(Some(held), Change::Ask(question("orders"))).unwrap();
        assert_eq!(held.generation, generation, "the same question once more keeps what is there");
        let held = Tables::changed(Some(held), Change::Page { generation, page: 0, answer: answer(0, 3) }).unwrap();
        let held = Tables::changed(Some(held), Change::Outdated("dev".into())).unwrap();
        assert_eq!((held.total, held.lacking(0..3)), (Some(3), vec![0]));
    }
}
