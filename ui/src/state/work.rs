//! What is under way, and what went wrong with it.

use crate::state::Page;
use icebridge_model::Error;

/// Something the backend was asked to do. Each kind runs once at a time, whichever page is in sight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    Open,
    Sample,
    SaveCatalog,
    RemoveCatalog(String),
    Check(String),
    ReadInventory,
    Inventory,
    ReadMapping,
    Preview,
    SaveMapping,
    TransferMapping,
    Preflight,
    Accept,
    Plan,
    Cost,
    Run,
    Cancel,
    ReadRun,
    Bill,
    Validate,
    /// How far each table is behind.
    Look,
    Sync,
    LookAtCutover,
    Cutover,
    /// Of the tables on probation.
    CheckMoved,
    MoveBack,
    FinishMoved,
    Export,
    Verify,
    History,
    Link(Page),
    Metrics(Page),
    ReadWorkspaces,
    SaveWorkspace,
    RemoveWorkspace(String),
    SignIn(String),
    SignOut(String),
    CheckWorkspace(String),
    Gate(String),
    Unity(String),
    /// Pages of the list of tables: several may be on their way, so it only names where their errors belong.
    UnityRows,
    Sandbox,
}

impl Work {
    /// Where its error is shown.
    pub fn page(&self) -> Page {
        match self {
            Work::Open | Work::Sample | Work::SaveCatalog | Work::RemoveCatalog(_) | Work::Check(_) => Page::Connect,
            Work::ReadInventory | Work::Inventory => Page::Inventory,
            Work::ReadMapping | Work::Preview | Work::SaveMapping | Work::TransferMapping => Page::Mapping,
            Work::Preflight | Work::Accept => Page::Preflight,
            Work::Plan | Work::Cost => Page::Plan,
            Work::Run | Work::Cancel | Work::ReadRun | Work::Bill => Page::Run,
            Work::Validate => Page::Validate,
            Work::Look | Work::Sync => Page::Sync,
            Work::LookAtCutover | Work::Cutover | Work::CheckMoved | Work::MoveBack | Work::FinishMoved => {
                Page::Cutover
            }
            Work::Export | Work::Verify => Page::Audit,
            Work::History => Page::History,
            Work::Link(page) | Work::Metrics(page) => *page,
            Work::ReadWorkspaces
            | Work::SaveWorkspace
            | Work::RemoveWorkspace(_)
            | Work::SignIn(_)
            | Work::SignOut(_)
            | Work::CheckWorkspace(_)
            | Work::Gate(_)
            | Work::Unity(_)
            | Work::UnityRows
            | Work::Sandbox => Page::Workspaces,
        }
    }

    /// Its error belongs to one card and is shown there, in place of the head of the page.
    pub fn has_its_place(&self) -> bool {
        matches!(self, Work::Cost | Work::Bill)
    }
}

/// An error that stays on its page until somebody dismisses it or the same work is started again.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub number: u64,
    pub work: Work,
    pub error: Error,
}
