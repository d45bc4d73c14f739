//! Approval of a plan by others than the one who runs it.

use clap::{Args, Subcommand};
use icebridge_model::approval::{ApprovalSettings, Approver};
use icebridge_model::freeze::FreezeWindow;
use icebridge_model::plan::Settings;
use icebridge_model::{Error, Result};
use std::path::PathBuf;
use std::time::Duration;

pub const APPROVAL: &str = "Approve a plan that others run, and see who has approved one.\n\n\
    A plan that was made with --approver names people by their public keys. It is run, resumed, synced and cut over only while enough of \
    them have approved it. Each approver has a state folder and a keychain of their own: `key` prints the public key that the plan is made with, \
    and `give` signs the plan's file. Whoever runs the plan puts the file that comes of it into their state with `take`. The key of \
    the state that runs a plan never counts. docs/approval.md says what this protects against, and what not.";

#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// Print this state's public key, by which a plan names its approver
    #[command(
        long_about = "Print this state's public key, by which a plan names its approver.\n\nThe key is made at its first \
        use and kept in the keychain; it signs audit bundles, too. Where there is no keychain, \
        ICEBRIDGE_SECRET_AUDIT_SIGNING_KEY stands in: an Ed25519 key in PKCS #8, as Base64."
    )]
    Key,
    /// Sign a plan with this state's key, and write the approval to a file
    Give {
        /// The plan file
        plan: PathBuf,
        /// For so long it counts, such as 12h or 7d
        #[arg(long = "for", value_name = "TIME", value_parser = time, default_value = "7d")]
        time: Duration,
        /// Where to write it (default: beside the plan, named by the plan and the key)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Put an approval into this state, which is to run the plan
    Take {
        /// The file that `give` wrote
        file: PathBuf,
    },
    /// Show who has approved a plan, until when, and whether that is enough
    List {
        /// The plan file (default: every plan of which an approval is here)
        plan: Option<PathBuf>,
    },
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Approval and change")]
pub struct ApprovalArgs {
    /// Who must approve the plan before it is run: a name, and what `icebridge approval key` prints where they work. Can be repeated
    #[arg(long, value_name = "NAME=KEY", value_parser = approver)]
    pub approver: Vec<Approver>,
    /// How many of them must approve (default: 1)
    #[arg(long, value_name = "N")]
    pub approvals: Option<usize>,
    /// The number of the change or the ticket that the plan belongs to
    #[arg(long, value_name = "TEXT")]
    pub change: Option<String>,
    /// A time in which no table is cut over, like '2026-12-20T00:00:00Z/2027-01-05T00:00:00Z=year-end closing'; the reason may be
    /// left out. Can be repeated
    #[arg(long, value_name = "FROM/TO[=REASON]", value_parser = freeze)]
    pub freeze: Vec<FreezeWindow>,
}

impl ApprovalArgs {
    /// Approvers that are named here stand in place of those of a settings file.
    pub fn on(&self, mut settings: Settings) -> Result<Settings> {
        if let Some(change) = &self.change {
            settings.change.clone_from(change);
        }
        if !self.freeze.is_empty() {
            settings.freeze.clone_from(&self.freeze);
        }
        if !self.approver.is_empty() {
            let needed = settings.approval.as_ref().map_or(1, |before| before.needed);
            settings.approval = Some(ApprovalSettings { approvers: self.approver.clone(), needed });
        }
        match (self.approvals, &mut settings.approval) {
            (Some(needed), Some(approval)) => approval.needed = needed,
            (Some(_), None) => {
                return Err(Error::invalid("approvals are asked for, and nobody is named who could give them")
                    .with_hint("Name them: `--approver NAME=KEY`."));
            }
            (None, _) => {}
        }
        Ok(settings)
    }
}

/// At the first `=`: Base64 may end with others.
fn approver(text: &str) -> Result<Approver, String> {
    let (name, public_key) = text.split_once('=').ok_or("an approver is written like 'Ada Lovelace=KEY'")?;
    Ok(Approver { name: name.trim().into(), public_key: public_key.trim().into() })
}

/// Whether its times are times the plan looks at: they may come from a file as well.
fn freeze(text: &str) -> Result<FreezeWindow, String> {
    let (times, reason) = text.split_once('=').unwrap_or((text, ""));
    let (from, to) = times.split_once('/').ok_or("a freeze window is written like FROM/TO or FROM/TO=REASON")?;
    Ok(FreezeWindow { from: from.trim().into(), to: to.trim().into(), reason: reason.trim().into() })
}

/// Days are not of the same length everywhere, and so not known to durations; here they have 24 hours.
fn time(text: &str) -> Result<Duration, String> {
    let told = || "times are written like 30m, 12h or 7d".to_string();
    let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok());
    if let Some(days) = days {
        return Ok(Duration::from_secs(days.checked_mul(86_400).ok_or_else(told)?));
    }
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| told())?;
    Duration::try_from(parsed).map_err(|_| told())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_approvers() {
        for (text, seconds) in [("1s", 1), ("12h", 43_200), ("7d", 604_800), ("1h 30m", 5400)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "7", "d", "-1d", "99999999999999999999d", "-5m"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        let ada = approver("Ada Lovelace=AQ==").unwrap();
        assert_eq!((ada.name.as_str(), ada.public_key.as_str()), ("Ada Lovelace", "AQ=="));
        assert!(approver("ada").is_err());
        let window = freeze("2026-12-20T00:00:00Z/2027-01-05T00:00:00Z=year end = quiet").unwrap();
        assert_eq!((window.to.as_str(), window.reason.as_str()), ("2027-01-05T00:00:00Z", "year end = quiet"));
        assert!(freeze("2026-12-20T00:00:00Z").is_err());
    }

    #[test]
    fn options_win_over_the_file() {
        let named = |name: &str| Approver { name: name.into(), public_key: "k".into() };
        let file = Settings {
            approval: Some(ApprovalSettings { approvers: vec![named("ada"), named("bob")], needed: 2 }),
            change: "CHG1".into(),
            ..Settings::default()
        };
        assert_eq!(ApprovalArgs::default().on(file.clone()).unwrap(), file);
        let options = ApprovalArgs {
            approver: vec![named("eve")],
            approvals: Some(1),
            change: Some("CHG2".into()),
            ..ApprovalArgs::default()
        };
        let both = options.on(file).unwrap();
        assert_eq!(both.approval, Some(ApprovalSettings { approvers: vec![named("eve")], needed: 1 }));
        assert_eq!(both.change, "CHG2");
        let nobody = ApprovalArgs { approvals: Some(1), ..ApprovalArgs::default() };
        assert!(nobody.on(Settings::default()).is_err());
    }
}
