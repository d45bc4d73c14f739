//! A page's title, its purpose, its actions, and the errors of its work.

use crate::components::ErrorCard;
use crate::hooks::use_session;
use crate::state::{Action, Page, Work};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct PageHeadProps {
    pub page: Page,
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn PageHead(props: &PageHeadProps) -> Html {
    let session = use_session();
    let here = |work: &Work| work.page() == props.page && !work.has_its_place();
    let notices = session.notices.iter().filter(|notice| here(&notice.work)).map(|notice| {
        let number = notice.number;
        let on_dismiss = {
            let session = session.clone();
            Callback::from(move |()| session.dispatch(Action::Dismiss(number)))
        };
        html! { <ErrorCard key={number} error={notice.error.clone()} {on_dismiss} /> }
    });
    html! {
        <>
            <header class="page-head">
                <div class="grow">
                    <h1>{ props.page.title() }</h1>
                    <p class="purpose">{ props.page.purpose() }</p>
                </div>
                <div class="actions">{ props.children.clone() }</div>
            </header>
            { for notices }
        </>
    }
}
