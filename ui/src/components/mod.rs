//! Small parts without a backend: what they need comes in as properties.

pub mod button;
pub mod chip;
pub mod code_box;
pub mod documents;
pub mod error_card;
pub mod field;
pub mod grid;
pub mod logs;
pub mod metrics;
pub mod page_head;
pub mod paged_grid;
pub mod radios;
pub mod rail;
pub mod search_field;
pub mod start_panel;
pub mod status;
pub mod unset;

pub use crate::marks::{Icon, Tone};
pub use button::Button;
pub use chip::Chip;
pub use code_box::CodeBox;
pub use documents::DataDocs;
pub use error_card::ErrorCard;
pub use field::{Check, Field, Select};
pub use grid::{Column, Grid};
pub use logs::ShowLogs;
pub use metrics::ServeMetrics;
pub use page_head::PageHead;
pub use paged_grid::PagedGrid;
pub use radios::{Choice, Radios};
pub use search_field::SearchField;
pub use status::{Empty, Loading, Meter, Stale, Stat};
