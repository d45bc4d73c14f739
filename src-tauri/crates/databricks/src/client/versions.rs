//! Versions of the APIs: the newest is asked first, and the one before it where a workspace does not have it.

use icebridge_http::Call;
use std::sync::atomic::{AtomicBool, Ordering};

/// Newer and older address of an API whose requests and answers are the same for what is used here.
const PAIRS: [(&str, &str); 2] = [("/api/2.2/jobs/", "/api/2.1/jobs/"), ("/api/2.1/clusters/", "/api/2.0/clusters/")];

/// Which of them the workspace does not have in the newer version.
#[derive(Debug, Default)]
pub(super) struct Versions {
    older: [AtomicBool; PAIRS.len()],
}

impl Versions {
    /// The call at the version that is known to be there.
    pub fn known(&self, call: Call) -> Call {
        match pair(&call) {
            Some(at) if self.older[at].load(Ordering::Relaxed) => older(call, at),
            _ => call,
        }
    }

    /// The newer version is not there: the call at the older one, if there is one that was not asked yet.
    pub fn missing(&self, call: &Call) -> Option<Call> {
        let at = pair(call)?;
        self.older[at].store(true, Ordering::Relaxed);
        Some(older(call.clone(), at))
    }
}

fn pair(call: &Call) -> Option<usize> {
    PAIRS.iter().position(|(newer, _)| call.path().starts_with(newer))
}

fn older(call: Call, at: usize) -> Call {
    let (newer, older) = PAIRS[at];
    let path = call.path().replacen(newer, older, 1);
    call.at(path)
}
