//! State folders of rehearsals. They are told and never removed: what a rehearsal left elsewhere, its own state knows.

use super::folder::{folders, name_of};
use super::found::Found;
use crate::LocalState;
use crate::rehearsal::own_state;
use icebridge_model::Result;
use icebridge_model::tidy::LeftoverKind;
use icebridge_store::STATE_FILE;

pub(super) fn tidy(local: &LocalState, found: &mut Found<'_>) -> Result<()> {
    let folder = own_state::folder(local);
    let place = folder.display().to_string();
    let folders = match folders(&folder) {
        Ok(folders) => folders,
        Err(error) => {
            found.unseen(&place, error);
            return Ok(());
        }
    };
    // Others' folders are not opened: to open a state makes one.
    for path in folders.iter().filter(|path| path.join(STATE_FILE).is_file()) {
        let name = name_of(path);
        let why = format!(
            "what it copied is in the schema {name} of its target, to be dropped there; `icebridge --state {} tidy` tells what else it \
             left, and then the folder is yours to remove",
            path.display()
        );
        found.stays((LeftoverKind::Rehearsal, &place), name, why);
    }
    Ok(())
}
