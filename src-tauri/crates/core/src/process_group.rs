//! A program of somebody else's with all that it starts.

use icebridge_model::secret::is_our_secret;
use tokio::process::{Child, Command};

/// Killed as a whole when dropped.
pub(crate) struct ProcessGroup {
    pub child: Child,
}

impl ProcessGroup {
    /// Without our secrets, which are none of its business.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_our_secret(name)) {
            command.env_remove(name);
        }
        command.kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map(|child| Self { child })
    }

    pub fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
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
