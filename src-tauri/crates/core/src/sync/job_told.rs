//! What the clusters of a round do, told to whoever waits for it.

use super::session::Session;
use crate::cluster::{Observer, StepRecord};
use async_trait::async_trait;
use icebridge_model::Result;
use icebridge_model::event::Event;
use icebridge_model::photon::{ClusterEvent, ClusterStage};

pub(super) struct JobTold<'s, 'a>(pub &'s Session<'a>);

impl JobTold<'_, '_> {
    fn tell(&self, message: String, run_page_url: Option<&str>) {
        let (run_id, run_page_url) = (self.0.run_id.clone(), run_page_url.map(str::to_string));
        self.0.local.emit(Event::SyncJob { run_id, message, run_page_url });
    }
}

#[async_trait]
impl Observer for JobTold<'_, '_> {
    async fn step(&self, record: &StepRecord) -> Result<()> {
        self.tell(at(record.state.stage(), ""), record.run_page_url.as_deref());
        Ok(())
    }

    fn event(&self, event: ClusterEvent) {
        match event {
            ClusterEvent::Run { stage, message, run_page_url, .. } => {
                self.tell(at(stage, &message), run_page_url.as_deref());
            }
            ClusterEvent::Trouble { since, error, .. } => {
                self.tell(format!("no answer from the workspace since {since}: {error}; the cluster goes on"), None);
            }
            ClusterEvent::Table { .. } | ClusterEvent::Recovered { .. } => {}
        }
    }
}

fn at(stage: ClusterStage, message: &str) -> String {
    let stage = stage.as_str().replace('_', " ");
    match message {
        "" => format!("cluster: {stage}"),
        message => format!("cluster: {stage}, {message}"),
    }
}
