use crate::actions::Handle;
use yew::prelude::*;

/// The session; the component draws again whenever it changes.
///
/// # Panics
/// Outside of `App`, which provides it: a mistake of ours that no input can cause.
#[hook]
pub fn use_session() -> Handle {
    #[expect(clippy::expect_used, reason = "App provides the session to every page")]
    use_context::<Handle>().expect("components live inside App")
}
