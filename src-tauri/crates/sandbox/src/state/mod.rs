//! The state of the workspace apart from Unity Catalog and jobs: pure, each part under a lock of its own.

pub mod behaviour;
mod common;
pub mod counts;
pub mod faults;
mod folder;
pub mod lends;
mod principals;
mod reads;
mod sas;
pub mod secrets;
mod settings;
pub mod sign_in;
pub mod tokens;
pub mod workspace;

pub use common::Common;
pub use folder::{Folder, inside};
pub use principals::{ACCOUNT_USERS, ADMIN, ANALYST, MIGRATORS, PILOT, Principal, Principals, SERVICE_PRINCIPAL};
pub use settings::{Ending, Settings};
