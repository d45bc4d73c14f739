//! The steps of the journey on the left: where one is, how far each is. Every step can be opened at any time.

use crate::components::{Icon, Select, ShowLogs};
use crate::hooks::use_session;
use crate::state::prefs::Theme;
use crate::state::{Action, Opening, Page};
use crate::view::steps::{StepState, step, workspaces};
use yew::prelude::*;

#[component]
pub fn Rail() -> Html {
    let session = use_session();
    let go = |page: Page| {
        let session = session.clone();
        move |_: MouseEvent| session.dispatch(Action::Go(page))
    };
    let steps = Page::STEPS.iter().enumerate().map(|(i, page)| {
        let (state, words) = step(&session, *page);
        let current = session.prefs.page == *page;
        html! {
            <li>
                <button type="button" class={classes!("step", class(state), current.then_some("current"))}
                    onclick={go(*page)} data-testid={format!("nav-{}", page.slug())} data-state={state.word()}
                    aria-current={current.then_some("step")}>
                    <span class="step-mark">{ mark(state, i + 1) }</span>
                    <span class="step-text">
                        <span class="step-name">{ page.title() }</span>
                        <span class="step-words">
                            <span class="spoken">{ format!("{}. ", state.word()) }</span>
                            { words }
                        </span>
                    </span>
                </button>
            </li>
        }
    });
    let theme = Callback::from({
        let session = session.clone();
        move |value: String| {
            if let Some((theme, _)) = Theme::ALL.into_iter().find(|(_, label)| *label == value) {
                session.dispatch(Action::Theme(theme));
            }
        }
    });
    let chosen =
        Theme::ALL.into_iter().find(|(theme, _)| *theme == session.prefs.theme).map_or("System", |(_, label)| label);
    let themes: Vec<(AttrValue, AttrValue)> =
        Theme::ALL.iter().map(|(_, label)| ((*label).into(), (*label).into())).collect();
    let about = match &session.opening {
        Opening::Ready(about) => Some(about.clone()),
        _ => None,
    };
    let history = session.prefs.page == Page::History;
    html! {
        <nav class="rail" aria-label="Steps of the migration">
            <div class="brand">
                <span class="brand-mark">{ Icon::Berg.draw() }</span>
                <span>{ "IceBridge" }</span>
            </div>
            <button type="button"
                class={classes!("step", "plain", "place", (session.prefs.page == Page::Workspaces).then_some("current"))}
                onclick={go(Page::Workspaces)} data-testid="nav-workspaces"
                aria-current={(session.prefs.page == Page::Workspaces).then_some("page")}>
                <span class="step-mark">{ Icon::Cloud.draw() }</span>
                <span class="step-text">
                    <span class="step-name">{ Page::Workspaces.title() }</span>
                    <span class="step-words">{ workspaces(&session) }</span>
                </span>
            </button>
            <ol class="steps">{ for steps }</ol>
            <div class="rail-foot">
                <button type="button" class={classes!("step", "plain", history.then_some("current"))}
                    onclick={go(Page::History)} data-testid="nav-history" aria-current={history.then_some("page")}>
                    <span class="step-mark">{ Icon::History.draw() }</span>
                    <span class="step-text"><span class="step-name">{ Page::History.title() }</span></span>
                </button>
                <ShowLogs />
                <label class="theme">
                    <span>{ "Colours" }</span>
                    <Select testid="theme" label="Colours" bare=true value={chosen} options={themes} onchange={theme} />
                </label>
                if let Some(about) = about {
                    <p class="about" title={format!("State folder: {}", about.state_dir)} data-testid="about">
                        { format!("Version {}", about.version) }
                    </p>
                }
            </div>
        </nav>
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
