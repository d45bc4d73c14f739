//! What the API says without making anything, and the scratch schema itself.

use super::bench::{Bench, Seen};
use super::leftovers::{self, COMMENT};
use icebridge_databricks::clusters::{ClusterPolicy, RuntimeChoice, choose_runtime};
use icebridge_databricks::unity::Securable;
use icebridge_model::Result;
use icebridge_model::databricks::SchemaName;
use icebridge_model::doctor::Finding;

pub(super) async fn try_reading(bench: &mut Bench<'_>) -> Result<()> {
    let target = SchemaName { catalog: bench.request.catalog.clone(), schema: "default".into() };
    let gate = bench.client.gate(&[target]).await.map(|gate| match gate.is_open() {
        true => Seen::Holds(gate.met.join("; ")),
        false => Seen::Differs(gate.unmet.iter().map(|unmet| unmet.why.clone()).collect::<Vec<_>>().join("; ")),
    });
    bench.add("gate", "external data access is on, and EXTERNAL USE SCHEMA is granted", gate)?;

    let runtimes = bench.client.spark_versions().await.map(|all| {
        let count = all.len();
        match choose_runtime(&all, RuntimeChoice::default()) {
            Ok(chosen) => Seen::Holds(format!("{} of {count}", chosen.key)),
            Err(_) => Seen::Differs(format!("none of {count} is understood: {}", keys(&all))),
        }
    });
    bench.add(
        "runtimes",
        "a runtime with long-term support from 16.4 on is offered, and its key is understood",
        runtimes,
    )?;

    let policies = bench.client.cluster_policies().await.map(|all| {
        let unread = all.iter().filter(|policy| !ClusterPolicy::understands(&policy.definition)).count();
        match unread {
            0 => Seen::Holds(format!("{} policies", all.len())),
            unread => Seen::Differs(format!("{unread} of {} have rules of kinds that are not known", all.len())),
        }
    });
    bench.add("policies", "the definitions of cluster policies can be read, and are understood", policies)?;

    let name = bench.request.catalog.clone();
    let storage = bench.client.catalog(&name).await.map(|found| match found {
        Some(catalog) if catalog.is_on_default_storage() => {
            Seen::Differs("the catalog is on default storage: tables are copied on serverless compute".into())
        }
        Some(catalog) => Seen::Holds(catalog.securable_kind.unwrap_or_else(|| "no kind is told".into())),
        None => Seen::NotTried("there is no such catalog, or it is not shown".into()),
    });
    bench.add("storage", "the catalog is not on default storage", storage)?;

    let grants = bench.client.permissions(Securable::Catalog, &name).await.map(|all| {
        let deleted = all.iter().filter(|one| one.is_of_deleted_principal()).count();
        Seen::Holds(format!("{} grants, {deleted} of them to deleted principals", all.len()))
    });
    bench.add("grants", "the grants on the catalog can be read", grants)?;
    Ok(())
}

fn keys(all: &[icebridge_databricks::clusters::SparkVersion]) -> String {
    all.iter().take(5).map(|version| version.key.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether there is one now.
pub(super) async fn make_scratch(bench: &mut Bench<'_>, state: &str) -> Result<bool> {
    let (catalog, schema) = (bench.request.catalog.clone(), bench.schema.clone());
    let made = bench.client.make_marked_schema(&catalog, &schema, COMMENT, &leftovers::mark(state)).await;
    let made = made.map(|()| Seen::Holds(format!("{catalog}.{schema}")));
    let finding = bench.add("scratch", "a schema may be made in the catalog", made)?;
    bench.made = finding == Finding::Holds;
    Ok(bench.made)
}

/// Its name, if it is still there. Its name is new and ours: nobody else has put anything into it.
pub(super) async fn drop_scratch(bench: &mut Bench<'_>) -> Option<String> {
    if !bench.made {
        return None;
    }
    let name = format!("{}.{}", bench.request.catalog, bench.schema);
    match bench.client.drop_schema(&bench.request.catalog, &bench.schema).await {
        Ok(()) => None,
        Err(error) => {
            tracing::warn!(%error, schema = name, "the scratch schema cannot be dropped");
            Some(name)
        }
    }
}
