//! What the window remembers between two starts. Nothing in it decides anything about a migration but the settings.

use crate::state::{Page, UnityDraft};
use icebridge_model::ops::Route;
use icebridge_model::plan::Settings;
use icebridge_model::view::Sort;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prefs {
    pub page: Page,
    pub theme: Theme,
    /// Whether metrics are served while the window is open.
    pub metrics: bool,
    pub route: Route,
    /// For every target; those for Unity Catalog are beside them and join them on the way out.
    pub settings: Settings,
    pub unity: UnityDraft,
    /// The plan made last, so that it is there again after a restart.
    pub plan_path: String,
    pub inventory_sort: Option<Sort>,
    pub hidden_columns: Vec<String>,
    pub findings_by: FindingsBy,
    pub workspace: String,
    pub workspace_tab: WorkspaceTab,
    /// By the workspace's name.
    pub gates: BTreeMap<String, GateDraft>,
}

impl Prefs {
    /// Shows a hidden column, or hides it.
    pub fn toggle_column(&mut self, id: String) {
        let before = self.hidden_columns.len();
        self.hidden_columns.retain(|column| *column != id);
        if self.hidden_columns.len() == before {
            self.hidden_columns.push(id);
        }
    }

    /// Of the workspace in sight.
    pub fn set_gate(&mut self, draft: GateDraft) {
        self.gates.insert(self.workspace.clone(), draft);
    }
}

/// Where tables shall go, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateDraft {
    pub catalog: String,
    pub schemas: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceTab {
    #[default]
    Gate,
    Tables,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [(Theme, &'static str); 3] =
        [(Theme::System, "System"), (Theme::Light, "Light"), (Theme::Dark, "Dark")];

    /// The value of `data-theme` on the document; none follows the system.
    pub fn attribute(self) -> Option<&'static str> {
        match self {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingsBy {
    #[default]
    Code,
    Table,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_of_another_version_are_read() {
        let prefs: Prefs = serde_json::from_str(r#"{"page":"plan","unknown":1}"#).unwrap();
        assert_eq!(prefs.page, Page::Plan);
        assert_eq!(prefs.settings, Settings::default());
        let text = serde_json::to_string(&prefs).unwrap();
        assert_eq!(serde_json::from_str::<Prefs>(&text).unwrap(), prefs);
    }
}
