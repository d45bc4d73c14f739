//! What is chosen in a grid: its order, and one of its rows.

use icebridge_model::view::Sort;
use yew::prelude::*;

/// The order, if one was chosen, and the callback of a click on a column's head.
#[hook]
pub fn use_sort() -> (Option<Sort>, Callback<&'static str>) {
    let sort = use_state_eq(|| None::<Sort>);
    let chosen = (*sort).clone();
    let on_sort = {
        let set = sort.setter();
        use_callback(chosen.clone(), move |column: &'static str, chosen| {
            set.set(Some(Sort::clicked(chosen.as_ref(), column)));
        })
    };
    (chosen, on_sort)
}

/// The name of the selected row, and the callbacks that select another one and none.
#[hook]
pub fn use_selected() -> (Option<String>, Callback<String>, Callback<()>) {
    let selected = use_state_eq(|| None::<String>);
    let name = (*selected).clone();
    let set = selected.setter();
    let select = use_callback((), move |name: String, ()| set.set(Some(name)));
    (name, select, Callback::from(move |()| selected.set(None)))
}
