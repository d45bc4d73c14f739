//! Which tables share a cluster. A pure function of the tables and the settings: the same plan is cut the same way on
//! every machine and at every resume.

use icebridge_model::TableIdent;
use icebridge_model::photon::{ClusterCopy, PhotonSettings};
use sha2::{Digest, Sha256};

/// What one cluster copies. Each lane is a task of the run, with an input and a result of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// From the names of its tables: another cut of the plan has other steps, and never finds their records.
    pub step: String,
    /// Indices into the tables that were given.
    pub lanes: Vec<Vec<usize>>,
}

/// A cluster for each table above the threshold; the others share, in the order of their names so that neighbours in the
/// catalog are neighbours on a cluster. Large ones come first: they take longest.
pub fn group(tables: &[ClusterCopy], settings: &PhotonSettings) -> Vec<Group> {
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by(|a, b| tables[*a].target.cmp(&tables[*b].target));
    let (mut alone, small): (Vec<usize>, Vec<usize>) =
        order.into_iter().partition(|at| tables[*at].bytes > settings.alone_above_bytes);
    // Stable: tables of one size stay in the order of their names.
    alone.sort_by_key(|at| std::cmp::Reverse(tables[*at].bytes));
    let mut groups: Vec<Group> = alone.into_iter().map(|at| named("alone", tables, vec![vec![at]])).collect();
    for chunk in small.chunks(settings.tables_per_cluster.max(1)) {
        groups.push(named("shared", tables, lanes(tables, chunk, settings.side_by_side)));
    }
    groups
}

/// The largest first, each into the lane with the smallest load.
fn lanes(tables: &[ClusterCopy], chunk: &[usize], max: usize) -> Vec<Vec<usize>> {
    let mut order = chunk.to_vec();
    order.sort_by_key(|at| std::cmp::Reverse(tables[*at].bytes));
    let count = max.clamp(1, order.len().max(1));
    let mut lanes: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); count];
    for at in order {
        // An empty table takes time too, so that it counts for more than nothing.
        let weight = tables[at].bytes.saturating_add(1 << 20);
        if let Some((load, lane)) = lanes.iter_mut().min_by_key(|(load, _)| *load) {
            *load = load.saturating_add(weight);
            lane.push(at);
        }
    }
    lanes.into_iter().map(|(_, lane)| lane).filter(|lane| !lane.is_empty()).collect()
}

fn named(kind: &str, tables: &[ClusterCopy], lanes: Vec<Vec<usize>>) -> Group {
    let mut names: Vec<&TableIdent> = lanes.iter().flatten().map(|at| &tables[*at].target).collect();
    names.sort();
    let mut digest = Sha256::new();
    for name in names {
        let name = name.to_string();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
    }
    let hash = hex::encode(digest.finalize());
    Group { step: format!("{kind}-{}", hash.get(..12).unwrap_or(&hash)), lanes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::record::sample;

    fn settings(alone: u64, per: usize, side: usize) -> PhotonSettings {
        PhotonSettings {
            alone_above_bytes: alone,
            tables_per_cluster: per,
            side_by_side: side,
            ..PhotonSettings::default()
        }
    }

    #[test]
    fn large_tables_are_alone_and_small_ones_share() {
        let tables = [sample("c", 10), sample("a", 500), sample("b", 20), sample("d", 900), sample("e", 100)];
        let groups = group(&tables, &settings(100, 2, 4));
        let lanes: Vec<_> = groups.iter().map(|group| group.lanes.clone()).collect();
        assert_eq!(lanes, [vec![vec![3]], vec![vec![1]], vec![vec![2], vec![0]], vec![vec![4]]]);
        let kinds: Vec<_> = groups.iter().map(|group| group.step.split('-').next().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["alone", "alone", "shared", "shared"]);
    }

    #[test]
    fn the_order_in_which_tables_come_changes_nothing() {
        let all: Vec<_> = (0..97_u64).map(|n| sample(&format!("t{n}"), n * 7919 % 1000)).collect();
        let cut = |tables: &[ClusterCopy]| -> Vec<(String, Vec<Vec<String>>)> {
            let of = |group: Group| {
                let lanes =
                    group.lanes.iter().map(|lane| lane.iter().map(|at| tables[*at].target.name.clone()).collect());
                (group.step, lanes.collect())
            };
            group(tables, &settings(900, 20, 3)).into_iter().map(of).collect()
        };
        let forward = cut(&all);
        let backward: Vec<_> = all.iter().rev().cloned().collect();
        assert_eq!(forward, cut(&backward));
        let count: usize = forward.iter().flat_map(|(_, lanes)| lanes).map(Vec::len).sum();
        assert_eq!(count, all.len());
        let steps: std::collections::BTreeSet<_> = forward.iter().map(|(step, _)| step).collect();
        assert_eq!(steps.len(), forward.len(), "no two steps have one name");
    }

    #[test]
    fn lanes_carry_about_the_same() {
        let tables: Vec<_> = (0..40_u64).map(|n| sample(&format!("t{n:02}"), (n + 1) << 30)).collect();
        let groups = group(&tables, &settings(u64::MAX, 100, 4));
        let loads: Vec<u64> =
            groups[0].lanes.iter().map(|lane| lane.iter().map(|at| tables[*at].bytes).sum()).collect();
        let (min, max) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        assert_eq!(loads.len(), 4);
        assert!(max - min <= 4 << 30, "{loads:?}");
        assert!(group(&[], &settings(1, 1, 1)).is_empty());
    }
}
