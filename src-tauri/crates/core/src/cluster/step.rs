//! What the states of one step work with.

use super::journal;
use super::patience::Patience;
use super::record::{StepRecord, StepState};
use super::scripts::Scripts;
use super::spend::SpendCap;
use icebridge_databricks::Client;
use icebridge_model::Result;
use icebridge_model::photon::PhotonSettings;
use icebridge_store::Store;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub(super) struct StepContext<'a> {
    pub client: &'a Client,
    pub store: &'a Store,
    pub settings: &'a PhotonSettings,
    pub scripts: &'a Scripts,
    /// One step at a time uploads the scripts; the others then find them.
    pub uploading: &'a Mutex<()>,
    pub patience: Patience<'a>,
    pub cancel: &'a CancellationToken,
    pub cap: Option<&'a SpendCap>,
    /// The record comes from an earlier process, which may have asked for its run.
    pub resumed: bool,
}

impl StepContext<'_> {
    /// Before anything is begun that costs.
    pub fn may_spend(&self) -> Result<()> {
        self.cap.map_or(Ok(()), SpendCap::allow)
    }

    pub async fn reach(&self, record: &mut StepRecord, state: StepState) -> Result<()> {
        journal::reach(self.store, record, state, self.patience.observer).await
    }
}
