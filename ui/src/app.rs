//! The frame: the rail of steps and the page in sight.

use crate::actions;
use crate::components::rail::Rail;
use crate::components::{Button, ErrorCard, Icon, Loading};
use crate::hooks::{use_arrival, use_events, use_repeated_sync, use_run_polling, use_saved_preferences, use_theme};
use crate::pages;
use crate::state::{Opening, Page, Session, Work};
use crate::stopped::Pulse;
use yew::prelude::*;

#[component]
pub fn App() -> Html {
    let session = use_reducer(Session::default);
    use_events(&session);
    use_arrival(&session);
    use_run_polling(&session);
    use_repeated_sync(&session);
    use_saved_preferences(&session);
    use_theme(&session);
    {
        let session = session.clone();
        use_effect_with((), move |()| actions::open(&session));
    }
    let content = match &session.opening {
        Opening::Waiting => html! { <main class="opening"><Loading text="Opening the state folder…" /></main> },
        Opening::Failed(error) => {
            let retry = {
                let session = session.clone();
                Callback::from(move |()| actions::open(&session))
            };
            html! {
                <main class="opening" data-testid="open-failed">
                    <div class="opening-box">
                        <h1>{ "IceBridge could not open its state" }</h1>
                        <p class="purpose">
                            { "Nothing was changed. The state folder holds your connections, inventories and the journal of every run." }
                        </p>
                        <ErrorCard error={(**error).clone()}>
                            <div class="actions">
                                <Button testid="open-retry" kind="primary" icon={Icon::Refresh} label="Try again"
                                    busy={session.is_busy(&Work::Open)} onclick={retry} />
                            </div>
                        </ErrorCard>
                    </div>
                </main>
            }
        }
        Opening::Ready(_) => html! {
            <>
                <Rail />
                <main class="page" id="page" data-testid={format!("page-{}", session.prefs.page.slug())}>
                    { page(session.prefs.page) }
                </main>
            </>
        },
    };
    html! {
        <>
            <Pulse />
            <ContextProvider<actions::Handle> context={session.clone()}>
                <div class="app">{ content }</div>
            </ContextProvider<actions::Handle>>
        </>
    }
}

fn page(page: Page) -> Html {
    match page {
        Page::Workspaces => html! { <pages::workspaces::Workspaces /> },
        Page::Connect => html! { <pages::connect::Connect /> },
        Page::Inventory => html! { <pages::inventory::Inventory /> },
        Page::Mapping => html! { <pages::mapping::Mapping /> },
        Page::Preflight => html! { <pages::preflight::Preflight /> },
        Page::Plan => html! { <pages::plan::Plan /> },
        Page::Run => html! { <pages::run::Run /> },
        Page::Validate => html! { <pages::validate::Validate /> },
        Page::Sync => html! { <pages::sync::Sync /> },
        Page::Cutover => html! { <pages::cutover::Cutover /> },
        Page::Audit => html! { <pages::audit::Audit /> },
        Page::History => html! { <pages::history::History /> },
    }
}
