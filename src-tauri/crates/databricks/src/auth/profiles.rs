//! `~/.databrickscfg`: the file in which the vendor's tools keep their profiles. Read, never written.

use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use zeroize::Zeroizing;

/// Reserved for the tools themselves.
const SETTINGS: &str = "__settings__";

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    values: BTreeMap<String, Secret>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("name", &self.name).field("keys", &self.values.keys()).finish()
    }
}

impl Profile {
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        self.values.get(key).filter(|value| !value.is_empty())
    }

    /// For what is no secret.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.secret(key).map(Secret::expose)
    }

    /// The way of signing in that it names or means, for a list of profiles to choose from.
    pub fn method(&self) -> &str {
        match self.text("auth_type") {
            Some(named) => named,
            None if self.secret("token").is_some() => "pat",
            None if self.secret("client_secret").is_some() => "oauth-m2m",
            None => "databricks-cli",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// In the order of the file.
    pub all: Vec<Profile>,
    /// The one to use when none is named, if the file says so.
    pub default: Option<String>,
}

impl Profiles {
    /// A file that is not there holds none.
    pub fn read(file: &Path) -> Result<Self> {
        let text = match std::fs::read(file) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => {
                return Err(Error::invalid("the file of Databricks profiles cannot be read")
                    .about(file.display())
                    .with_hint("Check its permissions, or name another one in DATABRICKS_CONFIG_FILE.")
                    .with_cause(e));
            }
        };
        let text = std::str::from_utf8(&text).map_err(|_| {
            Error::invalid("the file of Databricks profiles is not UTF-8")
                .about(file.display())
                .with_hint("Save it as UTF-8.")
        })?;
        Self::parse(text).map_err(|e| e.about(file.display()))
    }

    pub fn named(&self, name: &str) -> Option<&Profile> {
        self.all.iter().find(|profile| profile.name == name)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut all: Vec<Profile> = Vec::new();
        let mut settings = Profile::default();
        // What comes before any heading belongs to DEFAULT.
        let mut current = "DEFAULT".to_string();
        for (number, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            // Never with the line itself: there may be a token in it.
            let wrong = |why: &str| {
                Error::invalid(format!("line {} of the Databricks profiles {why}", number + 1))
                    .with_hint("Profiles are headings in brackets, and lines of the form key = value.")
            };
            if let Some(rest) = line.strip_prefix('[') {
                let (name, _) = rest.split_once(']').ok_or_else(|| wrong("is a heading without its end"))?;
                current = name.trim().to_string();
                if current != SETTINGS && !all.iter().any(|profile| profile.name == current) {
                    all.push(Profile { name: current.clone(), ..Profile::default() });
                }
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
            let (key, value) = (key.trim().to_ascii_lowercase(), Secret::new(uncommented(value)));
            let profile = if current == SETTINGS {
                &mut settings
            } else {
                let at = match all.iter().position(|profile| profile.name == current) {
                    Some(at) => at,
                    None => {
                        all.push(Profile { name: current.clone(), ..Profile::default() });
                        all.len() - 1
                    }
                };
                &mut all[at]
            };
            profile.values.insert(key, value);
        }
        let default = settings.text("default_profile").map(str::to_string);
        Ok(Self { all, default })
    }
}

/// `#` begins a comment after white space only: tokens and passwords may hold one.
fn uncommented(value: &str) -> &str {
    let value = value.trim();
    let comment = value.char_indices().find(|(at, c)| *c == '#' && value[..*at].ends_with(char::is_whitespace));
    let value = if value.starts_with('#') { "" } else { comment.map_or(value, |(at, _)| value[..at].trim_end()) };
    let quoted = value.len() >= 2
        && (value.starts_with('"') && value.ends_with('"') || value.starts_with('\'') && value.ends_with('\''));
    if quoted { &value[1..value.len() - 1] } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_as_the_vendors_tools_read_them() {
        let text = "; a comment\n[DEFAULT]\nhost = https://a.example  # mine\nTOKEN = dapi#canary\n\n[work]\nhost=https://b.example\n\
            auth_type = databricks-cli\n[__settings__]\ndefault_profile = work\n[empty]\nhost =\n[ci]\nclient_id=i\nclient_secret=\"canary s\"\n";
        let read = Profiles::parse(text).unwrap();
        let names: Vec<_> = read.all.iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["DEFAULT", "work", "empty", "ci"]);
        assert_eq!(read.default.as_deref(), Some("work"));
        let default = read.named("DEFAULT").unwrap();
        assert_eq!((default.text("host"), default.text("token")), (Some("https://a.example"), Some("dapi#canary")));
        assert_eq!(read.named("empty").unwrap().text("host"), None);
        assert_eq!(read.named("ci").unwrap().secret("client_secret").unwrap().expose(), "canary s");
        let methods: Vec<_> = read.all.iter().map(Profile::method).collect();
        assert_eq!(methods, ["pat", "databricks-cli", "databricks-cli", "oauth-m2m"]);
        assert!(!format!("{read:?}").contains("canary"));
    }

    #[test]
    fn a_broken_line_is_numbered_and_not_repeated() {
        for text in ["[a]\ncanary\n", "[canary\n"] {
            let error = Profiles::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
            assert!(error.message.contains("line"));
        }
        assert_eq!(Profiles::parse("").unwrap(), Profiles::default());
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Profiles::read(&folder.path().join("none")).unwrap(), Profiles::default());
        std::fs::write(folder.path().join("cfg"), b"[a]\n\xff").unwrap();
        assert!(Profiles::read(&folder.path().join("cfg")).is_err());
    }
}
