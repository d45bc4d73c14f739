//! Catalogs.

use clap::{Args, Subcommand, ValueEnum};
use icebridge_model::catalog::{CatalogKind, SECRET_KEYS, is_secret_key};

#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Add a catalog, or change one of the same name
    #[command(after_help = "Secrets are asked for, or read from standard input, one a line; they go to the keychain. \
        Where there is none, set ICEBRIDGE_SECRET_<NAME>_<KEY> (capitals, `_` for anything else); it is read each time and \
        never stored.\n\nExamples:\n  \
        icebridge catalog add lake --kind rest --uri https://host/api/catalog --warehouse prod --secret credential\n  \
        icebridge catalog add lake --kind sql --uri postgresql://me@host/catalog --secret password\n  \
        icebridge catalog add lake --kind files --uri s3://bucket/warehouse --property s3.region=eu-west-1 \\\n      \
        --secret s3.access-key-id --secret s3.secret-access-key\n  \
        icebridge catalog add lake --kind files --uri abfss://container@account.dfs.core.windows.net/warehouse \\\n      \
        --secret adls.account-key\n  \
        icebridge catalog add lake --kind files --uri gs://bucket/warehouse --secret gcs.service-account-key\n  \
        icebridge catalog add managed --target --kind embedded --uri /data/managed\n  \
        icebridge catalog add managed --target --kind unity --uri prod --warehouse main")]
    Add(CatalogAdd),
    /// List the catalogs
    List,
    /// Connect to a catalog and count its tables
    Check { name: String },
    /// Remove a catalog and its secrets from IceBridge; the catalog itself is not touched
    Remove { name: String },
}

#[derive(Debug, Args)]
pub struct CatalogAdd {
    pub name: String,
    /// The kind of catalog
    #[arg(long, value_enum)]
    pub kind: KindArg,
    /// REST: its base address. Unity: the saved workspace's name. SQL: sqlite:PATH or postgresql://user@host/db. Files: a path, or
    /// s3://bucket/prefix, abfss://container@account.dfs.core.windows.net/prefix, gs://bucket/prefix. Embedded:
    /// the folder to keep it in
    #[arg(long)]
    pub uri: String,
    /// REST: the warehouse to ask for. Unity: the catalog. SQL: the catalog's name in the database
    #[arg(long, default_value = "", hide_default_value = true)]
    pub warehouse: String,
    /// Add it as a target (default: as a source)
    #[arg(long)]
    pub target: bool,
    /// A property under PyIceberg's name, such as s3.endpoint=http://localhost:9000. Can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
    pub property: Vec<(String, String)>,
    #[arg(long, value_name = "KEY", value_parser = secret_key, help = secret_help())]
    pub secret: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindArg {
    /// Any Iceberg REST catalog that takes a token or an OAuth2 client: Polaris, Nessie, Lakekeeper, Unity Catalog. Not those of AWS
    /// Glue and S3 Tables: they want requests signed with AWS keys, which is not built in
    Rest,
    /// A catalog of Unity Catalog, by the sign-in of a saved workspace (see `icebridge workspace`)
    Unity,
    /// A SQL catalog as Java's JdbcCatalog and PyIceberg write it, in SQLite or PostgreSQL
    Sql,
    /// A folder of tables, one table's folder, or one metadata.json; source only
    Files,
    /// A SQLite catalog and a warehouse folder kept by IceBridge; target only
    Embedded,
}

impl From<KindArg> for CatalogKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Rest => Self::Rest,
            KindArg::Unity => Self::Unity,
            KindArg::Sql => Self::Sql,
            KindArg::Files => Self::Files,
            KindArg::Embedded => Self::Embedded,
        }
    }
}

fn secret_help() -> String {
    format!(
        "A secret to ask for. Can be repeated. One of: {}; adls.sas-token.ACCOUNT is for one storage account",
        SECRET_KEYS.join(", ")
    )
}

fn secret_key(text: &str) -> Result<String, String> {
    match is_secret_key(text) {
        true => Ok(text.to_string()),
        false => Err(format!("the secrets are {}, and adls.sas-token.ACCOUNT", SECRET_KEYS.join(", "))),
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.to_string())),
        _ => Err("a property is KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties() {
        assert_eq!(property("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(property("=x").is_err() && property("x").is_err());
    }
}
