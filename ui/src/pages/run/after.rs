//! What was done in Unity Catalog since the table is migrated, and what somebody has to do by hand.

use crate::components::{Chip, CodeBox, ErrorCard, Icon, Tone};
use crate::view::format;
use icebridge_model::governance::GovernanceReport;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct AfterFactsProps {
    pub report: GovernanceReport,
}

#[component]
pub fn AfterFacts(props: &AfterFactsProps) -> Html {
    let report = &props.report;
    let (done, open) = (report.done.len() as u64, report.not_done.len() as u64);
    let left = report.left_behind.len() as u64;
    html! {
        <section class="stack" aria-label="Governance" data-testid="run-after">
            <p class="line">
                <strong>{ "Governance" }</strong>
                if done > 0 || open == 0 {
                    <Chip tone={Tone::Good} icon={Icon::CheckCircle} word={format!("{} done", format::count(done))} />
                }
                if open > 0 {
                    <Chip tone={Tone::Warn} icon={Icon::Warning} word={format!("{} not done", format::count(open))} />
                }
                if left > 0 {
                    <Chip tone={Tone::Warn} icon={Icon::Warning}
                        word={format!("{} left behind", format::count(left))} />
                }
            </p>
            { for report.not_done.iter().enumerate().map(|(at, open)| html! {
                <div class="unmet" key={format!("open-{at}")}>
                    <CodeBox testid={format!("after-open-{at}")} label="To run by hand" text={open.statement.clone()} />
                    <ErrorCard error={open.error.clone()} testid={format!("after-error-{at}")} />
                </div>
            }) }
            if left > 0 {
                <section class="stack left-behind" aria-label="Left behind">
                    <h3>{ "Left behind" }</h3>
                    <p class="field-hint">{ "The source’s table has these, and IceBridge does not carry them." }</p>
                    <ul class="bullets" data-testid="after-left-behind">
                        { for report.left_behind.iter().map(|sentence| html! { <li>{ sentence }</li> }) }
                    </ul>
                </section>
            }
            if done > 0 {
                <details>
                    <summary data-testid="after-done">
                        { format::counted(done, "statement was run", "statements were run") }
                    </summary>
                    <CodeBox testid="after-statements" label="SQL" text={report.done.join(";\n")} />
                </details>
            }
        </section>
    }
}
