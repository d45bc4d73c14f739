//! What every handler uses of HTTP: answers, requests, the caller, and its part of the state.

mod answer;
mod caller;
mod page;
mod request;
mod state;

pub use answer::{Answer, IcebergAnswer, done, finish, page};
pub use caller::{Caller, bearer};
pub use page::{escaped, html};
pub use request::{EmptyPage, Reordered};
pub use state::{Files, Front, Iceberg, Identity, Jobs, SandboxState, Secrets, Sql, Unity, WorkspaceFiles};
