//! The switch for metrics, and where they are.

use crate::actions::metrics;
use crate::components::Check;
use crate::hooks::use_session;
use crate::state::Work;
use yew::prelude::*;

#[component]
pub fn ServeMetrics() -> Html {
    let session = use_session();
    let switch = {
        let session = session.clone();
        Callback::from(move |wanted: bool| metrics::switch(&session, wanted))
    };
    let is_busy = session.busy.iter().any(|work| matches!(work, Work::Metrics(_)));
    let place = session.metrics.as_ref().map(|url| url.trim_start_matches("http://").trim_end_matches("/metrics"));
    html! {
        <label class="rail-choice" title="For a Prometheus on this machine, while the window is open">
            if let Some(place) = place {
                <span class="selectable" data-testid="metrics-at">{ format!("Metrics at {place}") }</span>
            } else {
                <span>{ "Serve metrics" }</span>
            }
            <Check testid="metrics" label="Serve metrics" bare=true checked={place.is_some()} disabled={is_busy}
                onchange={switch} />
        </label>
    }
}
