//! What components borrow from the window: the session, the stream of events, the theme.

mod choice;
mod events;
mod session;
mod upkeep;
mod view;

pub use choice::{use_selected, use_sort};
pub use events::use_events;
pub use session::use_session;
pub use upkeep::{use_arrival, use_repeated_sync, use_run_polling, use_saved_preferences, use_theme};
pub use view::{View, use_answer, use_detail, use_view};
