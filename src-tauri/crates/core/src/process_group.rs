//! A program of somebody else's with all that it starts.

use icebridge_model::secret::is_our_secret;
use tokio::process::{Child, Command};

/// Killed as a whole when dropped; on Unix also when we are killed.
pub(crate) struct ProcessGroup {
    pub child: Child,
    #[cfg(unix)]
    guard: Option<Guard>,
}

impl ProcessGroup {
    /// Without our secrets, which are none of its business.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_our_secret(name)) {
            command.env_remove(name);
        }
        command.kill_on_drop(true);
        #[cfg(unix)]
        {
            let guard = Guard::start()?;
            command.process_group(guard.group);
            command.spawn().map(|child| Self { child, guard: Some(guard) })
        }
        #[cfg(not(unix))]
        command.spawn().map(|child| Self { child })
    }

    /// The program has ended by itself. What it left running on purpose, such as a service, goes on.
    pub fn leave(&mut self) {
        #[cfg(unix)]
        if let Some(mut guard) = self.guard.take() {
            // Before its input is closed, which would make it end the others.
            let _ = guard.process.start_kill();
        }
    }

    pub fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(guard) = &self.guard
            && let Some(group) = rustix::process::Pid::from_raw(guard.group)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.start_kill();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The first process of a group, which ends the group once nobody holds the other end of its input: nothing of ours is left to do it
/// after a SIGKILL. Nobody waits for it before it is dropped, so that its id is no other's.
#[cfg(unix)]
struct Guard {
    process: Child,
    group: i32,
}

/// A program that ends its own group politely does not end the guard.
#[cfg(unix)]
const GUARD: &str = "trap '' HUP INT TERM; read -r _; kill -KILL 0";

#[cfg(unix)]
impl Guard {
    fn start() -> std::io::Result<Self> {
        use std::process::Stdio;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(GUARD).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn()?;
        let id = process.id().and_then(|id| i32::try_from(id).ok());
        let group = id.ok_or_else(|| std::io::Error::other("a process without an id"))?;
        Ok(Self { process, group })
    }
}
