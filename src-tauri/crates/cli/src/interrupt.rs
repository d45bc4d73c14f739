//! Being asked to stop: Ctrl-C, and on Unix also SIGTERM, which service managers and schedulers send.

/// Resolves at the next such signal. An error: signals cannot be had.
pub async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            caught = tokio::signal::ctrl_c() => caught,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// A file that grows beyond the limit of the user (ulimit -f) is then an error with its path, and not the end of the process.
#[cfg(unix)]
pub fn outlive_file_size_limit() {
    /// SIGXFSZ on Linux and macOS.
    const FILE_TOO_LARGE: i32 = 25;
    // Once it has a handler, it keeps it. Without one the limit ends the process, as it does every other.
    if let Err(error) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_TOO_LARGE)) {
        tracing::warn!(%error, "files beyond the limit of their size end the process");
    }
}

/// The second signal leaves at once.
pub fn leave_on_next() {
    tokio::spawn(async {
        if asked_to_stop().await.is_ok() {
            std::process::exit(1);
        }
    });
}
