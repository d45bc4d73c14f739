//! State folders of rehearsals. What a rehearsal copied is dropped by people, in the target; after that nothing needs its folder.

use super::folder::{folders, name_of, remove};
use super::found::{Found, Removal};
use crate::LocalState;
use crate::ledger::plan_of;
use crate::rehearsal::own_state;
use icebridge_model::plan::Plan;
use icebridge_model::tidy::LeftoverKind;
use icebridge_model::{Code, Result};
use std::path::Path;

const KIND: LeftoverKind = LeftoverKind::Rehearsal;

enum Standing {
    NothingLeft,
    Stays(String),
}

pub(super) async fn tidy(local: &LocalState, found: &mut Found<'_>) -> Result<()> {
    let folder = own_state::folder(local);
    let place = folder.display().to_string();
    let states = match folders(&folder) {
        Ok(states) => states,
        Err(error) => {
            found.unseen(&place, error);
            return Ok(());
        }
    };
    for path in states {
        let name = name_of(&path);
        let of = (KIND, place.as_str());
        match standing(local, &path).await {
            Err(error) => found.unseen(&path.display().to_string(), error),
            Ok(Standing::Stays(why)) => found.stays(of, name, why),
            Ok(Standing::NothingLeft) => {
                found.remove(of, name, "its tables are dropped", remove_state(local, &path)).await?;
            }
        }
    }
    Ok(())
}

async fn standing(local: &LocalState, path: &Path) -> Result<Standing> {
    let state = local.beside(path).await?;
    let standing = async {
        if state.store.is_locked().await? {
            return Ok(Standing::Stays("it is at work".into()));
        }
        match state.store.latest_run().await? {
            Some(record) => of_plan(&state, &plan_of(&record)?).await,
            None => Ok(Standing::NothingLeft),
        }
    };
    let standing = standing.await;
    state.store.close().await;
    standing
}

async fn of_plan(state: &LocalState, plan: &Plan) -> Result<Standing> {
    let target = state.open_target(&plan.target).await?;
    for planned in &plan.tables {
        match target.load(&planned.target).await {
            Err(error) if error.code == Code::TableNotFound => {}
            Err(error) => return Err(error.about(&planned.target)),
            Ok(_) => {
                return Ok(Standing::Stays(format!(
                    "{} is in {}: what it copied is yours to drop",
                    planned.target, plan.target
                )));
            }
        }
    }
    Ok(Standing::NothingLeft)
}

async fn remove_state(local: &LocalState, path: &Path) -> Result<Removal> {
    let state = local.beside(path).await?;
    // Given back before the folder goes: some systems remove no file that is open.
    let is_free = state.store.lock().await.map(drop);
    state.store.close().await;
    is_free?;
    remove(path).await
}
