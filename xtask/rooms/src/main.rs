//! `icebridge-rooms ROOT`: writes the drawing into docs/ARCHITECTURE.md and prints every circle, those that the tests
//! tolerate too.

use icebridge_rooms::{Repository, drawing, file_circles, folder_circles, replaced};
use std::path::Path;
use std::process::ExitCode;

const PAGE: &str = "docs/ARCHITECTURE.md";

fn main() -> ExitCode {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    match draw(Path::new(&root)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(root: &Path) -> Result<(), String> {
    let repository = Repository::read(root)?;
    for unit in &repository.units {
        for circle in folder_circles(unit, &unit.imports) {
            println!("between folders: {circle}");
        }
        for circle in file_circles(unit, &unit.imports) {
            println!("between files: {circle}");
        }
    }
    let page = root.join(PAGE);
    let failed = |error: std::io::Error| format!("{PAGE}: {error}");
    let old = std::fs::read_to_string(&page).map_err(failed)?;
    let new = replaced(&old, &drawing(&repository)).ok_or(format!("{PAGE} has no marks for the drawing"))?;
    if new == old {
        println!("{PAGE} is up to date");
        return Ok(());
    }
    std::fs::write(&page, new).map_err(failed)?;
    println!("{PAGE} was drawn anew");
    Ok(())
}
