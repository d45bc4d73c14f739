//! The rules, in the order they are tried.

use super::draft::{Draft, edit};
use crate::components::{Button, Check, Field, Icon, Select};
use crate::hooks::use_session;
use crate::state::mapping::{moved, new_rule, with_rule};
use icebridge_model::mapping::{CaseRule, Mapping, PatternKind, Rule};
use yew::prelude::*;

const KINDS: [(PatternKind, &str); 2] = [(PatternKind::Glob, "glob"), (PatternKind::Regex, "regex")];
const CASES: [(CaseRule, &str); 4] =
    [(CaseRule::Keep, "keep"), (CaseRule::Lower, "lower"), (CaseRule::Upper, "UPPER"), (CaseRule::Snake, "snake_case")];

#[derive(Properties, PartialEq)]
pub struct RulesProps {
    pub draft: Draft,
    pub on_sheet: Callback<()>,
}

#[component]
pub fn Rules(props: &RulesProps) -> Html {
    let session = use_session();
    let mapping = props.draft.0.draft.clone();
    let change = {
        let session = session.clone();
        Callback::from(move |mapping: Mapping| edit(&session, mapping))
    };
    let add = {
        let (mapping, change) = (mapping.clone(), change.clone());
        Callback::from(move |()| {
            let mut next = (*mapping).clone();
            next.rules.push(new_rule());
            change.emit(next);
        })
    };
    let overrides = mapping.overrides.len();
    html! {
        <section class="panel" aria-label="Rules">
            <header class="panel-head">
                <h2>{ "Rules" }</h2>
                <span class="quiet-text grow">
                    { "The first match names the table. " }
                    <code>{ "{namespace}" }</code>
                    { " " }
                    <code>{ "{namespace_flat}" }</code>
                    { " " }
                    <code>{ "{table}" }</code>
                    { " and the pattern’s groups " }
                    <code>{ "{0} {1}" }</code>
                    { " stand for the source’s parts." }
                    if overrides > 0 { { format!(" {} overridden by hand.", crate::view::format::tables(overrides)) } }
                </span>
                <Button testid="mapping-csv" icon={Icon::File} label="CSV"
                    title="Export or import the mapping as a sheet" onclick={&props.on_sheet} />
                <Button testid="rule-add" icon={Icon::Plus} label="Add rule" onclick={add} />
            </header>
            if mapping.rules.is_empty() {
                <p class="panel-body quiet-text">{ "No rules: every table without an override is left out." }</p>
            } else {
                <div class="rules" role="table" aria-label="Rules">
                    <div class="rule rule-head" role="row">
                        <span role="columnheader" />
                        <span role="columnheader">{ "Pattern" }</span>
                        <span role="columnheader">{ "On namespace.table" }</span>
                        <span role="columnheader">{ "Target namespace" }</span>
                        <span role="columnheader">{ "Target table" }</span>
                        <span role="columnheader">{ "Case" }</span>
                        <span role="columnheader">{ "Leave out" }</span>
                        <span role="columnheader"><span class="spoken">{ "Order" }</span></span>
                    </div>
                    { for mapping.rules.iter().enumerate().map(|(at, rule)| line(&mapping, at, rule, &change)) }
                </div>
            }
        </section>
    }
}

fn set_kind(rule: &mut Rule, text: String) {
    if let Some((kind, _)) = KINDS.iter().find(|(_, label)| *label == text) {
        rule.kind = *kind;
    }
}

fn set_case(rule: &mut Rule, text: String) {
    if let Some((case, _)) = CASES.iter().find(|(_, label)| *label == text) {
        rule.case = *case;
    }
}

/// What the rule matches.
fn matching(number: usize, rule: &Rule, set_kind: Callback<String>, set_pattern: Callback<String>) -> Html {
    let kind = KINDS.iter().find(|(kind, _)| *kind == rule.kind).map_or("glob", |(_, label)| label);
    html! {
        <>
            <span role="cell">
                <Select testid={format!("rule-kind-{number}")} label={format!("Kind of pattern {number}")} bare=true
                    value={kind} options={labels(KINDS.iter().map(|(_, label)| *label))} onchange={set_kind} />
            </span>
            <span role="cell">
                <Field testid={format!("rule-pattern-{number}")} label={format!("Pattern {number}")} bare=true
                    value={rule.pattern.clone()} placeholder="sales.*" oninput={set_pattern} />
            </span>
        </>
    }
}

fn letter_case(number: usize, rule: &Rule, set_case: Callback<String>) -> Html {
    let case = CASES.iter().find(|(case, _)| *case == rule.case).map_or("keep", |(_, label)| label);
    html! {
        <span role="cell">
            <Select testid={format!("rule-case-{number}")} label={format!("Case {number}")} bare=true value={case}
                disabled={rule.exclude} options={labels(CASES.iter().map(|(_, label)| *label))} onchange={set_case} />
        </span>
    }
}

fn line(mapping: &std::rc::Rc<Mapping>, at: usize, rule: &Rule, change: &Callback<Mapping>) -> Html {
    let set = |apply: fn(&mut Rule, String)| {
        let (mapping, change) = (mapping.clone(), change.clone());
        Callback::from(move |text: String| change.emit(with_rule(&mapping, at, |rule| apply(rule, text))))
    };
    let exclude = {
        let (mapping, change) = (mapping.clone(), change.clone());
        Callback::from(move |on: bool| change.emit(with_rule(&mapping, at, |rule| rule.exclude = on)))
    };
    let shift = |by: isize| {
        let (mapping, change) = (mapping.clone(), change.clone());
        Callback::from(move |()| change.emit(moved(&mapping, at, by)))
    };
    let remove = {
        let (mapping, change) = (mapping.clone(), change.clone());
        Callback::from(move |()| {
            let mut next = (*mapping).clone();
            next.rules.remove(at);
            change.emit(next);
        })
    };
    let number = at + 1;
    html! {
        <div class={classes!("rule", rule.exclude.then_some("excluding"))} role="row" key={at}
            data-testid={format!("rule-{number}")}>
            <span class="rule-number" role="cell">{ number }</span>
            { matching(number, rule, set(set_kind), set(|rule, text| rule.pattern = text)) }
            <span role="cell">
                <Field testid={format!("rule-namespace-{number}")} label={format!("Target namespace {number}")}
                    bare=true value={rule.target_namespace.clone()} disabled={rule.exclude}
                    oninput={set(|rule, text| rule.target_namespace = text)} />
            </span>
            <span role="cell">
                <Field testid={format!("rule-table-{number}")} label={format!("Target table {number}")} bare=true
                    value={rule.target_table.clone()} disabled={rule.exclude}
                    oninput={set(|rule, text| rule.target_table = text)} />
            </span>
            { letter_case(number, rule, set(set_case)) }
            <span role="cell" class="centred">
                <Check testid={format!("rule-exclude-{number}")}
                    label={format!("Leave out what pattern {number} matches")} bare=true checked={rule.exclude}
                    onchange={exclude} />
            </span>
            <span role="cell" class="actions tight">
                <Button testid={format!("rule-up-{number}")} kind="quiet small" icon={Icon::Up} icon_only=true
                    label="Try earlier" disabled={at == 0} onclick={shift(-1)} />
                <Button testid={format!("rule-down-{number}")} kind="quiet small" icon={Icon::Down} icon_only=true
                    label="Try later" disabled={number == mapping.rules.len()} onclick={shift(1)} />
                <Button testid={format!("rule-remove-{number}")} kind="quiet small" icon={Icon::Trash} icon_only=true
                    label="Remove this rule" onclick={remove} />
            </span>
        </div>
    }
}

fn labels<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<(AttrValue, AttrValue)> {
    labels.map(|label| (AttrValue::from(label.to_string()), AttrValue::from(label.to_string()))).collect()
}
