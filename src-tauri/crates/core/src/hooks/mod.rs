//! Programs and web addresses of the user's that are called at stages of the journey: to announce, to stop writers, to move
//! readers by means that only the user has (docs/hooks.md).
//!
//! A hook gets one JSON object and may answer one. It gets no secret: the variables that stand in for the keychain's are
//! taken from its environment. A call that is made again has the same key.

mod answer;
mod file;
mod program;
mod web;

pub(crate) use file::Hooks;

use icebridge_model::Result;
use icebridge_model::hooks::{Hook, HookCall, HookDone, HookStage, IfItFails};
use std::time::{Duration, Instant};

impl Hooks {
    pub fn has(&self, stage: HookStage) -> bool {
        self.hooks.iter().any(|hook| hook.on == stage)
    }

    pub fn names(&self, stage: HookStage) -> Vec<String> {
        self.hooks.iter().filter(|hook| hook.on == stage).map(name).collect()
    }

    /// Calls the hooks of the call's stage one after the other, in the file's order; `done` has what became of each. The error is
    /// that of the first one that failed and says that the stage stops: those after it were not called.
    pub async fn call(&self, call: &HookCall, done: &mut Vec<HookDone>) -> Result<()> {
        for hook in self.hooks.iter().filter(|hook| hook.on == call.stage) {
            let began = Instant::now();
            let limit = Duration::from_secs(hook.seconds);
            let answered = match hook.url.is_empty() {
                true => program::call(&self.folder, &hook.run, limit, call).await,
                false => web::call(&self.transport, &hook.url, limit, call).await,
            };
            let error = answered.as_ref().err().cloned().map(|error| error.about(name(hook)));
            done.push(HookDone {
                stage: call.stage,
                hook: name(hook),
                milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                answer: answered.unwrap_or_default(),
                error: error.clone(),
            });
            if let Some(error) = error {
                tracing::warn!(stage = call.stage.as_str(), hook = name(hook), %error, "a hook failed");
                if hook.if_it_fails == IfItFails::Stop {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Shown, and kept: arguments and paths may hold what is nobody's business.
fn name(hook: &Hook) -> String {
    match hook.run.first() {
        Some(program) => program.rsplit(['/', '\\']).next().unwrap_or(program).to_string(),
        None => web::origin(&hook.url),
    }
}
