//! A grid over a view: it shows the rows that are there and asks for those that come into sight.

use crate::components::Grid;
use crate::components::grid::Column;
use crate::hooks::View;
use icebridge_model::view::{Sort, ViewRow};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct PagedGridProps {
    pub label: AttrValue,
    pub testid: AttrValue,
    pub columns: Vec<Column>,
    pub view: View,
    /// A row's cell in a column, by the column's id.
    pub cell: Callback<(Rc<ViewRow>, &'static str), Html>,
    /// The name of the chosen table.
    #[prop_or_default]
    pub selected: Option<String>,
    #[prop_or_default]
    pub on_select: Callback<String>,
    #[prop_or_default]
    pub sort: Option<Sort>,
    #[prop_or_default]
    pub on_sort: Callback<&'static str>,
    /// Rows keep their places while the mouse moves over them.
    #[prop_or_default]
    pub steady: bool,
    /// Shown when there is no row.
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn PagedGrid(props: &PagedGridProps) -> Html {
    // A key may choose a row that is not there yet: it is chosen as soon as it is.
    let wanted = use_state_eq(|| None::<usize>);
    let view = props.view.clone();
    let arrived = wanted.and_then(|at| view.row(at)).map(|row| row.text("name").to_string());
    {
        let (wanted, on_select) = (wanted.setter(), props.on_select.clone());
        use_effect_with(arrived, move |arrived| {
            if let Some(name) = arrived.clone() {
                wanted.set(None);
                on_select.emit(name);
            }
        });
    }
    let name = {
        let view = view.clone();
        Callback::from(move |at: usize| view.row(at).map_or_else(|| format!("#{at}"), |row| row.text("name").into()))
    };
    let cell = {
        let (view, cell) = (view.clone(), props.cell.clone());
        Callback::from(move |(at, column): (usize, &'static str)| match view.row(at) {
            Some(row) => cell.emit((row.clone(), column)),
            None => html! {},
        })
    };
    let on_select = {
        let (view, on_select, wanted) = (view.clone(), props.on_select.clone(), wanted.clone());
        Callback::from(move |at: usize| match view.row(at) {
            Some(row) => on_select.emit(row.text("name").to_string()),
            None => wanted.set(Some(at)),
        })
    };
    let selected = wanted.or_else(|| view.position(props.selected.as_deref()?));
    let on_reach = props.steady.then(|| view.on_reach.clone());
    html! {
        <Grid label={props.label.clone()} testid={props.testid.clone()} columns={props.columns.clone()}
            count={view.head().matching} {name} {cell} {selected} {on_select} {on_reach}
            sort={props.sort.clone()} on_sort={props.on_sort.clone()} on_sight={Some(view.on_sight.clone())}>
            { if view.is_known() { props.children.clone() } else { waiting() } }
        </Grid>
    }
}

fn waiting() -> Html {
    html! { <p class="quiet-text">{ "Loading…" }</p> }
}
