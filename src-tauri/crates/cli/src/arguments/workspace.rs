//! Databricks workspaces and their Unity Catalog.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use icebridge_model::databricks::{SchemaName, TableKind};

#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// Add a workspace, or change one of the same name
    #[command(after_help = "Secrets are asked for, or read from standard input, one a line; they go to the keychain. \
        Where there is none, set ICEBRIDGE_SECRET_WORKSPACE_<NAME>_<KEY> (capitals, `_` for anything else; keys: TOKEN, \
        CLIENT_SECRET, PROXY); it is read each time and never stored.\n\nExamples:\n  \
        icebridge workspace add prod --host https://dbc-a1b2345c-d6e7.cloud.databricks.com\n  \
        icebridge workspace add ci --host https://adb-1.2.azuredatabricks.net --by machine --client-id 1234-abcd\n  \
        icebridge workspace add dev --by profile --profile DEV")]
    Add(WorkspaceAdd),
    /// List the workspaces
    List,
    /// List the profiles in ~/.databrickscfg, without their secrets
    Profiles,
    /// Sign in through the browser
    #[command(
        after_help = "The address is printed too: open it in any browser on this machine. $BROWSER is heeded on Linux."
    )]
    SignIn {
        name: String,
        /// Print the address instead of opening the browser
        #[arg(long)]
        no_browser: bool,
        /// Keep the tokens in memory instead of the keychain, until this command ends
        #[arg(long)]
        for_this_session: bool,
    },
    /// Sign out: revoke the tokens and delete them from the keychain
    SignOut { name: String },
    /// Check a workspace: who is signed in, their groups, and the metastore
    Check {
        name: String,
        #[command(flatten)]
        first: FirstSignIn,
    },
    /// Check the governance gate: may outside programs reach tables in these schemas?
    #[command(
        after_help = "Closed, it prints the statement to run and who can run it, and ends with exit code 1. Each call asks \
        the workspace anew.\n\nExample: icebridge workspace gate prod main.sales main.crm"
    )]
    Gate {
        name: String,
        /// The target schemas (default: check external data access only)
        #[arg(value_name = "CATALOG.SCHEMA", value_parser = schema)]
        targets: Vec<SchemaName>,
        #[command(flatten)]
        first: FirstSignIn,
    },
    /// Try on a live workspace what a sandbox cannot prove, in a scratch schema that is made and dropped
    #[command(
        after_help = "Prints for each assumption whether it holds, differs, may not be tried, or was not tried. It makes a schema \
        icebridge_doctor_... in the catalog, tables in it, and drops both; a warehouse is started where none runs. Nothing else is \
        changed. The table has neither the workspace's address nor who is signed in: please send it back as an issue.\n\nNo live workspace was \
        at hand when this was written: it was tried on the sandbox.\n\nExample: icebridge workspace doctor prod --catalog scratch \
        --foreign-table glue.sales.orders --yes"
    )]
    Doctor {
        name: String,
        /// The catalog in which the scratch schema is made
        #[arg(long)]
        catalog: String,
        /// A foreign Iceberg table that may be read and cloned, best one that Databricks never read
        #[arg(long, value_name = "CATALOG.SCHEMA.TABLE")]
        foreign_table: Option<String>,
        /// The SQL warehouse's id (default: one that runs, or the cheapest)
        #[arg(long)]
        warehouse: Option<String>,
        /// Submit a run on serverless compute, twice with one token, and cancel it
        #[arg(long)]
        submit_run: bool,
        /// Consent to all of this; without it, it is asked for
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        first: FirstSignIn,
    },
    /// Sign out of a workspace and remove it, its secrets and its inventory
    Remove { name: String },
}

#[derive(Debug, Args)]
pub struct WorkspaceAdd {
    pub name: String,
    /// The workspace's address, as the browser shows it; a profile and the environment bring their own
    #[arg(long, value_name = "URL")]
    pub host: Option<String>,
    /// How to sign in
    #[arg(long, value_enum, default_value_t = By::Browser, default_value_if("profile", clap::builder::ArgPredicate::IsPresent, "profile"))]
    pub by: By,
    /// Machine: the service principal's application id. Browser: your company's own application instead of the built-in one
    #[arg(long, value_name = "ID", required_if_eq("by", "machine"))]
    pub client_id: Option<String>,
    /// A profile of ~/.databrickscfg
    #[arg(long, value_name = "NAME", required_if_eq("by", "profile"))]
    pub profile: Option<String>,
    /// The account's id, where the address is that of an account
    #[arg(long, value_name = "ID")]
    pub account_id: Option<String>,
    /// The workspace's id, where one address serves several workspaces
    #[arg(long, value_name = "ID")]
    pub workspace_id: Option<String>,
    /// A PEM file with your company's certificate authorities
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,
    /// The proxy as http://name:port; one with a password is given with --secret proxy (default: as the environment says)
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// A further secret to ask for; token and client_secret are asked for where they are needed
    #[arg(long, value_name = "KEY", value_parser = PossibleValuesParser::new(["proxy"]))]
    pub secret: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// A person, in the system's browser
    Browser,
    /// A personal access token
    Token,
    /// A service principal's id and secret
    Machine,
    /// A profile of ~/.databrickscfg
    Profile,
    /// The DATABRICKS_* variables
    Environment,
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct FirstSignIn {
    /// Sign in through the browser first, for this command only (for machines without a keychain)
    #[arg(long)]
    pub sign_in: bool,
}

#[derive(Debug, Subcommand)]
pub enum UnityCommand {
    /// Read the list of tables in a workspace's Unity Catalog
    #[command(
        after_help = "One that was interrupted goes on where it was; the next one reads whole only what is new or changed."
    )]
    Refresh {
        workspace: String,
        /// Only this catalog. Can be repeated
        #[arg(long, value_name = "NAME")]
        catalog: Vec<String>,
        /// Grants and tags of foreign Iceberg tables too: two requests more for each, and every table is read
        #[arg(long)]
        grants_and_tags: bool,
        #[command(flatten)]
        first: FirstSignIn,
    },
    /// List the tables of the last refresh
    List {
        workspace: String,
        /// Only this kind
        #[arg(long, value_parser = PossibleValuesParser::new(TableKind::ALL.iter().map(|kind| kind.as_str())))]
        kind: Option<String>,
        /// Only with this text in name, comment or owner
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Skip this many
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: usize,
        /// At most this many, up to 1,000
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
}

/// `catalog.schema`; put backticks around a part that contains a dot.
fn schema(text: &str) -> Result<SchemaName, String> {
    let wrong = || "a schema is named CATALOG.SCHEMA".to_string();
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '`' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c => parts.last_mut().ok_or_else(wrong)?.push(c),
        }
    }
    match <[String; 2]>::try_from(parts) {
        Ok([catalog, schema]) if !quoted && !catalog.is_empty() && !schema.is_empty() => {
            Ok(SchemaName { catalog, schema })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    #[test]
    fn schemas_are_named_with_their_catalog() {
        let name = |catalog: &str, schema: &str| Ok(SchemaName { catalog: catalog.into(), schema: schema.into() });
        assert_eq!(schema("main.sales"), name("main", "sales"));
        assert_eq!(schema("`a.b`.c"), name("a.b", "c"));
        for bad in ["main", "a.b.c", ".b", "a.", "`a.b", ""] {
            assert!(schema(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_way_of_signing_in_asks_for_what_it_needs() {
        let parse = |words: &[&str]| {
            let line = ["icebridge", "workspace", "add", "w"].iter().chain(words);
            Arguments::try_parse_from(line).map(|arguments| match arguments.command {
                Command::Workspace(WorkspaceCommand::Add(add)) => (add.by, add.host),
                other => panic!("{other:?}"),
            })
        };
        let host = || Some("h".to_string());
        assert_eq!(parse(&["--host", "h"]).ok(), Some((By::Browser, host())));
        assert_eq!(parse(&["--host", "h", "--by", "token"]).ok(), Some((By::Token, host())));
        assert_eq!(parse(&["--profile", "p"]).ok(), Some((By::Profile, None)));
        assert_eq!(parse(&["--by", "profile", "--profile", "p"]).ok(), Some((By::Profile, None)));
        assert_eq!(parse(&["--by", "environment"]).ok(), Some((By::Environment, None)));
        for bad in [&["--host", "h", "--by", "machine"], &["--host", "h", "--by", "profile"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
