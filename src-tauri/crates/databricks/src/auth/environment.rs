//! What the machine already knows: explicit settings, then DATABRICKS_* variables, then a profile; as the vendor's tools do.

use super::browser::Application;
use super::cli::Cli;
use super::credentials::Auth;
use super::machine::Machine;
use super::person::Person;
use super::profiles::{Profile, Profiles};
use super::store::{GrantKey, TokenStore};
use crate::host::{Host, HostKind};
use crate::options::ClientOptions;
use icebridge_model::ids::WorkspaceId;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is set explicitly. All of it is optional.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub host: Option<String>,
    pub account_id: Option<String>,
    pub workspace_id: Option<WorkspaceId>,
    pub profile: Option<String>,
}

/// A host, and how to sign in to it.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub host: Host,
    pub account_id: Option<String>,
    pub workspace_id: Option<WorkspaceId>,
    pub method: Method,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Token(Secret),
    Machine {
        client_id: String,
        client_secret: Secret,
    },
    /// By the vendor's command line, which owns the grant.
    Cli {
        profile: Option<String>,
        program: Option<PathBuf>,
        config_file: Option<PathBuf>,
    },
    /// Nothing was found: a person signs in through the browser.
    Browser {
        client_id: Option<String>,
    },
}

impl Configuration {
    /// `store` and `locks` are for people who sign in through the browser: where their tokens are kept, and the folder of
    /// the lock files. No sign-in needs to exist yet.
    pub fn auth(&self, store: Arc<dyn TokenStore>, locks: PathBuf, options: &ClientOptions) -> Result<Auth> {
        let (transport, retry) = (&options.transport, options.retry);
        let account_id = self.account_id.clone();
        Ok(match &self.method {
            Method::Token(token) => Auth::token_of(token.clone())?,
            Method::Machine { client_id, client_secret } => {
                let (id, secret) = (client_id.clone(), client_secret.clone());
                Auth::Machine(Arc::new(Machine::new(self.host.clone(), account_id, id, secret, transport, retry)?))
            }
            Method::Cli { profile, program, config_file } => Auth::Cli(Arc::new(match profile {
                Some(profile) => Cli::of_profile(program.clone(), profile, config_file.clone())?,
                None => Cli::of_host(program.clone(), &self.host, account_id)?,
            })),
            Method::Browser { client_id } => {
                let application = client_id.clone().map_or_else(Application::default, Application::with_client_id);
                let key = GrantKey::of(&self.host, account_id.as_deref(), &application.client_id);
                Auth::Person(Person::new(key, store, locks, transport, retry)?)
            }
        })
    }
}

/// The configuration, and a sentence on where it came from.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub configuration: Configuration,
    pub from: String,
}

/// `variable` reads the environment, `home` is the person's folder.
pub fn resolve(
    overrides: &Overrides,
    variable: impl Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<Resolved> {
    let given = |name: &str| variable(name).map(|text| text.trim().to_string()).filter(|text| !text.is_empty());
    let file = given("DATABRICKS_CONFIG_FILE").map(|path| match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    });
    let config_file = file.clone();
    let file = file.or_else(|| home.map(|home| home.join(".databrickscfg")));
    let asked = overrides.profile.clone().or_else(|| given("DATABRICKS_CONFIG_PROFILE"));
    let in_environment = ["DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"];
    let known = overrides.host.is_some() || in_environment.iter().any(|name| given(name).is_some());
    // A file that was not asked for does not change what the environment says.
    let profile = match (&asked, known) {
        (None, true) => None,
        _ => profile(file.as_deref(), asked.as_deref())?,
    };
    // A profile that was asked for by name speaks for itself: a token of the environment is for another workspace.
    let named = overrides.profile.is_some();
    let value = |name: &str, key: &str| -> Option<Secret> {
        let environment = || given(name).map(Secret::new);
        let kept = || profile.as_ref().and_then(|profile| profile.secret(key)).cloned();
        if named { kept() } else { environment().or_else(kept) }
    };
    let text = |name: &str, key: &str| value(name, key).map(|secret| secret.expose().to_string());
    let from = match &profile {
        Some(profile) => format!("profile {}", profile.name),
        None if known => "DATABRICKS_* variables and settings".to_string(),
        None => "nothing that was set".to_string(),
    };
    let configured = text("DATABRICKS_HOST", "host").map(|host| Host::parse(&host)).transpose()?;
    let explicit = overrides.host.as_deref().map(Host::parse).transpose()?;
    // Credentials go to the host that they were set for, and to no other.
    let differs = matches!((&explicit, &configured), (Some(one), Some(other)) if one.origin() != other.origin());
    if differs && named {
        return Err(Error::invalid("the profile is for another workspace")
            .about(explicit.map(|host| host.to_string()).unwrap_or_default())
            .with_hint("Give the address or the profile, not both."));
    }
    let mut host = explicit.or(configured).ok_or_else(|| {
        Error::new(Code::CredentialsMissing, "no workspace is named")
            .with_hint("Give the workspace's address, a profile of ~/.databrickscfg, or set DATABRICKS_HOST.")
    })?;
    let own = |secret: Option<Secret>| secret.filter(|_| !differs);
    if text("DATABRICKS_EXPERIMENTAL_IS_UNIFIED_HOST", "experimental_is_unified_host")
        .is_some_and(|flag| flag == "true")
    {
        host = host.with_kind(HostKind::Unified);
    }
    let method = method(
        text("DATABRICKS_AUTH_TYPE", "auth_type").as_deref(),
        own(value("DATABRICKS_TOKEN", "token")),
        text("DATABRICKS_CLIENT_ID", "client_id"),
        own(value("DATABRICKS_CLIENT_SECRET", "client_secret")),
        || Method::Cli {
            profile: profile.as_ref().map(|profile| profile.name.clone()),
            program: text("DATABRICKS_CLI_PATH", "databricks_cli_path").map(PathBuf::from),
            config_file: config_file.clone(),
        },
    )?;
    let configuration = Configuration {
        host,
        account_id: overrides.account_id.clone().or_else(|| text("DATABRICKS_ACCOUNT_ID", "account_id")),
        workspace_id: overrides
            .workspace_id
            .clone()
            .or_else(|| text("DATABRICKS_WORKSPACE_ID", "workspace_id").map(Into::into)),
        method,
    };
    Ok(Resolved { configuration, from })
}

fn profile(file: Option<&Path>, asked: Option<&str>) -> Result<Option<Profile>> {
    let Some(file) = file else { return Ok(None) };
    let profiles = Profiles::read(file)?;
    let name = asked.or(profiles.default.as_deref()).unwrap_or("DEFAULT");
    match profiles.named(name) {
        Some(profile) => Ok(Some(profile.clone())),
        None if asked.is_none() => Ok(None),
        None => Err(Error::new(Code::CredentialsMissing, "there is no such profile")
            .about(name)
            .with_hint(format!("Look into {}; `databricks auth login --profile {name}` makes it.", file.display()))),
    }
}

fn method(
    auth_type: Option<&str>,
    token: Option<Secret>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    cli: impl Fn() -> Method,
) -> Result<Method> {
    let lacking = |what: &str, of: &str| {
        Error::new(Code::CredentialsMissing, format!("the sign-in of type {of} lacks {what}"))
            .with_hint("Complete the profile or the variables, or sign in through the browser.")
    };
    match auth_type {
        Some("pat") => token.map(Method::Token).ok_or_else(|| lacking("the token", "pat")),
        Some("oauth-m2m") => match (client_id, client_secret) {
            (Some(client_id), Some(client_secret)) => Ok(Method::Machine { client_id, client_secret }),
            _ => Err(lacking("the client id or its secret", "oauth-m2m")),
        },
        Some("databricks-cli") => Ok(cli()),
        Some("external-browser") => Ok(Method::Browser { client_id }),
        Some(other) => Err(Error::new(Code::Unsupported, "this type of sign-in is not built in")
            .about(other)
            .with_hint("Use pat, oauth-m2m, databricks-cli or external-browser.")),
        None => Ok(match (token, client_id, client_secret) {
            (Some(token), ..) => Method::Token(token),
            (None, Some(client_id), Some(client_secret)) => Method::Machine { client_id, client_secret },
            (None, client_id, _) => Method::Browser { client_id },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(overrides: &Overrides, variables: &[(&str, &str)], file: &str) -> Result<Resolved> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".databrickscfg"), file).unwrap();
        let variable = |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| value.to_string());
        resolve(overrides, variable, Some(home.path()))
    }

    const FILE: &str =
        "[DEFAULT]\nhost = a.example\ntoken = canary-default\n[work]\nhost = b.example\nauth_type = databricks-cli\n";

    #[test]
    fn the_environment_goes_before_the_file() {
        let found =
            resolved(&Overrides::default(), &[("DATABRICKS_HOST", "c.example"), ("DATABRICKS_TOKEN", "t")], FILE)
                .unwrap();
        assert_eq!(found.configuration.host.origin(), "https://c.example");
        assert_eq!(found.configuration.method, Method::Token(Secret::new("t")));
        // The host of the environment never gets the token of the file.
        let found = resolved(&Overrides::default(), &[("DATABRICKS_HOST", "c.example")], FILE).unwrap();
        assert_eq!(found.configuration.method, Method::Browser { client_id: None });
    }

    #[test]
    fn a_token_does_not_go_to_a_host_it_was_not_set_for() {
        let overrides = Overrides { host: Some("evil.example".into()), ..Overrides::default() };
        let found = resolved(&overrides, &[("DATABRICKS_HOST", "c.example"), ("DATABRICKS_TOKEN", "t")], FILE).unwrap();
        assert_eq!(found.configuration.host.origin(), "https://evil.example");
        assert_eq!(found.configuration.method, Method::Browser { client_id: None });
        let overrides = Overrides { profile: Some("DEFAULT".into()), ..overrides };
        assert_eq!(resolved(&overrides, &[], FILE).unwrap_err().code, Code::InvalidInput);
    }

    #[test]
    fn a_profile_is_taken_when_it_is_named_or_nothing_else_is_set() {
        let found = resolved(&Overrides::default(), &[], FILE).unwrap();
        assert_eq!((found.configuration.host.origin(), found.from.as_str()), ("https://a.example", "profile DEFAULT"));
        let overrides = Overrides { profile: Some("work".into()), ..Overrides::default() };
        let found = resolved(&overrides, &[("DATABRICKS_TOKEN", "t"), ("DATABRICKS_HOST", "c.example")], FILE).unwrap();
        assert_eq!(found.configuration.host.origin(), "https://b.example");
        assert!(matches!(&found.configuration.method, Method::Cli { profile: Some(name), .. } if name == "work"));
        let overrides = Overrides { profile: Some("gone".into()), ..Overrides::default() };
        assert_eq!(resolved(&overrides, &[], FILE).unwrap_err().code, Code::CredentialsMissing);
        assert_eq!(resolved(&Overrides::default(), &[], "").unwrap_err().code, Code::CredentialsMissing);
    }

    #[test]
    fn a_named_type_is_the_only_one_tried() {
        let host = ("DATABRICKS_HOST", "c.example");
        let of = |variables: &[(&str, &str)]| {
            resolved(&Overrides::default(), variables, "").map(|found| found.configuration.method)
        };
        let machine = [host, ("DATABRICKS_CLIENT_ID", "i"), ("DATABRICKS_CLIENT_SECRET", "s")];
        assert!(matches!(of(&machine).unwrap(), Method::Machine { .. }));
        let both = [host, ("DATABRICKS_AUTH_TYPE", "oauth-m2m"), ("DATABRICKS_TOKEN", "t")];
        assert_eq!(of(&both).unwrap_err().code, Code::CredentialsMissing);
        assert_eq!(of(&[host, ("DATABRICKS_AUTH_TYPE", "azure-cli")]).unwrap_err().code, Code::Unsupported);
        let text = format!("{:?}", of(&[host, ("DATABRICKS_TOKEN", "canary")]).unwrap());
        assert!(!text.contains("canary"));
    }
}
