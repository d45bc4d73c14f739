//! One missing piece of the gate: why, for whom, who can mend it, and with which words exactly.

use crate::components::{CodeBox, Icon};
use crate::view::workspaces as words;
use icebridge_model::databricks::Unmet;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct UnmetPieceProps {
    pub number: usize,
    pub unmet: Unmet,
}

#[component]
pub fn UnmetPiece(props: &UnmetPieceProps) -> Html {
    let unmet = &props.unmet;
    let (number, id) = (props.number, format!("unmet-{}", props.number));
    let call = unmet.call.as_ref().map(|call| {
        let body = serde_json::to_string_pretty(&call.body).unwrap_or_else(|_| call.body.to_string());
        format!("{} {}\n{body}", call.method, call.address)
    });
    html! {
        <article class="unmet" data-testid={id.clone()}>
            <header class="line">
                { Icon::Warning.draw() }
                <h3>{ format!("{number}. {}", words::requirement(&unmet.requirement)) }</h3>
                <code class="ellipsis">{ &unmet.object }</code>
            </header>
            <p>{ words::capital(&unmet.why) }{ "." }</p>
            <dl class="facts">
                <dt>{ "For whom" }</dt>
                <dd data-testid={format!("{id}-principal")}>
                    { unmet.principal.as_deref().unwrap_or("everybody: it is a setting of the whole metastore") }
                </dd>
                <dt>{ "Who can do it" }</dt>
                <dd data-testid={format!("{id}-who")}>
                    { &unmet.who }
                    { if unmet.ourselves { " (that is you)" } else { "" } }
                </dd>
            </dl>
            if unmet.unsure {
                <p class="quiet-text">
                    { "Not all grants could be seen, so this may be in place already. Ask a principal who can see them." }
                </p>
            }
            if let Some(sql) = &unmet.sql { <CodeBox testid={format!("{id}-sql")} label="SQL" text={sql.clone()} /> }
            if let Some(call) = call {
                if unmet.sql.is_some() {
                    <details>
                        <summary>{ "The same as an API call" }</summary>
                        <CodeBox testid={format!("{id}-call")} label="API call" text={call} />
                    </details>
                } else {
                    <CodeBox testid={format!("{id}-call")} label="API call" text={call} />
                }
            }
        </article>
    }
}
