//! The search for the number of tables at work beyond which more are no faster: twice as many, as long as that helps.

/// What twice as many tables must bring, of what they could.
const GAIN: f64 = 0.1;
/// The share of commits made again at which the target has had enough.
const TOO_MANY_REPEATED: f64 = 0.25;
/// Work that is so much faster or slower is other work.
const OTHER_WORK: f64 = 2.0;
/// Measurements until it is looked for again: first, and at most.
const LOOK_AGAIN: (u32, u32) = (15, 240);

/// What was done while a number of tables was at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Work a second, in any unit.
    pub rate: f64,
    /// The share of commits that others were faster with, so that they were made again.
    pub repeated: f64,
}

#[derive(Debug)]
pub(super) struct Search {
    most: usize,
    tables: usize,
    stage: Stage,
    /// Measurements until it is looked for again.
    look_again: u32,
}

#[derive(Debug)]
enum Stage {
    /// The best number so far, with its rate.
    Trying(Option<(usize, f64)>),
    Found {
        rate: f64,
        measured: u32,
    },
}

impl Search {
    pub fn new(first: usize, most: usize) -> Self {
        let most = most.max(1);
        Self { most, tables: first.clamp(1, most), stage: Stage::Trying(None), look_again: LOOK_AGAIN.0 }
    }

    /// That are to be at work now.
    pub fn tables(&self) -> usize {
        self.tables
    }

    pub fn is_found(&self) -> bool {
        matches!(self.stage, Stage::Found { .. })
    }

    /// With [`Search::tables`] at work.
    pub fn measured(&mut self, measured: Measured) {
        match self.stage {
            Stage::Trying(best) => self.tried(best, measured),
            Stage::Found { rate, measured: before } => self.watched(rate, before + 1, measured),
        }
    }

    fn tried(&mut self, best: Option<(usize, f64)>, measured: Measured) {
        let is_better = |(tables, rate): (usize, f64)| {
            // From 32 to 40 not as much can be asked for as from 32 to 64.
            let more = self.tables as f64 / tables as f64 - 1.0;
            measured.rate >= rate * (1.0 + GAIN * more)
        };
        match best {
            Some(best) if measured.repeated > TOO_MANY_REPEATED || !is_better(best) => self.found(best),
            None if measured.repeated > TOO_MANY_REPEATED => self.found(((self.tables / 2).max(1), measured.rate)),
            _ if self.tables == self.most => self.found((self.tables, measured.rate)),
            _ => {
                self.stage = Stage::Trying(Some((self.tables, measured.rate)));
                self.tables = self.tables.saturating_mul(2).min(self.most);
            }
        }
    }

    fn found(&mut self, (tables, rate): (usize, f64)) {
        self.tables = tables;
        self.stage = Stage::Found { rate, measured: 0 };
    }

    fn watched(&mut self, rate: f64, times: u32, measured: Measured) {
        if measured.repeated > TOO_MANY_REPEATED && self.tables > 1 {
            self.found((self.tables / 2, measured.rate));
            return;
        }
        let is_other = measured.rate * OTHER_WORK < rate || measured.rate > rate * OTHER_WORK;
        self.stage = Stage::Found { rate, measured: times };
        if is_other || times >= self.look_again {
            self.look_again = if is_other { LOOK_AGAIN.0 } else { (self.look_again * 2).min(LOOK_AGAIN.1) };
            self.tables = (self.tables / 2).max(1);
            self.stage = Stage::Trying(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rate: f64) -> Measured {
        Measured { rate, repeated: 0.0 }
    }

    /// What a target does with so many tables at work, until the number is found.
    fn find(search: &mut Search, target: impl Fn(usize) -> Measured) -> (usize, u32) {
        let mut measurements = 0;
        while !search.is_found() {
            search.measured(target(search.tables()));
            measurements += 1;
            assert!(measurements < 20, "{search:?}");
        }
        (search.tables(), measurements)
    }

    /// Faster with each table up to `knee`, and not beyond.
    fn with_knee(knee: usize) -> impl Fn(usize) -> Measured {
        move |tables| rate(tables.min(knee) as f64 * 10.0)
    }

    #[test]
    fn more_are_tried_as_long_as_they_help() {
        for (knee, most, found) in
            [(8, 64, 8), (1, 64, 2), (6, 64, 8), (1000, 64, 64), (1000, 40, 40), (1000, 1, 1), (1000, 3, 3)]
        {
            let (tables, measurements) = find(&mut Search::new(2, most), with_knee(knee));
            assert_eq!(tables, found, "knee {knee}, at most {most}");
            assert!(measurements <= 6, "{measurements}");
        }
    }

    #[test]
    fn a_target_that_collapses_under_more_gets_no_more() {
        let collapses = |tables: usize| rate(if tables <= 16 { tables as f64 } else { 1.0 });
        assert_eq!(find(&mut Search::new(2, 64), collapses).0, 16);
    }

    #[test]
    fn commits_made_again_count_as_enough() {
        let repeats = |tables: usize| Measured { rate: tables as f64, repeated: if tables > 8 { 0.4 } else { 0.0 } };
        let mut search = Search::new(2, 64);
        assert_eq!(find(&mut search, repeats).0, 8);
        // Others come to the target, too.
        search.measured(Measured { rate: 8.0, repeated: 0.5 });
        assert_eq!((search.tables(), search.is_found()), (4, true));
        let never = |_| Measured { rate: 1.0, repeated: 0.9 };
        assert_eq!(find(&mut Search::new(2, 64), never).0, 1);
    }

    #[test]
    fn what_was_found_is_looked_at_again_and_less_and_less_often() {
        let mut search = Search::new(2, 64);
        find(&mut search, with_knee(8));
        let mut waits = Vec::new();
        for _ in 0..6 {
            let mut waited = 0;
            while search.is_found() {
                search.measured(with_knee(8)(search.tables()));
                waited += 1;
            }
            waits.push(waited);
            assert_eq!(find(&mut search, with_knee(8)), (8, 3));
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 240]);
    }

    #[test]
    fn other_work_is_looked_at_at_once() {
        let mut search = Search::new(2, 64);
        find(&mut search, with_knee(4));
        search.measured(rate(400.0));
        assert!(!search.is_found());
        assert_eq!(find(&mut search, with_knee(32)).0, 32);
    }

    #[test]
    fn nothing_that_is_done_is_no_reason_to_do_more() {
        let (tables, _) = find(&mut Search::new(2, 64), |_| rate(0.0));
        assert!(tables <= 64);
        let mut search = Search::new(2, 64);
        for at in 0..1000 {
            search.measured(rate(if at % 7 == 0 { f64::NAN } else { f64::from(at % 5) }));
            assert!((1..=64).contains(&search.tables()));
        }
    }
}
