//! `icebridge-bindgen MODULE FOLDER`: what the `wasm-bindgen` command does for a page, without its test runner and its servers,
//! which take minutes to compile.

use std::env;
use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [module, folder] = words.as_slice() else {
        eprintln!("icebridge-bindgen MODULE FOLDER");
        return ExitCode::from(2);
    };
    let mut glue = Bindgen::new();
    glue.input_path(module).typescript(false).remove_name_section(true).remove_producers_section(true);
    // The page's script finds the module beside itself.
    glue.omit_default_module_path(false);
    match glue.web(true).and_then(|glue| glue.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
