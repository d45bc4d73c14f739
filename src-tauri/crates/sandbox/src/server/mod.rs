//! The server: the listener, the outermost layer with its faults, and the door that wants a token.

mod front;
mod gate;
mod listener;
mod sparse;

pub use front::front;
pub use gate::gate;
pub use listener::serve;
