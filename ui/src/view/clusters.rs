//! Engines, clusters and what they cost, in words.

use crate::components::{Icon, Tone};
use crate::view::format;
use icebridge_model::photon::{Bill, ClusterMethod, Cost, CostEstimate};
use icebridge_model::plan::{EngineKind, Plan};
use icebridge_model::run::RunView;

pub fn method(method: ClusterMethod) -> &'static str {
    match method {
        ClusterMethod::DeepClone => "DEEP CLONE",
        ClusterMethod::Ctas => "CTAS",
        ClusterMethod::InsertSelect => "INSERT SELECT",
    }
}

/// Who read both sides of a comparison.
pub fn reader(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Embedded => "IceBridge’s own reader, on this computer",
        EngineKind::Photon => "a cluster, with Great Expectations",
    }
}

pub struct Stage {
    pub word: String,
    pub tone: Tone,
    pub icon: Icon,
    pub is_at_work: bool,
}

/// How far a cluster is. A stage of another version is shown by its own word.
pub fn stage(stage: &str) -> Stage {
    let (word, tone, icon, is_at_work) = match stage {
        "intended" => ("not sent yet", Tone::Plain, Icon::Clock, false),
        "prepared" => ("prepared", Tone::Plain, Icon::Clock, false),
        "queued" | "waiting" => (stage, Tone::Plain, Icon::Clock, false),
        "starting" | "running" | "stopping" => (stage, Tone::Accent, Icon::Refresh, true),
        "over" => ("ended", Tone::Plain, Icon::Check, false),
        "" => ("not known", Tone::Plain, Icon::Circle, false),
        other => (other, Tone::Plain, Icon::Circle, false),
    };
    Stage { word: word.into(), tone, icon, is_at_work }
}

pub fn dollars(cents: u64) -> String {
    format!("${}.{:02}", format::count(cents / 100), cents % 100)
}

/// Small amounts to two places, as the bill has them; of large ones nobody reads the places.
pub fn dbu(milli: u64) -> String {
    if milli < 100_000 {
        let hundredths = (milli + 5) / 10;
        format!("{}.{:02} DBU", hundredths / 100, hundredths % 100)
    } else {
        format!("{} DBU", format::count((milli + 500) / 1000))
    }
}

pub struct Range {
    pub dollars: String,
    pub dbu: String,
}

pub fn range(estimate: &CostEstimate) -> Range {
    let joined = |least: String, most: String| if least == most { least } else { format!("{least} to {most}") };
    let bare = |milli: u64| dbu(milli).trim_end_matches(" DBU").to_string();
    let Cost { milli_dbu: least_dbu, cents: least } = estimate.least;
    let Cost { milli_dbu: most_dbu, cents: most } = estimate.most;
    Range {
        dollars: joined(dollars(least), dollars(most)),
        dbu: format!("{} DBU", joined(bare(least_dbu), bare(most_dbu))),
    }
}

/// What the bill says, and how that is meant.
pub fn bill(bill: &Bill) -> (String, Tone) {
    match bill {
        Bill::Known { cost, against_estimate, .. } => {
            let tone = if against_estimate.contains("above") { Tone::Warn } else { Tone::Good };
            (format!("{}, {}; {against_estimate}.", dollars(cost.cents), dbu(cost.milli_dbu)), tone)
        }
        Bill::NotYet { words } => (format::sentence(words), Tone::Plain),
        Bill::Unknown { words } => (format::sentence(words), Tone::Warn),
    }
}

pub fn on_clusters(plan: &Plan) -> usize {
    plan.tables.iter().filter(|table| table.cluster.is_some()).count()
}

/// Whether a cluster has a part in the run.
pub fn has_clusters(run: &RunView) -> bool {
    run.tables.iter().any(|table| table.engine == EngineKind::Photon)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(least: Cost, most: Cost) -> CostEstimate {
        CostEstimate { least, most, clusters: 1, basis: String::new(), guessed: false }
    }

    #[test]
    fn money_reads_as_people_write_it() {
        for (cents, text) in [(0, "$0.00"), (7, "$0.07"), (123_456, "$1,234.56")] {
            assert_eq!(dollars(cents), text);
        }
        for (milli, text) in [(0, "0.00 DBU"), (1234, "1.23 DBU"), (99_994, "99.99 DBU"), (1_234_567, "1,235 DBU")] {
            assert_eq!(dbu(milli), text);
        }
    }

    #[test]
    fn a_range_of_one_is_one_number() {
        let (small, large) = (Cost { milli_dbu: 500, cents: 35 }, Cost { milli_dbu: 2000, cents: 140 });
        let both = range(&estimate(small, large));
        assert_eq!((both.dollars.as_str(), both.dbu.as_str()), ("$0.35 to $1.40", "0.50 to 2.00 DBU"));
        let one = range(&estimate(small, small));
        assert_eq!((one.dollars.as_str(), one.dbu.as_str()), ("$0.35", "0.50 DBU"));
    }

    #[test]
    fn a_bill_says_how_it_compares_and_a_missing_one_why() {
        let known = |against: &str| Bill::Known {
            cost: Cost { milli_dbu: 1000, cents: 70 },
            runs: Vec::new(),
            against_estimate: against.into(),
        };
        assert_eq!(bill(&known("within the estimate")), ("$0.70, 1.00 DBU; within the estimate.".into(), Tone::Good));
        assert_eq!(bill(&known("12 % above the most that was estimated")).1, Tone::Warn);
        assert_eq!(bill(&Bill::NotYet { words: "it comes late".into() }), ("It comes late".into(), Tone::Plain));
        assert_eq!(bill(&Bill::Unknown { words: "no warehouse".into() }).1, Tone::Warn);
    }

    #[test]
    fn every_stage_has_a_word() {
        for name in ["intended", "prepared", "queued", "waiting", "starting", "running", "stopping", "over", "", "new"]
        {
            assert!(!stage(name).word.is_empty(), "{name}");
        }
        assert!(stage("running").is_at_work && !stage("over").is_at_work);
        assert_eq!(stage("blocked").word, "blocked", "a word that is new here is told as it is");
    }
}
