//! What may follow an answer, by its status alone.

use crate::call::Repeat;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// Said before anything was done, and asks for fewer requests: may be sent again, whatever it is.
    Throttled,
    /// It failed on the way or inside; the request may be sent again.
    Again,
    /// It failed on the way or inside, and may have been done.
    OutcomeUnknown,
    /// With another token it may be accepted.
    RenewToken,
    Refused,
}

/// `asked_to_wait`: the answer has a `Retry-After`. With it a 503 is the server's own and nothing was done; without it
/// something on the way may have given up on a request that was accepted.
pub(crate) fn verdict(status: u16, asked_to_wait: bool, repeat: Repeat) -> Verdict {
    match (status, repeat) {
        (200..300, _) => Verdict::Accepted,
        // 419 is Iceberg's word for a sign-in that has timed out.
        (401 | 419, _) => Verdict::RenewToken,
        (429, _) => Verdict::Throttled,
        (503, _) if asked_to_wait => Verdict::Throttled,
        (500 | 502..=504, Repeat::Idempotent) => Verdict::Again,
        (500 | 502..=504, Repeat::Unsafe) => Verdict::OutcomeUnknown,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        use Repeat::{Idempotent, Unsafe};
        for (status, asked, repeat, wanted) in [
            (200, false, Unsafe, Verdict::Accepted),
            (204, false, Idempotent, Verdict::Accepted),
            (302, false, Idempotent, Verdict::Refused),
            (307, false, Unsafe, Verdict::Refused),
            (400, false, Idempotent, Verdict::Refused),
            (401, false, Unsafe, Verdict::RenewToken),
            (404, false, Idempotent, Verdict::Refused),
            (407, false, Idempotent, Verdict::Refused),
            (409, false, Unsafe, Verdict::Refused),
            (419, false, Idempotent, Verdict::RenewToken),
            (429, false, Unsafe, Verdict::Throttled),
            (500, true, Unsafe, Verdict::OutcomeUnknown),
            (500, false, Idempotent, Verdict::Again),
            (501, false, Idempotent, Verdict::Refused),
            (502, false, Unsafe, Verdict::OutcomeUnknown),
            (503, false, Unsafe, Verdict::OutcomeUnknown),
            (503, true, Unsafe, Verdict::Throttled),
            (503, false, Idempotent, Verdict::Again),
            (504, false, Idempotent, Verdict::Again),
            (505, false, Idempotent, Verdict::Refused),
        ] {
            assert_eq!(verdict(status, asked, repeat), wanted, "{status} {asked} {repeat:?}");
        }
    }
}
