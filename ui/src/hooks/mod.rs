//! What components borrow from the window: the session, the stream of events, the theme.

mod events;
mod session;
mod steady;
mod upkeep;

pub use events::use_events;
pub use session::use_session;
pub use steady::use_steady_order;
pub use upkeep::{use_arrival, use_run_polling, use_saved_preferences, use_theme};
