//! Every test in two lanes side by side: compiling keeps both cores busy, while most tests wait more than they compute.
//!
//! | own lane                                   | lane aside                          |
//! |--------------------------------------------|-------------------------------------|
//! | the window's content, all programs         | Python, jars, the foreign lakehouse |
//! | Rust's tests, when the lakehouse is there  | the jobs of spark/, on both Sparks  |
//!
//! Then each takes the next of [`groups`] until there is none.

use crate::command::{line, run_while};
use crate::repo::Repo;
use crate::report::{Failure, Result, all, say};
use crate::test::{self, clock};
use crate::{python, setup, ui};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::iter;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

pub fn everything(repo: &Repo) -> Result {
    test::announce(None);
    let started = Instant::now();
    setup::system(repo)?;
    clock("what the system must have", started);
    let (servers_are_there, servers) = channel();
    let (products_are_built, products) = channel();
    let groups = Mutex::new(groups(repo)?);
    let lanes = Lanes { repo, given_up: AtomicBool::new(false), groups };
    let both = thread::scope(|scope| {
        let aside = scope.spawn(|| lanes.aside(servers_are_there, products));
        let own = lanes.own(products_are_built, servers);
        let aside = aside.join().unwrap_or_else(|_| Err(Failure::new("The lane aside broke off.")));
        [own, aside]
    });
    clock("everything", started);
    all(both)
}

/// A name, and what pytest is told to run.
type Group = (&'static str, Vec<String>);

/// Tests in Python by what they take, so that two lanes end at about the same time: those that take longest come first.
fn groups(repo: &Repo) -> Result<VecDeque<Group>> {
    let of = |names: &[&str]| names.iter().map(|name| format!("tests/test_{name}.py")).collect::<Vec<_>>();
    // On real Spark, started anew for each task of a run.
    let clusters = of(&["window_photon", "clusters", "sync_clusters"]);
    // Read back by Spark, snapshot by snapshot.
    let migrations = of(&["migration", "sample", "reader"]);
    let mut window = test::files_of_the_window(repo)?;
    window.retain(|file| !clusters.contains(file));
    let elsewhere = [&clusters, &migrations, &window].into_iter().flatten().map(|path| format!("--ignore={path}"));
    let others = iter::once("tests".to_owned()).chain(elsewhere).collect();
    // Each pytest looks for its own canary at its end.
    let with_canary = |mut files: Vec<String>| {
        files.push("tests/test_zz_canary.py".into());
        files
    };
    Ok(VecDeque::from([
        ("all other tests in Python", others),
        ("the tests on clusters", with_canary(clusters)),
        ("the tests of migrations", with_canary(migrations)),
        ("the tests of the window", with_canary(window)),
    ]))
}

/// What they say is kept until a part of it has ended, so that lines of two lanes do not mix.
struct Lanes<'r> {
    repo: &'r Repo,
    given_up: AtomicBool,
    groups: Mutex<VecDeque<Group>>,
}

impl Lanes<'_> {
    /// Ends at once where the products cannot be built; a test that fails hides no other.
    fn own(&self, built: Sender<()>, servers: Receiver<()>) -> Result {
        let started = Instant::now();
        if let Err(failure) = ui::build(self.repo).and_then(|()| test::build_products(self.repo, true)) {
            self.given_up.store(true, Ordering::Relaxed);
            return Err(failure);
        }
        clock("building", started);
        // Nobody hears it where the other lane has ended, which then tells why.
        let _ = built.send(());
        if servers.recv().is_err() {
            return Ok(());
        }
        let started = Instant::now();
        let rust = test::cargo_test(self.repo, true, &[]);
        clock("Rust's tests", started);
        all([rust, self.remaining()])
    }

    fn aside(&self, servers_are_there: Sender<()>, products: Receiver<()>) -> Result {
        let started = Instant::now();
        setup::servers(self.repo)?;
        clock("Python and jars", started);
        let lakehouse = self.part("the foreign lakehouse", vec![python::module(self.repo, "tests.lakehouse.kept")]);
        let _ = servers_are_there.send(());
        let jobs = self.part("the tests of jobs on Spark", test::spark_jobs(self.repo, &[]));
        let remaining = if products.recv().is_ok() { self.remaining() } else { Ok(()) };
        all([lakehouse, jobs, remaining])
    }

    fn remaining(&self) -> Result {
        let next = || self.groups.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        all(iter::from_fn(next).map(|(name, files)| {
            let mut pytest = python::module(self.repo, "pytest");
            pytest.args(files).arg("--durations=10");
            self.part(name, vec![pytest])
        }))
    }

    /// Runs commands one after the other, whatever becomes of them, and shows what they said.
    fn part(&self, name: &str, commands: Vec<Command>) -> Result {
        let started = Instant::now();
        let folder = self.repo.state().join("logs");
        let path = folder.join(format!("{}.txt", name.replace(' ', "-")));
        let failed = |e: io::Error| Failure::new(format!("{}: {e}", path.display()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let log = File::create(&path).map_err(failed)?;
        say(format!("Meanwhile {name}, shown when it has ended (until then in {})", path.display()));
        let done: Vec<Result> = commands.into_iter().map(|command| self.run(command, &log)).collect();
        say(format!("What came of {name}:"));
        io::copy(&mut File::open(&path).map_err(failed)?, &mut io::stdout().lock()).map_err(failed)?;
        clock(name, started);
        all(done)
    }

    fn run(&self, mut command: Command, log: &File) -> Result {
        let kept = log.try_clone().and_then(|out| Ok((out, log.try_clone()?)));
        let (out, err) = kept.map_err(|e| Failure::new(format!("the log of `{}`: {e}", line(&command))))?;
        command.stdout(out).stderr(err);
        match run_while(&mut command, || !self.given_up.load(Ordering::Relaxed))? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Failure::new(format!("`{}` ended with {status}", line(&command)))),
            None => Err(Failure::new(format!("`{}` was broken off", line(&command)))),
        }
    }
}
