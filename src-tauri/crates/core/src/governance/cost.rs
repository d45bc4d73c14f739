//! What the clusters will cost, before they run: a range, from a table of prices that its reader can change.

use crate::cluster::{self, Offer, Rates, SpendCap, group};
use crate::input::read_text;
use icebridge_databricks::{Client, Cloud};
use icebridge_lakehouse::Limit;
use icebridge_model::photon::{ClusterCopy, ComputeWay, Cost, CostEstimate, PhotonSettings};
use icebridge_model::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// In the state folder: used instead of the prices that the program came with.
pub const PRICES_FILE: &str = "dbu-prices.json";
const EMBEDDED: &str = include_str!("prices.json");

/// Each pair is a range, the smaller first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub as_of: String,
    pub source: String,
    /// Dollars a DBU, by cloud.
    pub jobs_photon_dollars: BTreeMap<String, [f64; 2]>,
    pub serverless_dollars: BTreeMap<String, [f64; 2]>,
    /// By so much Photon raises what a machine uses.
    pub photon_factor: [f64; 2],
    /// Of a machine, without Photon.
    pub dbu_per_hour: BTreeMap<String, f64>,
    /// Of machines that the list lacks.
    pub dbu_per_core_hour: [f64; 2],
    pub megabytes_per_core_second: [f64; 2],
    /// Until a cluster works.
    pub start_seconds: [f64; 2],
    /// That a table takes however small it is.
    pub table_seconds: [f64; 2],
}

impl Prices {
    pub fn embedded() -> Result<Self> {
        Self::read(EMBEDDED, "the prices that the program came with")
    }

    /// Those of the state folder, if there are any.
    pub fn of(state_dir: &Path) -> Result<Self> {
        let path = state_dir.join(PRICES_FILE);
        if !path.exists() {
            return Self::embedded();
        }
        let text = read_text(&path, Limit::Settings, |e| {
            Error::invalid("the table of prices cannot be read").about(path.display()).with_cause(e)
        })?;
        Self::read(&text, &path.display().to_string())
    }

    fn read(text: &str, from: &str) -> Result<Self> {
        let wrong = |message: &str| {
            Error::invalid(message)
                .about(from)
                .with_hint("docs/photon.md describes the table. Without the file the program's own prices are used.")
        };
        let prices: Self = serde_json::from_str(text).map_err(|e| wrong("this is no table of prices").with_cause(e))?;
        let dollars = prices.jobs_photon_dollars.values().chain(prices.serverless_dollars.values());
        let rest = [
            &prices.photon_factor,
            &prices.dbu_per_core_hour,
            &prices.megabytes_per_core_second,
            &prices.start_seconds,
            &prices.table_seconds,
        ];
        let fine = |[min, max]: &[f64; 2]| min.is_finite() && max.is_finite() && *min > 0.0 && min <= max;
        if !dollars.chain(rest).all(fine) || !prices.dbu_per_hour.values().all(|rate| rate.is_finite() && *rate > 0.0) {
            return Err(wrong("a price or rate is not above zero, or a range has its larger end first"));
        }
        Ok(prices)
    }
}

/// The machines that the settings may need.
pub async fn offer(client: &Client, settings: &PhotonSettings) -> Result<Offer> {
    match settings.way() {
        ComputeWay::Serverless(_) => Ok(no_machines(client).await),
        ComputeWay::Classic(_) => Offer::of(client, settings).await,
        // Where there are no machines, serverless compute is all there can be.
        ComputeWay::Try => match Offer::of(client, settings).await {
            Ok(offer) => Ok(offer),
            Err(_) => Ok(no_machines(client).await),
        },
    }
}

async fn no_machines(client: &Client) -> Offer {
    Offer { cloud: cluster::cloud(client).await, ..Offer::default() }
}

/// What the plan's compute may cost, if that is bounded.
pub async fn spend_cap(state_dir: &Path, client: &Client, settings: &PhotonSettings) -> Result<Option<SpendCap>> {
    let Some(dollars) = settings.spend_cap else { return Ok(None) };
    let (prices, offer) = (Prices::of(state_dir)?, offer(client, settings).await?);
    let of = |serverless| -> Result<f64> {
        let machine = Machine::of(&prices, &offer, settings, serverless)?;
        let [_, dollars] = dollars_per_dbu(&prices, &offer, serverless)?;
        let dbu = f64::from(settings.max_workers.saturating_add(1)) * machine.dbu_per_hour[1] * prices.photon_factor[1];
        Ok(dbu * dollars * 100.0)
    };
    let rates = match settings.way() {
        ComputeWay::Serverless(_) => Rates { serverless: of(true)?, clusters: 0.0 },
        ComputeWay::Classic(_) => Rates { serverless: 0.0, clusters: of(false)? },
        ComputeWay::Try if offer.node_types.is_empty() => Rates { serverless: of(true)?, clusters: of(true)? },
        ComputeWay::Try => Rates { serverless: of(true)?, clusters: of(false)? },
    };
    Ok(Some(SpendCap::new(dollars, rates)))
}

/// One of a cluster's, or what is taken for one of serverless compute.
struct Machine {
    dbu_per_hour: [f64; 2],
    cores: f64,
    guessed: bool,
}

impl Machine {
    fn of(prices: &Prices, offer: &Offer, settings: &PhotonSettings, serverless: bool) -> Result<Self> {
        let guessed =
            |cores: f64| Self { dbu_per_hour: prices.dbu_per_core_hour.map(|rate| rate * cores), cores, guessed: true };
        if serverless {
            // The machines are not known: taken to be like those of a cluster.
            return Ok(guessed(f64::from(settings.node_cores)));
        }
        let node = offer.node(settings)?;
        Ok(match prices.dbu_per_hour.get(&node.node_type_id) {
            Some(rate) => Self { dbu_per_hour: [*rate; 2], cores: node.num_cores, guessed: false },
            None => guessed(node.num_cores),
        })
    }
}

fn dollars_per_dbu(prices: &Prices, offer: &Offer, serverless: bool) -> Result<[f64; 2]> {
    let cloud = match offer.cloud {
        Some(Cloud::Azure) => "azure",
        Some(Cloud::Gcp) => "gcp",
        Some(Cloud::Aws) | None => "aws",
    };
    let dollars = if serverless { &prices.serverless_dollars } else { &prices.jobs_photon_dollars };
    dollars
        .get(cloud)
        .copied()
        .ok_or_else(|| Error::invalid("the table of prices has none for this cloud").about(cloud).with_hint("Add it."))
}

/// Of the grouping that a run would make. Where serverless compute is tried first, the range has both: of clusters it is left
/// out where the workspace has no machines for them.
pub fn estimate(
    prices: &Prices,
    offer: &Offer,
    settings: &PhotonSettings,
    tables: &[ClusterCopy],
) -> Result<CostEstimate> {
    let of = |serverless| one_way(prices, offer, settings, tables, serverless);
    match settings.way() {
        ComputeWay::Serverless(_) => of(true),
        ComputeWay::Classic(_) => of(false),
        ComputeWay::Try if offer.node_types.is_empty() => of(true),
        ComputeWay::Try => {
            let (first, other) = (of(true)?, of(false)?);
            let smaller = if first.min.cents <= other.min.cents { first.min } else { other.min };
            let larger = if first.max.cents >= other.max.cents { first.max } else { other.max };
            let basis = format!("serverless compute or clusters; {}", first.basis);
            Ok(CostEstimate { min: smaller, max: larger, basis, ..first })
        }
    }
}

fn one_way(
    prices: &Prices,
    offer: &Offer,
    settings: &PhotonSettings,
    tables: &[ClusterCopy],
    serverless: bool,
) -> Result<CostEstimate> {
    let Machine { dbu_per_hour: node_dbu, cores, guessed } = Machine::of(prices, offer, settings, serverless)?;
    let dollars = dollars_per_dbu(prices, offer, serverless)?;
    let groups = group(tables, settings);
    let [mut min, mut max] = [0.0, 0.0];
    for group in &groups {
        let bytes: u64 = group.lanes.iter().flatten().map(|at| tables[*at].bytes).sum();
        let longest = group.lanes.iter().map(Vec::len).max().unwrap_or(0) as f64;
        // A check reads both sides once more, after the copy.
        let passes = if settings.great_expectations { 3.0 } else { 1.0 };
        let dbu = |workers: u32, side: usize| {
            let slow = 1 - side;
            let start = if serverless { 0.0 } else { prices.start_seconds[side] };
            let speed = prices.megabytes_per_core_second[slow] * 1e6 * cores * f64::from(workers.max(1));
            let seconds = start + longest * prices.table_seconds[side] * passes + bytes as f64 * passes / speed;
            seconds / 3600.0 * f64::from(workers + 1) * node_dbu[side] * prices.photon_factor[side]
        };
        let (few, many) = (settings.min_workers, settings.max_workers);
        min += dbu(few, 0).min(dbu(many, 0));
        max += dbu(few, 1).max(dbu(many, 1));
    }
    Ok(CostEstimate {
        min: cost(min, dollars[0]),
        max: cost(max, dollars[1]),
        clusters: groups.len(),
        basis: format!(
            "prices of {} ({}); without the cloud's own bill for machines and storage",
            prices.as_of, prices.source
        ),
        guessed,
    })
}

pub(super) fn cost(dbu: f64, dollars: f64) -> Cost {
    // Above any real bill, and never negative: the cast only rounds.
    Cost { milli_dbu: (dbu * 1000.0).round() as u64, cents: (dbu * dollars * 100.0).round() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_prices_are_in_order_and_a_bad_table_is_refused() {
        let prices = Prices::embedded().unwrap();
        assert!(!prices.as_of.is_empty() && !prices.source.is_empty());
        assert!(Prices::read(&EMBEDDED.replace("[2.0, 2.9]", "[2.9, 2.0]"), "x").is_err());
        assert!(Prices::read(&EMBEDDED.replace("as_of", "asof"), "x").is_err());
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Prices::of(folder.path()).unwrap(), prices);
        std::fs::write(folder.path().join(PRICES_FILE), EMBEDDED.replace("2026-04", "mine")).unwrap();
        assert_eq!(Prices::of(folder.path()).unwrap().as_of, "mine");
    }
}
