//! The claim on top of styles/tokens.css, held: every pair of text and ground meets WCAG 2 AA, in both themes.

use std::collections::HashMap;

const TOKENS: &str = include_str!("../../styles/tokens.css");
/// Text that a person reads, and what marks a control or a state without words.
const TEXT: f64 = 4.5;
const MARK: f64 = 3.0;

type Theme<'t> = HashMap<&'t str, &'t str>;

fn colours(block: &str) -> Theme<'_> {
    block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "))
        .filter(|(_, value)| value.starts_with('#'))
        .collect()
}

/// Light, dark by the system, and dark by choice. A dark theme keeps what it does not set.
fn themes() -> [(&'static str, Theme<'static>); 3] {
    let (light, rest) = TOKENS.split_once("@media").unwrap();
    let (system, chosen) = rest.split_once("/* The same").unwrap();
    let over = |block| {
        let mut theme = colours(light);
        theme.extend(colours(block));
        theme
    };
    [("light", colours(light)), ("dark", over(chosen)), ("dark by the system", over(system))]
}

fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn the_formula_is_that_of_wcag() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
}

#[test]
fn every_pair_of_text_and_ground_meets_aa() {
    let mut pairs: Vec<(&str, &str, f64)> = Vec::new();
    for text in ["text", "text-2", "accent", "accent-strong", "good", "warn", "bad"] {
        pairs.extend(["ground", "surface", "surface-2", "hover", "accent-soft"].map(|ground| (text, ground, TEXT)));
    }
    for text in ["rail-text", "rail-text-2", "rail-accent", "rail-warn"] {
        pairs.extend(["rail", "rail-hover", "rail-current"].map(|ground| (text, ground, TEXT)));
    }
    for tone in ["good", "warn", "bad"] {
        let soft = ["good-soft", "warn-soft", "bad-soft"].into_iter().find(|soft| soft.starts_with(tone)).unwrap();
        pairs.extend([(tone, soft, TEXT), (tone, "plain-soft", MARK)]);
    }
    pairs.extend([
        ("on-accent", "accent", TEXT),
        ("on-accent", "accent-strong", TEXT),
        ("bad-strong", "bad-soft", TEXT),
        ("text", "warn-soft", TEXT),
        ("text", "bad-soft", TEXT),
        ("text-2", "plain-soft", TEXT),
        ("on-rail-mark", "rail-accent", TEXT),
        ("on-rail-mark", "rail-warn", TEXT),
        ("accent", "plain-soft", MARK),
        ("rail-line", "rail-hover", MARK),
    ]);
    // The edges of fields and the ring of the focus.
    for mark in ["line-strong", "accent"] {
        pairs.extend(["ground", "surface", "surface-2"].map(|ground| (mark, ground, MARK)));
    }
    for (name, theme) in themes() {
        for (front, ground, least) in &pairs {
            let found = contrast(theme[front], theme[ground]);
            assert!(found >= *least, "{name}: {front} on {ground} has {found:.2}, less than {least}");
        }
    }
}
