//! Secrets from a person or a pipe. Never from the command line, where every process of the machine could read them.

use icebridge_api::environment_name;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};

/// Asks without echo at a terminal; takes one line each from a pipe, in the order of the keys. A secret that is in the
/// environment is not asked for, and not stored.
pub fn secrets(catalog: &str, keys: &[String]) -> Result<BTreeMap<String, Secret>> {
    let mut secrets = BTreeMap::new();
    let terminal = std::io::stdin().is_terminal();
    for key in keys {
        let variable = environment_name(catalog, key);
        if std::env::var_os(&variable).is_some_and(|value| !value.is_empty()) {
            continue;
        }
        let given = match terminal {
            true => rpassword::prompt_password(format!("{key} for {catalog}: ")),
            false => line(),
        };
        let given = given
            .map_err(|e| Error::invalid(format!("the secret {key} cannot be read")).about(catalog).with_cause(e))?;
        if given.is_empty() {
            return Err(Error::new(Code::CredentialsMissing, format!("the secret {key} is empty"))
                .about(catalog)
                .with_hint(format!("Type it, pipe it in as a line, or set {variable}.")));
        }
        secrets.insert(key.clone(), Secret::new(given));
    }
    Ok(secrets)
}

fn line() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().read_line(&mut text)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

/// Whether the person at the terminal says yes. Where nobody can be asked, it is an error that says how to consent.
pub fn consent(what: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::invalid("nobody can be asked here").with_hint(format!("{what} Give --yes to consent.")));
    }
    eprint!("{what} Go on? [y/N] ");
    let answer = line().map_err(|e| Error::invalid("the answer cannot be read").with_cause(e))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
