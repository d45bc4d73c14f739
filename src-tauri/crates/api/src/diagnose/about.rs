//! The program and the machine that it runs on.

use serde_json::{Value, json};

/// Variables that change what the program does. Of their values nothing is written down.
const VARIABLES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "BROWSER",
    "XDG_DATA_HOME",
    "TMPDIR",
];
const PREFIXES: &[&str] = &["ICEBRIDGE_", "DATABRICKS_", "AWS_"];
/// Their names hold names of catalogs.
const SECRETS: &str = "ICEBRIDGE_SECRET_";

pub fn about() -> Value {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "program": program,
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "system": system(),
        "cpus": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "environment": variables(std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned())),
    })
}

/// Of Linux, its distribution.
fn system() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_string())
}

fn variables(names: impl Iterator<Item = String>) -> Value {
    let (secrets, others): (Vec<String>, Vec<String>) = names
        .filter(|name| VARIABLES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .partition(|name| name.starts_with(SECRETS));
    let mut others = others;
    others.sort_unstable();
    json!({"set": others, "secrets_set": secrets.len()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_variables_only_names_and_of_secrets_only_how_many() {
        let names = ["HOME", "ICEBRIDGE_STATE", "ICEBRIDGE_SECRET_LAKE_TOKEN", "HTTPS_PROXY"].map(String::from);
        let found = variables(names.into_iter());
        assert_eq!(found, json!({"set": ["HTTPS_PROXY", "ICEBRIDGE_STATE"], "secrets_set": 1}));
        assert!(about()["version"].is_string());
    }
}
