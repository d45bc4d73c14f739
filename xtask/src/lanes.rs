//! Every test in two lanes side by side: compiling keeps both cores busy, while most tests wait more than they compute.
//!
//! | own lane                               | lane aside                                     |
//! |----------------------------------------|------------------------------------------------|
//! | the window's content, all programs     | Python, jars, the foreign lakehouse            |
//! |                                        | the jobs of spark/, on both Sparks             |
//! | Rust's tests, when the jars are there  | the window and clusters, when the app is built |
//! | all other tests in Python              |                                                |

use crate::command::{line, run_while};
use crate::repo::Repo;
use crate::test::{self, clock};
use crate::{Failure, Result, all, python, say, setup, ui};
use std::fs::{self, File};
use std::io;
use std::iter;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

pub fn everything(repo: &Repo) -> Result {
    test::announce(None);
    let started = Instant::now();
    setup::system(repo)?;
    clock("what the system must have", started);
    let (servers_are_there, servers) = channel();
    let (products_are_built, products) = channel();
    let aside = Aside { repo, given_up: AtomicBool::new(false) };
    let lanes = thread::scope(|scope| {
        let beside = scope.spawn(|| aside.lane(servers_are_there, products));
        let own = own_lane(repo, products_are_built, servers, &aside.given_up);
        let beside = beside.join().unwrap_or_else(|_| Err(Failure::new("The lane aside broke off.")));
        [own, beside]
    });
    clock("everything", started);
    all(lanes)
}

/// Ends at once where the products cannot be built; a test that fails hides no other.
fn own_lane(repo: &Repo, built: Sender<()>, servers: Receiver<()>, give_up: &AtomicBool) -> Result {
    let started = Instant::now();
    if let Err(failure) = ui::build(repo).and_then(|()| test::build_products(repo, true)) {
        give_up.store(true, Ordering::Relaxed);
        return Err(failure);
    }
    clock("building", started);
    // Nobody hears it where the other lane has ended, which then tells why.
    let _ = built.send(());
    if servers.recv().is_err() {
        return Ok(());
    }
    let started = Instant::now();
    let rust = test::cargo_test(repo, true, &[]);
    clock("Rust's tests", started);
    let started = Instant::now();
    let ignored = files_aside(repo)?.into_iter().map(|path| format!("--ignore={path}"));
    let python =
        test::pytest(repo, &iter::once("tests".into()).chain(ignored).collect::<Vec<_>>(), &["--durations=10".into()]);
    clock("Python's tests", started);
    all([rust, python])
}

/// About as long as all other tests together.
fn files_aside(repo: &Repo) -> Result<Vec<String>> {
    let mut files = test::files_of_the_window(repo)?;
    files.push("tests/test_clusters.py".into());
    Ok(files)
}

/// The lane whose output is kept until a part of it has ended, so that lines of two lanes do not mix.
struct Aside<'r> {
    repo: &'r Repo,
    given_up: AtomicBool,
}

impl Aside<'_> {
    fn lane(&self, servers_are_there: Sender<()>, products: Receiver<()>) -> Result {
        let started = Instant::now();
        setup::servers(self.repo)?;
        clock("Python and jars", started);
        let lakehouse = self.part("the foreign lakehouse", vec![python::module(self.repo, "tests.lakehouse.kept")]);
        let _ = servers_are_there.send(());
        let jobs = self.part("the tests of jobs on Spark", test::spark_jobs(self.repo, &[]));
        if products.recv().is_err() {
            return all([lakehouse, jobs]);
        }
        let mut pytest = python::module(self.repo, "pytest");
        // Each pytest looks for its own canary at its end.
        pytest.args(files_aside(self.repo)?).args(["tests/test_zz_canary.py", "--durations=10"]);
        all([lakehouse, jobs, self.part("the tests of the window and of clusters", vec![pytest])])
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
