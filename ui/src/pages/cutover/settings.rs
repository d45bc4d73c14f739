//! How the cut-over shall be done.

use crate::components::Field;
use crate::hooks::use_session;
use crate::state::Action;
use crate::state::cutover::CutoverDraft;
use yew::prelude::*;

#[component]
pub fn Settings() -> Html {
    let session = use_session();
    let draft = session.cutover.clone();
    let edit = |change: fn(&mut CutoverDraft, String)| {
        let session = session.clone();
        Callback::from(move |text: String| {
            let mut draft = session.cutover.clone();
            change(&mut draft, text);
            session.dispatch(Action::EditCutover(draft));
        })
    };
    let wrong = |is_wrong: bool, words: &'static str| if is_wrong { words } else { "" };
    html! {
        <div class="panel">
            <div class="panel-body form-grid three">
                <Field testid="cutover-quiet" label="Quiet for" unit="seconds" kind="number" min="0" max="86400"
                    value={draft.quiet_seconds.clone()} oninput={edit(|draft, text| draft.quiet_seconds = text)}
                    invalid={wrong(draft.quiet().is_none(), "0 to 86400 seconds")}
                    hint="The source must have no new state for so long" />
                <Field testid="cutover-within" label="Wait at most" unit="minutes" kind="number" min="1" max="10080"
                    value={draft.within_minutes.clone()} oninput={edit(|draft, text| draft.within_minutes = text)}
                    invalid={wrong(draft.within().is_none(), "1 to 10080 minutes")}
                    hint="Then a table that is still written to stays where it is" />
                <Field testid="cutover-hooks" label="Hooks file" placeholder="none: people move readers and writers"
                    value={draft.hooks.clone()} oninput={edit(|draft, text| draft.hooks = text)}
                    hint="The path of a JSON file with your programs and addresses, see docs/hooks.md" />
            </div>
        </div>
    }
}
