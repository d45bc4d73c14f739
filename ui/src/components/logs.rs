//! The way to the log files.

use crate::actions::logs;
use crate::components::Icon;
use crate::hooks::use_session;
use yew::prelude::*;

#[component]
pub fn ShowLogs() -> Html {
    let session = use_session();
    let show = Callback::from(move |_: MouseEvent| logs::show(&session));
    html! {
        <button type="button" class="step plain" onclick={show} data-testid="logs-show"
            title="Opens the folder with the log files. They hold no secrets.">
            <span class="step-mark">{ Icon::Folder.draw() }</span>
            <span class="step-text"><span class="step-name">{ "Show logs" }</span></span>
        </button>
    }
}
