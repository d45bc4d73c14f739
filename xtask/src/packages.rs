//! What the operating system must have, how to see that it is there, and how to get it.

use crate::command::{command, find, line, output, run, succeeds};
use crate::report::{Failure, Result, say};
use std::process::Command;

pub enum Probe {
    Program(&'static str),
    /// A library that pkg-config knows.
    Library(&'static str),
    /// A JDK of 17 or later: its compiler, since the tests start a server from source.
    Jdk,
    /// PostgreSQL's server, which Debian keeps off PATH.
    PostgresServer,
}

pub struct Need {
    pub probe: Probe,
    /// Debian packages that bring it, the first one that the machine's release offers.
    pub apt: &'static [&'static str],
    pub why: &'static str,
}

impl Need {
    const fn program(name: &'static str, apt: &'static [&'static str], why: &'static str) -> Self {
        Self { probe: Probe::Program(name), apt, why }
    }

    fn is_met(&self) -> bool {
        match self.probe {
            Probe::Program(name) => find(name).is_some(),
            Probe::Library(name) => succeeds(command("pkg-config").args(["--exists", name])),
            Probe::Jdk => crate::jdk::major_version().is_some_and(|major| major >= 17),
            Probe::PostgresServer => find("initdb").is_some() || postgres_off_path(),
        }
    }
}

fn postgres_off_path() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

/// To compile and to run the desktop app.
pub const WINDOW: &[Need] = &[
    Need::program("pkg-config", &["pkg-config"], "finds the libraries below"),
    Need { probe: Probe::Library("webkit2gtk-4.1"), apt: &["libwebkit2gtk-4.1-dev"], why: "the window's web view" },
];

/// For the tests, besides Python and the window.
pub const TESTS: &[Need] = &[
    Need { probe: Probe::Jdk, apt: &["openjdk-17-jdk-headless", "default-jdk-headless"], why: "Spark and Iceberg" },
    Need::program("mvn", &["maven"], "fetches Iceberg's REST catalog"),
    Need::program("npm", &["npm"], "fetches Azurite, an emulator of Azure storage"),
    Need { probe: Probe::PostgresServer, apt: &["postgresql"], why: "the SQL catalog on PostgreSQL" },
    Need::program("Xvfb", &["xvfb"], "a display for the window"),
    Need::program("xauth", &["xauth"], "a display for the window"),
    Need::program("WebKitWebDriver", &["webkit2gtk-driver"], "drives the window"),
    Need::program("chromium", &["chromium"], "the browser of whoever signs in to a workspace"),
    Need::program("chromedriver", &["chromium-driver"], "drives that browser"),
    Need::program("dbus-run-session", &["dbus"], "a session for the keyring"),
    Need::program("gnome-keyring-daemon", &["gnome-keyring"], "the keychain"),
    Need::program("secret-tool", &["libsecret-tools"], "looks into the keychain"),
    Need::program("gdbus", &["libglib2.0-bin"], "waits for the keychain"),
    Need::program("prometheus", &["prometheus"], "reads the metrics, and asks the queries of the dashboard"),
];

/// Nothing is missing on macOS and Windows: they bring their web view along, and the servers' tests are for Linux.
pub fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    needs.iter().filter(|need| !need.is_met()).collect()
}

/// Gets what is missing, or says which command would. `instead` is what to do without it.
pub fn ensure(needs: &'static [Need], instead: &str) -> Result {
    let lacking = missing(needs);
    if lacking.is_empty() {
        return Ok(());
    }
    say("This machine lacks:");
    for need in &lacking {
        eprintln!("      {:<28} {}", need.apt[0], need.why);
    }
    if find("apt-get").is_none() {
        let names: Vec<&str> = lacking.iter().map(|need| need.apt[0]).collect();
        return Err(Failure::new(format!(
            "Install what your distribution calls {} and run this again.{}{instead}",
            names.join(", "),
            space(instead)
        )));
    }
    let packages: Vec<Vec<String>> =
        lacking.iter().map(|need| need.apt.iter().map(|name| (*name).to_owned()).collect()).collect();
    install(&packages, instead)?;
    match missing(needs).as_slice() {
        [] => Ok(()),
        still => Err(Failure::new(format!(
            "{} was installed and cannot be found all the same. Look at apt-get's output above.{}{instead}",
            still[0].apt[0],
            space(instead)
        ))),
    }
}

fn space(instead: &str) -> &'static str {
    if instead.is_empty() { "" } else { "\n" }
}

/// The first of these packages that apt can install.
fn offered(names: &[String]) -> &str {
    names.iter().find(|name| is_offered(name)).or(names.first()).map_or("", String::as_str)
}

pub fn is_offered(name: &str) -> bool {
    let policy = output(command("apt-cache").args(["policy", name])).unwrap_or_default();
    policy.lines().any(|line| line.trim().starts_with("Candidate:") && !line.contains("(none)"))
}

/// Installs Debian packages, the first offered one of each list, if that needs no password and removes nothing; else
/// fails with the command to type.
pub fn install(wanted: &[Vec<String>], instead: &str) -> Result {
    let Some(prefix) = privileged() else {
        let mut by_hand = command("apt-get");
        by_hand.args(["install", "--no-install-recommends"]).args(wanted.iter().map(|names| offered(names)));
        return Err(Failure::new(format!(
            "Installing needs the administrator. Type this, then run the same command again:\n\n    sudo {}\n{}{instead}",
            line(&by_hand),
            space(instead)
        )));
    };
    // An old list of packages names versions that are gone. A mirror that doesn't answer is apt-get install's to report.
    if !succeeds(apt(prefix).args(["update", "-qq"])) {
        say("apt-get update failed; trying with the lists that are there");
    }
    let packages: Vec<&str> = wanted.iter().map(|names| offered(names)).collect();
    say(format!("Installing by apt-get: {}", packages.join(" ")));
    // --no-remove: a set-up may add to somebody's machine, never take from it.
    run(apt(prefix).args(["install", "-y", "-qq", "--no-remove", "--no-install-recommends"]).args(packages))
}

fn apt(prefix: &[&str]) -> Command {
    let mut words = prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    let mut apt = command(words.next().unwrap_or("env"));
    apt.args(words).args(["-o", "DPkg::Lock::Timeout=300"]);
    apt
}

/// What to put before a command to run it as root without being asked for a password.
fn privileged() -> Option<&'static [&'static str]> {
    if output(command("id").arg("-u")).as_deref() == Some("0") {
        return Some(&[]);
    }
    succeeds(command("sudo").args(["-n", "true"])).then_some(&["sudo", "-n"])
}
