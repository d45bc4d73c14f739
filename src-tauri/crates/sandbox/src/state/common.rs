//! What nearly every part needs.

use super::counts::Counts;
use super::principals::Principals;
use super::settings::Settings;
use crate::base::{Clock, Ids, Shared};
use crate::config::Config;
use std::sync::OnceLock;

pub struct Common {
    pub clock: Clock,
    pub ids: Ids,
    pub settings: Shared<Settings>,
    pub counts: Counts,
    pub principals: Shared<Principals>,
    /// Known once it listens.
    pub url: OnceLock<String>,
}

impl Common {
    pub fn new(config: &Config) -> Self {
        Self {
            clock: Clock::default(),
            ids: Ids::default(),
            settings: Shared::new(Settings::new(config)),
            counts: Counts::default(),
            principals: Shared::default(),
            url: OnceLock::new(),
        }
    }

    pub fn now(&self) -> i64 {
        self.clock.now()
    }
}
