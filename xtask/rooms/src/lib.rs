//! What each file of the repository imports, read from the sources: the rule tests fail on a circle, `cargo xtask rooms`
//! draws what is left, and the tests of the docs look up the names that a page uses.
//!
//! A *unit* is one crate or one Python root. A *room* is a folder of it, or a file at its top.

mod circles;
mod drawing;
mod folders;
mod graph;
pub mod markdown;
mod python;
mod repository;
mod resolve;
mod scan;
mod tree;
mod unit;

pub use circles::{file_circles, stale};
pub use drawing::{BEGIN, END, drawing, replaced};
pub use folders::folder_circles;
pub use graph::{Circle, Graph, Witness};
pub use python::read as read_python;
pub use repository::{Repository, crate_of, rust as read_crate};
pub use unit::{Function, Import, SourceFile, Tolerated, Unit};
