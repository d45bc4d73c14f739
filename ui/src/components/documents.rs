//! The pages that Great Expectations wrote about a table.

use crate::actions;
use crate::components::{Button, Icon};
use crate::hooks::use_session;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct DataDocsProps {
    /// An `index.html` in the state folder.
    pub path: AttrValue,
}

#[component]
pub fn DataDocs(props: &DataDocsProps) -> Html {
    let session = use_session();
    let open = {
        let (session, path) = (session.clone(), props.path.to_string());
        Callback::from(move |()| actions::open_document(&session, path.clone()))
    };
    html! {
        <Button testid="documents-open" kind="small" icon={Icon::External} label="Data Docs"
            title={format!("What Great Expectations found: {}", props.path)} onclick={open} />
    }
}
