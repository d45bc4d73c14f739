//! The desktop app. Everything it does is in the library, so that this file only starts it.

// Without a console window beside the real one.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    icebridge_desktop::run()
}
