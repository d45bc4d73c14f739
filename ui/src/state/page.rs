//! The steps of the journey, in order, and the pages beside it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// Beside the steps: where foreign tables are seen and managed ones will live.
    Workspaces,
    #[default]
    Connect,
    Inventory,
    Mapping,
    Preflight,
    Plan,
    Run,
    Validate,
    Sync,
    Cutover,
    Audit,
    #[serde(other)]
    History,
}

impl Page {
    pub const STEPS: [Page; 10] = [
        Page::Connect,
        Page::Inventory,
        Page::Mapping,
        Page::Preflight,
        Page::Plan,
        Page::Run,
        Page::Validate,
        Page::Sync,
        Page::Cutover,
        Page::Audit,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Page::Workspaces => "Workspaces",
            Page::Connect => "Connect",
            Page::Inventory => "Inventory",
            Page::Mapping => "Mapping",
            Page::Preflight => "Pre-flight",
            Page::Plan => "Plan",
            Page::Run => "Run",
            Page::Validate => "Validate",
            Page::Sync => "Sync",
            Page::Cutover => "Cut over",
            Page::Audit => "Audit",
            Page::History => "Run history",
        }
    }

    /// One sentence under the title: what this step is for.
    pub fn purpose(self) -> &'static str {
        match self {
            Page::Workspaces => "Where your tables are seen, and shall be managed. Looking changes nothing there.",
            Page::Connect => {
                "Choose the catalog to read from and the catalog to move tables into. A source is only ever read."
            }
            Page::Inventory => "What the source holds, read from each table’s own metadata and pinned to a snapshot.",
            Page::Mapping => "Which table goes where. Rules are tried in order; an override beats every rule.",
            Page::Preflight => "What would be lost and what stands in the way, before anything is written.",
            Page::Plan => {
                "Exactly what a run will do: a file with a hash, made from the inventory, the mapping and these settings."
            }
            Page::Run => "One plan, carried out table by table. A failed table does not stop the others.",
            Page::Validate => "Both sides read and compared, row by row. Only a proved table counts as migrated.",
            Page::Sync => "What the sources have got since, brought to the targets and compared.",
            Page::Cutover => {
                "Readers and writers move to the targets once these are proved. One action moves them back, until the end."
            }
            Page::Audit => "The evidence as one file that a third party can check without this app’s state.",
            Page::History => "Every run of this state folder, the latest first.",
        }
    }

    pub fn slug(self) -> &'static str {
        match self {
            Page::Workspaces => "workspaces",
            Page::Connect => "connect",
            Page::Inventory => "inventory",
            Page::Mapping => "mapping",
            Page::Preflight => "preflight",
            Page::Plan => "plan",
            Page::Run => "run",
            Page::Validate => "validate",
            Page::Sync => "sync",
            Page::Cutover => "cutover",
            Page::Audit => "audit",
            Page::History => "history",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_version_is_read_as_some_page() {
        assert_eq!(serde_json::from_str::<Page>(r#""rehearsal""#).unwrap(), Page::History);
        for page in Page::STEPS {
            let text = serde_json::to_string(&page).unwrap();
            assert_eq!(serde_json::from_str::<Page>(&text).unwrap(), page);
            assert_eq!(text, format!("\"{}\"", page.slug()), "one name everywhere");
        }
    }
}
