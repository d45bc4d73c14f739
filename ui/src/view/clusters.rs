//! Engines, clusters and what they cost, in words.

use crate::marks::{Icon, Tone};
use crate::view::format;
use icebridge_model::photon::{AgainstEstimate, Bill, ClusterMethod, ClusterStage, CostEstimate};
use icebridge_model::plan::EngineKind;

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

/// How far a cluster is.
pub fn stage(stage: ClusterStage) -> Stage {
    use ClusterStage as S;
    let (word, tone, icon, is_at_work) = match stage {
        S::Intended => ("not sent yet", Tone::Plain, Icon::Clock, false),
        S::Prepared | S::JobMade => ("prepared", Tone::Plain, Icon::Clock, false),
        S::Started => ("sent", Tone::Plain, Icon::Clock, false),
        S::Queued | S::Waiting => (stage.as_str(), Tone::Plain, Icon::Clock, false),
        S::Starting | S::Running | S::Stopping => (stage.as_str(), Tone::Accent, Icon::Refresh, true),
        S::Over => ("ended", Tone::Plain, Icon::Check, false),
        S::Unknown => ("not known", Tone::Plain, Icon::Circle, false),
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
    let joined = |min: String, max: String| if min == max { min } else { format!("{min} to {max}") };
    let bare = |milli: u64| dbu(milli).trim_end_matches(" DBU").to_string();
    let CostEstimate { min, max, .. } = estimate;
    Range {
        dollars: joined(dollars(min.cents), dollars(max.cents)),
        dbu: format!("{} DBU", joined(bare(min.milli_dbu), bare(max.milli_dbu))),
    }
}

/// What the bill says, and how that is meant.
pub fn bill(bill: &Bill) -> (String, Tone) {
    match bill {
        Bill::Known { cost, against_estimate, .. } => {
            let above = matches!(against_estimate, AgainstEstimate::AboveMax { .. });
            let tone = if above { Tone::Warn } else { Tone::Good };
            (format!("{}, {}; {against_estimate}.", dollars(cost.cents), dbu(cost.milli_dbu)), tone)
        }
        Bill::NotYet { explanation } => (format::sentence(explanation), Tone::Plain),
        Bill::Unknown { explanation } => (format::sentence(explanation), Tone::Warn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::photon::Cost;

    fn estimate(min: Cost, max: Cost) -> CostEstimate {
        CostEstimate { min, max, clusters: 1, basis: String::new(), guessed: false }
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
        let known = |against_estimate| Bill::Known {
            cost: Cost { milli_dbu: 1000, cents: 70 },
            runs: Vec::new(),
            against_estimate,
        };
        assert_eq!(bill(&known(AgainstEstimate::Within)), ("$0.70, 1.00 DBU; within the estimate.".into(), Tone::Good));
        assert_eq!(bill(&known(AgainstEstimate::AboveMax { percent: 12 })).1, Tone::Warn);
        assert_eq!(bill(&Bill::NotYet { explanation: "it comes late".into() }), ("It comes late".into(), Tone::Plain));
        assert_eq!(bill(&Bill::Unknown { explanation: "no warehouse".into() }).1, Tone::Warn);
    }

    #[test]
    fn every_stage_has_a_word() {
        for known in ClusterStage::ALL {
            assert!(!stage(*known).word.is_empty(), "{known:?}");
        }
        assert!(stage(ClusterStage::Running).is_at_work && !stage(ClusterStage::Over).is_at_work);
    }
}
