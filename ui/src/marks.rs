//! Icons and tones, which words and components share.

mod icon;
mod tone;

pub use icon::Icon;
pub use tone::Tone;
