//! The steps of the journey on the left: where one is, how far each is. Every step can be opened at any time.

use crate::actions::Handle;
use crate::components::{Icon, Select, ServeMetrics, ShowLogs};
use crate::hooks::use_session;
use crate::state::prefs::Theme;
use crate::state::{Action, Opening, Page};
use crate::view::steps::{StepState, step, workspaces};
use yew::prelude::*;

#[component]
pub fn Rail() -> Html {
    let session = use_session();
    let steps = Page::STEPS.iter().enumerate().map(|(at, page)| journey_step(&session, at + 1, *page));
    html! {
        <nav class="rail" aria-label="Steps of the migration">
            <div class="brand">
                <span class="brand-mark">{ Icon::Berg.draw() }</span>
                <span>{ "IceBridge" }</span>
            </div>
            { place(&session, Page::Workspaces, Icon::Cloud, Some(workspaces(&session))) }
            <ol class="steps">{ for steps }</ol>
            <div class="rail-foot">
                { place(&session, Page::History, Icon::History, None) }
                <ShowLogs />
                { theme(&session) }
                <ServeMetrics />
                if let Opening::Ready(about) = &session.opening {
                    <p class="about" title={format!("State folder: {}", about.state_dir)} data-testid="about">
                        { format!("Version {}", about.version) }
                    </p>
                }
            </div>
        </nav>
    }
}

fn go(session: &Handle, page: Page) -> Callback<MouseEvent> {
    let session = session.clone();
    Callback::from(move |_| session.dispatch(Action::Go(page)))
}

fn journey_step(session: &Handle, number: usize, page: Page) -> Html {
    let (state, text) = step(session, page);
    let current = session.prefs.page == page;
    html! {
        <li>
            <button type="button" class={classes!("step", class(state), current.then_some("current"))}
                onclick={go(session, page)} data-testid={format!("nav-{}", page.slug())} data-state={state.word()}
                aria-current={current.then_some("step")}>
                <span class="step-mark">{ mark(state, number) }</span>
                <span class="step-text">
                    <span class="step-name">{ page.title() }</span>
                    <span class="step-words">
                        <span class="spoken">{ format!("{}. ", state.word()) }</span>
                        { text }
                    </span>
                </span>
            </button>
        </li>
    }
}

/// A page beside the journey.
fn place(session: &Handle, page: Page, icon: Icon, text: Option<String>) -> Html {
    let current = session.prefs.page == page;
    let position = text.is_some().then_some("place");
    html! {
        <button type="button" class={classes!("step", "plain", position, current.then_some("current"))}
            onclick={go(session, page)} data-testid={format!("nav-{}", page.slug())}
            aria-current={current.then_some("page")}>
            <span class="step-mark">{ icon.draw() }</span>
            <span class="step-text">
                <span class="step-name">{ page.title() }</span>
                if let Some(text) = text { <span class="step-words">{ text }</span> }
            </span>
        </button>
    }
}

fn theme(session: &Handle) -> Html {
    let choose = {
        let session = session.clone();
        Callback::from(move |value: String| {
            if let Some((theme, _)) = Theme::ALL.into_iter().find(|(_, label)| *label == value) {
                session.dispatch(Action::Theme(theme));
            }
        })
    };
    let chosen =
        Theme::ALL.into_iter().find(|(theme, _)| *theme == session.prefs.theme).map_or("System", |(_, label)| label);
    let themes: Vec<(AttrValue, AttrValue)> =
        Theme::ALL.iter().map(|(_, label)| ((*label).into(), (*label).into())).collect();
    html! {
        <label class="rail-choice">
            <span>{ "Theme" }</span>
            <Select testid="theme" label="Theme" bare=true value={chosen} options={themes} onchange={choose} />
        </label>
    }
}

fn class(state: StepState) -> &'static str {
    match state {
        StepState::Waiting => "waiting",
        StepState::Ready => "ready",
        StepState::Working => "working",
        StepState::Attention => "attention",
        StepState::Done => "done",
    }
}

fn mark(state: StepState, number: usize) -> Html {
    match state {
        StepState::Done => Icon::Check.draw(),
        StepState::Attention => html! { <span aria-hidden="true">{ "!" }</span> },
        StepState::Working => html! { <span class="spinner" aria-hidden="true" /> },
        StepState::Waiting | StepState::Ready => html! { <span aria-hidden="true">{ number }</span> },
    }
}
