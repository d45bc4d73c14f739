//! From pre-flight to the audit bundle.

use super::approval::ApprovalArgs;
use super::route::RouteArgs;
use super::settings::SettingsArgs;
use clap::{Args, Subcommand};
use icebridge_model::TableIdent;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Preflight {
    #[command(flatten)]
    pub route: RouteArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Accept this loss, by its code. Can be repeated
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
    /// Take an acceptance back
    #[arg(long, value_name = "CODE")]
    pub refuse: Vec<String>,
    /// Only for this table. Can be repeated
    #[arg(long, value_name = "TABLE", value_parser = TableIdent::parse)]
    pub table: Vec<TableIdent>,
    /// Accept every loss found now, on every table
    #[arg(long)]
    pub accept_all_losses: bool,
    /// Print the rules instead
    #[arg(long)]
    pub rules: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub route: RouteArgs,
    /// Where to write the plan (default: in the state folder, named by its hash)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The plan file
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub plan: Option<PathBuf>,
    /// Resume a run (default: the latest)
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    pub resume: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the bundle of a run: plan, journal, validations, evidence
    Export {
        /// What to create: one file if the name ends with .zip, a folder otherwise (default: a file in the state folder)
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// The run's id (default: the latest)
        run_id: Option<String>,
    },
    /// Verify a bundle; nothing but the bundle is read
    Verify {
        /// The bundle's file or folder
        bundle: PathBuf,
        /// The public key that must have signed it, as `icebridge audit key` prints it where it was made
        #[arg(long, value_name = "BASE64")]
        key: Option<String>,
        /// The SHA-256 of its manifest, as its export printed it
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
    /// Print the public half of the key that signs this state's bundles
    #[command(
        long_about = "Print the public half of the key that signs this state's bundles.\n\nThe key is made at its first \
        use and kept in the keychain. Where there is none, ICEBRIDGE_SECRET_AUDIT_SIGNING_KEY stands in: an Ed25519 key in \
        PKCS #8, as Base64."
    )]
    Key,
}

#[derive(Debug, Args)]
pub struct Journey {
    /// Create the sample lakehouse first and migrate that (optionally: where)
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["source", "target"])]
    pub sample: Option<Option<PathBuf>>,
    #[command(flatten)]
    pub route: RouteArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Where to write the audit bundle: one file if the name ends with .zip, a folder otherwise (default: a file in the
    /// state folder)
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}
