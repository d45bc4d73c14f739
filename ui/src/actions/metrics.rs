//! The metrics of the app, for a Prometheus on this machine.

use super::work::{Handle, begin};
use crate::backend;
use crate::state::{Action, Work};

/// Serves them or ends that, and remembers which.
pub fn switch(session: &Handle, wanted: bool) {
    let page = session.prefs.page;
    begin(session, Work::Metrics(page), |handle| async move {
        let served = match wanted {
            true => Some(backend::serve_metrics().await?),
            false => {
                backend::end_metrics().await?;
                None
            }
        };
        handle.dispatch(Action::Metrics(served));
        handle.dispatch(Action::WithMetrics(wanted));
        Ok(())
    });
}

/// As the app was started, or as it was left.
pub fn restore(session: &Handle, launch: &backend::Launch) {
    if let Some(url) = launch.metrics.clone() {
        session.dispatch(Action::Metrics(Some(url)));
    } else if launch.with_metrics || session.prefs.metrics {
        let page = session.prefs.page;
        begin(session, Work::Metrics(page), |handle| async move {
            let url = backend::serve_metrics().await?;
            handle.dispatch(Action::Metrics(Some(url)));
            Ok(())
        });
    }
}
