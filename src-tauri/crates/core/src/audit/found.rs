//! What the checks of a bundle found.

use icebridge_model::audit::AuditCheck;

/// How many offenders a check names.
const SHOWN: usize = 5;

/// What a check found: a value for later checks and a detail, or what is wrong.
pub(super) type Found<T> = std::result::Result<(T, String), String>;

#[derive(Default)]
pub(super) struct Checks {
    pub list: Vec<AuditCheck>,
}

impl Checks {
    pub fn add<T>(&mut self, name: &str, found: Found<T>) -> Option<T> {
        let (passed, detail, value) = match found {
            Ok((value, detail)) => (true, detail, Some(value)),
            Err(why) => (false, why, None),
        };
        self.list.push(AuditCheck { name: name.into(), passed, detail });
        value
    }
}

pub(super) fn some_of(mut problems: Vec<String>) -> String {
    let more = problems.len().saturating_sub(SHOWN);
    problems.truncate(SHOWN);
    let mut text = problems.join("; ");
    if more > 0 {
        text += &format!("; and {more} more");
    }
    text
}
