//! What the clusters are made of, and who runs on them.

use clap::{Args, ValueEnum};
use icebridge_model::photon::{AccessMode, ComputeChoice, PhotonSettings};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ComputeArg {
    /// Serverless where the workspace offers it, else clusters; clusters too where an option is one of theirs
    Automatic,
    /// Serverless compute
    Serverless,
    /// Clusters that are made for the run
    Classic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccessArg {
    /// One user, service principal or group
    Dedicated,
    /// Everybody who may attach to it
    Standard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PerformanceArg {
    /// Cheaper, and slower to start
    Standard,
    /// Faster, and more expensive
    PerformanceOptimized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UnversionedArg {
    /// Read the state of now; the source is asked before and after whether it has moved
    Allow,
    /// Fail
    Refuse,
}

/// All of them need a volume, by `--volume` or in the file.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ComputeArgs {
    /// What the copies run on (default: automatic)
    #[arg(long, value_enum)]
    pub compute: Option<ComputeArg>,
    /// The same as --compute serverless
    #[arg(long, conflicts_with = "compute")]
    pub serverless: bool,
    /// A cluster policy; the clusters are made to fit it
    #[arg(long, value_name = "ID")]
    pub policy: Option<String>,
    /// The kind of the machines (default: the smallest that can)
    #[arg(long, value_name = "TYPE", conflicts_with = "pool")]
    pub node_type: Option<String>,
    /// An instance pool, in place of machines by their kind
    #[arg(long, value_name = "ID")]
    pub pool: Option<String>,
    /// Another instance pool for the drivers
    #[arg(long, value_name = "ID")]
    pub driver_pool: Option<String>,
    /// The role of the clusters' machines, on AWS
    #[arg(long, value_name = "ARN")]
    pub instance_profile: Option<String>,
    /// Who may use the clusters (default: dedicated)
    #[arg(long, value_enum)]
    pub access_mode: Option<AccessArg>,
    /// With dedicated access, whom the clusters belong to (default: who the runs run as)
    #[arg(long, value_name = "PRINCIPAL")]
    pub single_user: Option<String>,
    /// Who the runs run as: a user's name or a service principal's application id. Needs --scripts-folder
    #[arg(long, value_name = "PRINCIPAL")]
    pub run_as: Option<String>,
    /// A workspace folder for the scripts, for example /Shared/icebridge (default: your own)
    #[arg(long, value_name = "PATH")]
    pub scripts_folder: Option<String>,
    /// How fast serverless compute is to be (default: the workspace's own)
    #[arg(long, value_enum)]
    pub performance_target: Option<PerformanceArg>,
    /// What to do with a snapshot that the workspace cannot read (default: allow for tables that are compared here as well)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub unversioned: Option<UnversionedArg>,
}

impl ComputeArgs {
    pub fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// On top of what a file says.
    pub fn on(&self, settings: &mut PhotonSettings) {
        let texts = [
            (&self.policy, &mut settings.policy),
            (&self.node_type, &mut settings.node_type),
            (&self.pool, &mut settings.pool),
            (&self.driver_pool, &mut settings.driver_pool),
            (&self.instance_profile, &mut settings.instance_profile),
            (&self.single_user, &mut settings.single_user),
            (&self.run_as, &mut settings.run_as),
            (&self.scripts_folder, &mut settings.scripts_folder),
        ];
        for (given, setting) in texts {
            if given.is_some() {
                setting.clone_from(given);
            }
        }
        match self.compute {
            _ if self.serverless => settings.compute = ComputeChoice::Serverless,
            Some(ComputeArg::Automatic) => settings.compute = ComputeChoice::Automatic,
            Some(ComputeArg::Serverless) => settings.compute = ComputeChoice::Serverless,
            Some(ComputeArg::Classic) => settings.compute = ComputeChoice::Classic,
            None => {}
        }
        match self.access_mode {
            Some(AccessArg::Dedicated) => settings.access_mode = AccessMode::Dedicated,
            Some(AccessArg::Standard) => settings.access_mode = AccessMode::Standard,
            None => {}
        }
        match self.performance_target {
            Some(PerformanceArg::Standard) => settings.performance_target = Some("STANDARD".into()),
            Some(PerformanceArg::PerformanceOptimized) => {
                settings.performance_target = Some("PERFORMANCE_OPTIMIZED".into());
            }
            None => {}
        }
        if let Some(unversioned) = self.unversioned {
            settings.unversioned = Some(unversioned == UnversionedArg::Allow);
        }
    }
}
