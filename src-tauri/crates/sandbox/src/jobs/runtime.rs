//! What every task's Python loads first.

use crate::files::Store;

const SITECUSTOMIZE: &str = include_str!("sitecustomize.py");

pub fn write(folder: &Store) -> std::io::Result<()> {
    std::fs::write(folder.runtime().join("sitecustomize.py"), SITECUSTOMIZE)
}
