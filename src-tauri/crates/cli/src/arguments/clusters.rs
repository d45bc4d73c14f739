//! Settings of clusters and of what follows a copy in Unity Catalog.

use super::compute::ComputeArgs;
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
    /// Stop at this cost of all clusters of the plan, in whole dollars, by the clock and the upper end of the prices
    #[arg(long, value_name = "DOLLARS")]
    pub spend_cap: Option<u32>,
    /// Do not run Great Expectations on the clusters
    #[arg(long)]
    pub no_great_expectations: bool,
    #[command(flatten)]
    pub compute: ComputeArgs,
}

impl ClusterArgs {
    /// On top of what a file says.
    pub fn on(&self, standard: Option<PhotonSettings>) -> Option<PhotonSettings> {
        let given = self.volume.is_some()
            || self.source_catalog.is_some()
            || self.method.is_some()
            || self.use_above.is_some()
            || self.spend_cap.is_some()
            || self.no_great_expectations
            || self.compute.is_given();
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
        settings.spend_cap = self.spend_cap.or(settings.spend_cap);
        self.compute.on(&mut settings);
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
    /// Write one row for each migrated table to this table (default: CATALOG.icebridge.migration_iceberg_jobs in the
    /// target's catalog)
    #[arg(long, value_name = "CATALOG.SCHEMA.TABLE", num_args = 0..=1)]
    pub metrics_table: Option<Option<String>>,
    /// Have a SQL warehouse read each table once more that this program copied (proof level `target_read_back`)
    #[arg(long)]
    pub read_back: bool,
    /// The SQL warehouse that runs statements (default: a running one)
    #[arg(long, value_name = "ID")]
    pub warehouse: Option<String>,
}

impl GovernanceArgs {
    pub fn on(&self, standard: Option<GovernanceSettings>) -> Option<GovernanceSettings> {
        let given = !self.carry.is_empty()
            || !self.principal.is_empty()
            || self.optimize.is_some()
            || self.metrics_table.is_some()
            || self.read_back
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
        settings.metrics |= self.metrics_table.is_some();
        settings.metrics_table = self.metrics_table.clone().flatten().or(settings.metrics_table);
        settings.read_back |= self.read_back;
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
    use crate::arguments::{Arguments, Command};
    use clap::Parser;
    use icebridge_model::photon::{AccessMode, ComputeChoice};
    use serde_json::json;

    #[test]
    fn options_come_on_top_of_a_file() {
        let file = PhotonSettings {
            volume: "/Volumes/a/b/c".into(),
            compute: ComputeChoice::Serverless,
            ..PhotonSettings::default()
        };
        let none = ClusterArgs::default();
        assert_eq!(none.on(None), None);
        assert_eq!(none.on(Some(file.clone())), Some(file.clone()));
        let more = ClusterArgs { source_catalog: Some("glue".into()), no_great_expectations: true, ..none };
        let settings = more.on(Some(file)).unwrap_or_default();
        assert_eq!((settings.volume.as_str(), settings.source_catalog.as_deref()), ("/Volumes/a/b/c", Some("glue")));
        assert!(settings.is_serverless() && !settings.great_expectations);
    }

    #[test]
    fn every_option_of_the_compute_is_a_setting() {
        let typed = |words: &[&str]| {
            let line = [&["icebridge", "preflight"], words].concat();
            match Arguments::try_parse_from(line)?.command {
                Command::Preflight(preflight) => Ok(preflight.settings.settings().unwrap().photon),
                other => panic!("{other:?}"),
            }
        };
        let refused = |words: &[&str]| typed(words).is_err_and(|_: clap::Error| true);
        let all = [
            "--volume=/Volumes/a/b/c",
            "--compute=classic",
            "--policy=p-1",
            "--pool=w-1",
            "--driver-pool=d-1",
            "--instance-profile=arn:aws:iam::1:instance-profile/x",
            "--access-mode=dedicated",
            "--single-user=team",
            "--run-as=5e0b-12",
            "--scripts-folder=/Shared/icebridge",
            "--performance-target=performance-optimized",
            "--unversioned=refuse",
        ];
        let settings = typed(&all).unwrap().unwrap();
        settings.checked().unwrap();
        let written = serde_json::to_value(&settings).unwrap();
        for (field, value) in [
            ("serverless", json!(false)),
            ("policy", json!("p-1")),
            ("pool", json!("w-1")),
            ("driver_pool", json!("d-1")),
            ("instance_profile", json!("arn:aws:iam::1:instance-profile/x")),
            ("single_user", json!("team")),
            ("run_as", json!("5e0b-12")),
            ("scripts_folder", json!("/Shared/icebridge")),
            ("performance_target", json!("PERFORMANCE_OPTIMIZED")),
            ("unversioned", json!(false)),
        ] {
            assert_eq!(written[field], value, "{field}");
        }
        let standard = typed(&["--access-mode", "standard", "--unversioned", "allow"]).unwrap().unwrap();
        assert_eq!((standard.access_mode, standard.unversioned), (AccessMode::Standard, Some(true)));
        assert_eq!(typed(&["--serverless"]).unwrap().unwrap().compute, ComputeChoice::Serverless);
        assert_eq!(typed(&["--node-type", "m"]).unwrap().unwrap().node_type.as_deref(), Some("m"));
        for wrong in [
            &["--pool=a", "--node-type=b"][..],
            &["--serverless", "--compute=classic"],
            &["--access-mode=all"],
            &["--performance-target=FAST"],
            &["--unversioned=yes"],
        ] {
            assert!(refused(wrong), "{wrong:?}");
        }
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
