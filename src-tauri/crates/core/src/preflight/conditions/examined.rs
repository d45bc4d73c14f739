//! What the newest examination of the target's workspace (`icebridge workspace doctor`) says of a copy.

use crate::examined::PinnedReads;
use crate::preflight::subject::{Clusters, Context};

/// The day of an examination.
fn on(at: &str) -> &str {
    at.get(..10).unwrap_or(at)
}

pub fn makes_no_tables(context: &Context) -> Option<String> {
    context.for_unity_over_rest()?;
    let at = context.target.examined.refuses_tables(&context.target.catalog)?;
    Some(format!(
        "the Iceberg endpoint neither staged a table nor took an empty one when the workspace was examined on {}",
        on(at)
    ))
}

fn clusters<'a>(context: &Context<'a>) -> Option<&'a Clusters> {
    context.by_cluster()?;
    context.target.clusters.as_ref()
}

/// Whether the cluster may read the table as it is; none: the pin can be read, or nobody knows that it cannot.
fn unversioned(context: &Context) -> Option<bool> {
    let settings = &clusters(context)?.settings;
    let refused = context.target.examined.pinned_reads() == PinnedReads::Refused;
    refused.then(|| settings.reads_unversioned(context.facts.map_or(0, |facts| facts.files.data_bytes)))
}

const NO_PIN: &str =
    "the workspace read no snapshot of a foreign table by its id, not even after it had read the table";

pub fn no_pin(context: &Context) -> Option<String> {
    (!unversioned(context)?).then(|| format!("{NO_PIN}, and this table may not be read as it is"))
}

pub fn read_as_it_is(context: &Context) -> Option<String> {
    unversioned(context)?.then(|| {
        format!("{NO_PIN}; the table is read as it is, and the source asked before and after for its snapshot")
    })
}

/// The catalog that clusters do not reach.
fn closed_catalog<'a>(context: &Context<'a>) -> Option<(&'a str, &'a str)> {
    let examined = &context.target.examined;
    clusters(context)?.catalogs().find_map(|name| Some((name, examined.on_default_storage(name)?)))
}

pub fn no_compute(context: &Context) -> Option<String> {
    let settings = &clusters(context)?.settings;
    let closed = closed_catalog(context);
    let why = match closed {
        Some((catalog, _)) => format!("the catalog {catalog} is on default storage, which wants serverless compute"),
        None if settings.is_serverless() => "serverless compute is asked for".into(),
        None => return None,
    };
    if closed.is_some() && settings.needs_clusters() {
        return Some(format!("{why}, and the settings ask for what only clusters have"));
    }
    let at = context.target.examined.serverless_closed()?;
    Some(format!("{why}, and the workspace did not take a run there when it was examined on {}", on(at)))
}

pub fn on_serverless(context: &Context) -> Option<String> {
    let settings = &clusters(context)?.settings;
    let (catalog, _) = closed_catalog(context).filter(|_| !settings.is_serverless())?;
    Some(format!("the catalog {catalog} is on default storage, which clusters do not reach"))
}

pub fn clone_refused(context: &Context) -> Option<String> {
    let clusters = clusters(context)?;
    let at = clusters.refused_clone()?;
    let method = clusters.method(context.facts?).0.as_str();
    Some(format!("the workspace refused to clone a foreign table on {}; {method} is taken in its place", on(at)))
}

pub fn no_bill(context: &Context) -> Option<String> {
    clusters(context)?;
    let at = context.target.examined.bill_closed()?;
    Some(format!("system.billing could not be read when the workspace was examined on {}", on(at)))
}
