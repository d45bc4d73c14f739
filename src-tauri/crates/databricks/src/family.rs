//! The parts of a workspace's API that are limited apart.

use icebridge_http::Limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    UnityCatalog,
    Permissions,
    /// Create, submit, run-now: the ones with a published rate.
    JobsSubmit,
    Jobs,
    Clusters,
    Sql,
    Files,
    Workspace,
    Secrets,
    Identity,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::UnityCatalog => "unity-catalog",
            Self::Permissions => "permissions",
            Self::JobsSubmit => "jobs-submit",
            Self::Jobs => "jobs",
            Self::Clusters => "clusters",
            Self::Sql => "sql",
            Self::Files => "files",
            Self::Workspace => "workspace",
            Self::Secrets => "secrets",
            Self::Identity => "identity",
        }
    }

    /// Some way below the rates that are published (docs/databricks-client.md); where none are, what a person's tools do.
    fn limits(self) -> Limits {
        let (start, max, at_once) = match self {
            Self::UnityCatalog => (50.0, 200.0, 32),
            Self::Permissions => (25.0, 80.0, 16),
            Self::JobsSubmit => (5.0, 15.0, 8),
            Self::Jobs => (20.0, 80.0, 16),
            Self::Clusters | Self::Identity => (5.0, 20.0, 8),
            Self::Sql => (10.0, 40.0, 16),
            Self::Files => (10.0, 40.0, 8),
            Self::Workspace => (10.0, 25.0, 8),
            Self::Secrets => (5.0, 15.0, 4),
        };
        Limits { start, max, at_once }
    }
}

impl From<Family> for icebridge_http::Family {
    fn from(family: Family) -> Self {
        Self { name: family.name(), limits: family.limits() }
    }
}
