//! Changed inputs for the tests of parsers. One seed and one number replay an input.
//!
//! In the suite each target takes a fixed number of inputs; `cargo xtask fuzz parsers --minutes N` goes on for as long.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Longer than any of them may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The settings of `cargo xtask fuzz parsers`.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Hands changed seeds to `check`, which must neither panic nor take long: `count` of them, or as many as
/// ICEBRIDGE_FUZZ_MINUTES give time for; ICEBRIDGE_FUZZ_SEED begins elsewhere, and ICEBRIDGE_FUZZ_INPUT replays one.
pub fn inputs(target: &str, seeds: &[Vec<u8>], count: u64, mut check: impl FnMut(Vec<u8>)) {
    let seed = setting("ICEBRIDGE_FUZZ_SEED").unwrap_or(1);
    let only = setting("ICEBRIDGE_FUZZ_INPUT");
    let minutes = setting("ICEBRIDGE_FUZZ_MINUTES");
    let began = Instant::now();
    let is_over = |at: u64| match (only, minutes) {
        (Some(only), _) => at > only,
        (None, Some(minutes)) => began.elapsed() > Duration::from_secs(minutes * 60),
        (None, None) => at >= count,
    };
    let mut at = only.unwrap_or(0);
    while !is_over(at) {
        let input = changed(target, seeds, seed, at);
        let replay = format!("ICEBRIDGE_FUZZ_SEED={seed} ICEBRIDGE_FUZZ_INPUT={at}");
        let started = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
            eprintln!("{target}: an input makes it panic; replay it with {replay}");
            resume_unwind(panic);
        }
        assert!(
            started.elapsed() < PATIENCE,
            "{target}: an input took {:?}; replay it with {replay}",
            started.elapsed()
        );
        at += 1;
    }
    println!("fuzzed {target}: {} inputs of seed {seed}", at - only.unwrap_or(0));
}

/// One of the seeds with some changes of the kinds that break parsers.
fn changed(target: &str, seeds: &[Vec<u8>], seed: u64, at: u64) -> Vec<u8> {
    let mut random = Random::new(target, seed, at);
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        change(&mut bytes, seeds, &mut random);
    }
    bytes
}

/// Numbers at which lengths, counts and signs turn over.
const EDGES: [i64; 12] =
    [0, 1, -1, 127, 128, 255, 65_535, i32::MAX as i64, i32::MIN as i64, u32::MAX as i64, i64::MAX, i64::MIN];
const WORDS: [&str; 12] =
    ["null", "-1", "1e999", "9223372036854775808", "\"\"", "[", "{", "\\ud800", "\u{202e}", "\0", "NaN", "true"];

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let length = random.below(17).min(bytes.len() - at);
    match random.below(10) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.next() as u8,
        2 => drop(bytes.drain(at..at + length)),
        3 => {
            let piece = bytes[at..at + length].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        4 => bytes.truncate(at),
        5 => {
            let edge = EDGES[random.below(EDGES.len())].to_le_bytes();
            let width = [1, 4, 8][random.below(3)];
            let end = (at + width).min(bytes.len());
            bytes.splice(at..end, edge[..width].to_vec());
        }
        6 => {
            let edge = EDGES[random.below(EDGES.len())];
            let end = (at + random.below(5)).min(bytes.len());
            bytes.splice(at..end, zigzag(edge));
        }
        7 => {
            let word = WORDS[random.below(WORDS.len())];
            let end = (at + random.below(8)).min(bytes.len());
            bytes.splice(at..end, word.bytes());
        }
        8 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let piece = other[from..(from + random.below(65)).min(other.len())].to_vec();
            bytes.splice(at..at + length, piece);
        }
        _ => {
            let piece = bytes[at..at + length].repeat(1 + random.below(64));
            bytes.splice(at..at, piece);
        }
    }
}

/// As Avro and Thrift write numbers.
fn zigzag(number: i64) -> Vec<u8> {
    let mut value = ((number << 1) ^ (number >> 63)) as u64;
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>): the same everywhere.
struct Random(u64);

impl Random {
    fn new(target: &str, seed: u64, at: u64) -> Self {
        let name = target
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |all, byte| (all ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let mut random = Self(name ^ seed.rotate_left(32) ^ at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_the_same_each_time_and_most_differ() {
        let seeds = [b"{\"a\": 1}".to_vec(), vec![0; 40]];
        let made: Vec<_> = (0..200).map(|at| changed("t", &seeds, 7, at)).collect();
        assert_eq!(made, (0..200).map(|at| changed("t", &seeds, 7, at)).collect::<Vec<_>>());
        let distinct: std::collections::BTreeSet<_> = made.iter().collect();
        assert!(distinct.len() > 150, "{}", distinct.len());
        assert_ne!(changed("t", &seeds, 7, 1), changed("u", &seeds, 7, 1));
    }

    #[test]
    fn a_panic_is_told_with_its_replay() {
        let seen = catch_unwind(|| inputs("t", &[b"ab".to_vec()], 50, |input| assert!(input.len() < 3, "too long")));
        assert!(seen.is_err());
    }
}
