//! What a plan may say of its approvers and its change.

use crate::signing::is_public_key;
use icebridge_model::approval::ApprovalSettings;
use icebridge_model::{Error, Result};
use std::collections::BTreeSet;

/// Characters of a name, and of the number of a change.
const LONGEST: usize = 200;

pub fn check(approval: Option<&ApprovalSettings>, change: &str) -> Result<()> {
    if !is_line(change) {
        return Err(Error::invalid(format!(
            "the change is longer than {LONGEST} characters, or has a control character"
        ))
        .with_hint("Give its number or its ticket alone."));
    }
    let Some(approval) = approval else { return Ok(()) };
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for approver in &approval.approvers {
        if approver.name.trim().is_empty() || !is_line(&approver.name) {
            return Err(Error::invalid(format!(
                "an approver's name is empty, longer than {LONGEST} characters, or has a control character"
            ))
            .with_hint("Say who it is in one short line: `--approver 'Ada Lovelace=KEY'`."));
        }
        if !is_public_key(&approver.public_key) {
            return Err(Error::invalid("an approver's key is no Ed25519 key of 32 bytes in Base64")
                .about(&approver.name)
                .with_hint("It is what `icebridge approval key` prints where the approver works."));
        }
        if !names.insert(approver.name.trim()) {
            return Err(Error::invalid("two approvers have the same name")
                .about(&approver.name)
                .with_hint("Say who is who: the audit bundle tells approvers by their names."));
        }
        if !keys.insert(&approver.public_key) {
            return Err(Error::invalid("two approvers have the same key")
                .about(&approver.name)
                .with_hint("Name each key once: two approvals by one key would be one person's."));
        }
    }
    if approval.needed == 0 || approval.needed > keys.len() {
        return Err(Error::invalid(format!(
            "{} approvals are asked for, of {} approvers",
            approval.needed,
            keys.len()
        ))
        .with_hint("Ask for one at least, and for no more than there are approvers."));
    }
    Ok(())
}

pub(super) fn is_line(text: &str) -> bool {
    text.chars().count() <= LONGEST && icebridge_model::format::visible(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::Code;
    use icebridge_model::approval::Approver;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    fn asked(approvers: &[(&str, &str)], needed: usize) -> ApprovalSettings {
        let approver = |(name, key): &(&str, &str)| Approver { name: (*name).into(), public_key: (*key).into() };
        ApprovalSettings { approvers: approvers.iter().map(approver).collect(), needed }
    }

    #[test]
    fn what_could_never_be_approved_is_refused() {
        check(None, "CHG0012345").unwrap();
        check(Some(&asked(&[("ada", ONE), ("größe", TWO)], 2)), "").unwrap();
        let long = "x".repeat(201);
        for bad in [
            asked(&[], 1),
            asked(&[("ada", ONE)], 0),
            asked(&[("ada", ONE)], 2),
            asked(&[("ada", ONE), ("eve", ONE)], 1),
            asked(&[("ada", "AQE=")], 1),
            asked(&[("ada", "no key")], 1),
            // The same bytes, written in another way.
            asked(&[("ada", ONE.trim_end_matches('='))], 1),
            asked(&[(" ", ONE)], 1),
            asked(&[("a\nb", ONE)], 1),
            asked(&[("a\u{202e}b", ONE)], 1),
            asked(&[(&long, ONE)], 1),
        ] {
            let error = check(Some(&bad), "").unwrap_err();
            assert!(error.code == Code::InvalidInput && error.hint.is_some(), "{bad:?}");
        }
        for bad in ["a\u{1b}[31m", "a\nb", &long] {
            assert_eq!(check(None, bad).unwrap_err().code, Code::InvalidInput);
        }
    }
}
