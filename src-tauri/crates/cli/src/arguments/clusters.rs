//! Settings of clusters and of what follows a copy in Unity Catalog.

use clap::{Args, ValueEnum};
use icebridge_model::governance::{GovernanceSettings, OptimizationChoice, OptimizationLevel, OptimizationSetting};
use icebridge_model::photon::{ClusterMethod, PhotonSettings};
use icebridge_model::plan::EngineKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    /// Chosen for each table, with the reason
    Auto,
    /// This program
    Embedded,
    /// Databricks clusters
    Photon,
}

impl EngineArg {
    pub fn kind(self) -> Option<EngineKind> {
        match self {
            Self::Auto => None,
            Self::Embedded => Some(EngineKind::Embedded),
            Self::Photon => Some(EngineKind::Photon),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum MethodArg {
    DeepClone,
    Ctas,
    InsertSelect,
}

/// Whatever is not an option here can be written into the file of `--settings`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Clusters (target: a catalog of Unity Catalog)")]
pub struct ClusterArgs {
    /// A volume for inputs and results: /Volumes/catalog/schema/volume. With it, clusters may be used
    #[arg(long, value_name = "PATH")]
    pub volume: Option<String>,
    /// The catalog under which the clusters see the source (default: the source's own, in the same workspace)
    #[arg(long, value_name = "CATALOG")]
    pub source_catalog: Option<String>,
    /// How clusters copy (default: chosen for each table)
    #[arg(long, value_enum)]
    pub method: Option<MethodArg>,
    /// Tables larger than this go to clusters, for example 10GB
    #[arg(long, value_name = "SIZE", value_parser = super::size::size)]
    pub use_above: Option<u64>,
    /// Use serverless compute instead of clusters
    #[arg(long)]
    pub serverless: bool,
    /// Do not run Great Expectations on the clusters
    #[arg(long)]
    pub no_great_expectations: bool,
}

impl ClusterArgs {
    /// On top of what a file says.
    pub fn on(&self, standard: Option<PhotonSettings>) -> Option<PhotonSettings> {
        let given = self.volume.is_some()
            || self.source_catalog.is_some()
            || self.method.is_some()
            || self.use_above.is_some()
            || self.serverless
            || self.no_great_expectations;
        if !given {
            return standard;
        }
        let mut settings = standard.unwrap_or_default();
        if let Some(volume) = &self.volume {
            settings.volume.clone_from(volume);
        }
        if let Some(bytes) = self.use_above {
            settings.use_above_bytes = bytes;
        }
        if let Some(method) = self.method {
            settings.method = Some(match method {
                MethodArg::DeepClone => ClusterMethod::DeepClone,
                MethodArg::Ctas => ClusterMethod::Ctas,
                MethodArg::InsertSelect => ClusterMethod::InsertSelect,
            });
        }
        settings.source_catalog = self.source_catalog.clone().or(settings.source_catalog);
        settings.serverless |= self.serverless;
        settings.great_expectations &= !self.no_great_expectations;
        Some(settings)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CarryArg {
    Comments,
    Tags,
    Grants,
    Owner,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Governance, after a table is validated (target: a catalog of Unity Catalog)")]
pub struct GovernanceArgs {
    /// Copy these from the source's table in Unity Catalog, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub carry: Vec<CarryArg>,
    /// Replace a principal in the target (OLD=NEW); `OLD=` leaves it out. Can be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = principal)]
    pub principal: Vec<(String, Option<String>)>,
    /// Predictive optimization: catalog, schema or table, and enable, disable or inherit
    #[arg(long, value_name = "LEVEL=SETTING", value_parser = optimization)]
    pub optimize: Option<OptimizationChoice>,
    /// Write one row for each migrated table to the metrics table
    #[arg(long)]
    pub metrics: bool,
    /// The metrics table (default: CATALOG.icebridge.migration_iceberg_jobs in the target's catalog)
    #[arg(long, value_name = "CATALOG.SCHEMA.TABLE")]
    pub metrics_table: Option<String>,
    /// The SQL warehouse that runs statements (default: a running one)
    #[arg(long, value_name = "ID")]
    pub warehouse: Option<String>,
}

impl GovernanceArgs {
    pub fn on(&self, standard: Option<GovernanceSettings>) -> Option<GovernanceSettings> {
        let given = !self.carry.is_empty()
            || !self.principal.is_empty()
            || self.optimize.is_some()
            || self.metrics
            || self.metrics_table.is_some()
            || self.warehouse.is_some();
        if !given {
            return standard;
        }
        let mut settings = standard.unwrap_or_default();
        settings.comments |= self.carry.contains(&CarryArg::Comments);
        settings.tags |= self.carry.contains(&CarryArg::Tags);
        settings.grants |= self.carry.contains(&CarryArg::Grants);
        settings.owner |= self.carry.contains(&CarryArg::Owner);
        settings.principals.extend(self.principal.iter().cloned());
        settings.predictive_optimization = self.optimize.or(settings.predictive_optimization);
        settings.metrics |= self.metrics || self.metrics_table.is_some();
        settings.metrics_table = self.metrics_table.clone().or(settings.metrics_table);
        settings.warehouse = self.warehouse.clone().or(settings.warehouse);
        Some(settings)
    }
}

fn principal(text: &str) -> Result<(String, Option<String>), String> {
    let (old, new) = text.split_once('=').ok_or("write it as OLD=NEW, or OLD= to leave it out")?;
    let (old, new) = (old.trim(), new.trim());
    if old.is_empty() {
        return Err("there is no name before the =".into());
    }
    Ok((old.to_string(), (!new.is_empty()).then(|| new.to_string())))
}

fn optimization(text: &str) -> Result<OptimizationChoice, String> {
    let (level, setting) = text.split_once('=').ok_or("write it as LEVEL=SETTING, for example schema=enable")?;
    let level = match level.trim() {
        "catalog" => OptimizationLevel::Catalog,
        "schema" => OptimizationLevel::Schema,
        "table" => OptimizationLevel::Table,
        other => return Err(format!("`{other}` is no level: catalog, schema or table")),
    };
    let setting = match setting.trim() {
        "enable" => OptimizationSetting::Enable,
        "disable" => OptimizationSetting::Disable,
        "inherit" => OptimizationSetting::Inherit,
        other => return Err(format!("`{other}` is no setting: enable, disable or inherit")),
    };
    Ok(OptimizationChoice { level, setting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_on_top_of_a_file() {
        let file = PhotonSettings { volume: "/Volumes/a/b/c".into(), serverless: true, ..PhotonSettings::default() };
        let none = ClusterArgs::default();
        assert_eq!(none.on(None), None);
        assert_eq!(none.on(Some(file.clone())), Some(file.clone()));
        let more = ClusterArgs { source_catalog: Some("glue".into()), no_great_expectations: true, ..none };
        let settings = more.on(Some(file)).unwrap_or_default();
        assert_eq!((settings.volume.as_str(), settings.source_catalog.as_deref()), ("/Volumes/a/b/c", Some("glue")));
        assert!(settings.serverless && !settings.great_expectations);
    }

    #[test]
    fn principals_and_optimization_are_read() {
        assert_eq!(principal("a@b = team"), Ok(("a@b".into(), Some("team".into()))));
        assert_eq!(principal("gone="), Ok(("gone".into(), None)));
        assert!(principal("=x").is_err() && principal("x").is_err());
        let choice = OptimizationChoice { level: OptimizationLevel::Schema, setting: OptimizationSetting::Enable };
        assert_eq!(optimization("schema=enable"), Ok(choice));
        assert!(optimization("schema").is_err() && optimization("row=enable").is_err());
    }
}
