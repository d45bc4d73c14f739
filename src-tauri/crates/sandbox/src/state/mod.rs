//! The state of the workspace apart from Unity Catalog and jobs: pure, each part under a lock of its own.

mod common;
pub mod counts;
pub mod faults;
mod folder;
mod principals;
pub mod secrets;
mod settings;
pub mod sign_in;
pub mod tokens;
pub mod workspace;

pub use common::Common;
pub use folder::{Folder, inside};
pub use principals::{ACCOUNT_USERS, ADMIN, MIGRATORS, PILOT, Principal, Principals, SERVICE_PRINCIPAL};
pub use settings::Ending;
