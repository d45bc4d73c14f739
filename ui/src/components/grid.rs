//! A grid that draws only the rows in sight, so that 10,000 tables scroll like ten. One tab stop; arrow keys move.

use crate::components::Icon;
use crate::view::window;
use icebridge_model::view::Sort;
use wasm_bindgen::prelude::*;
use web_sys::{Element, ResizeObserver};
use yew::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub id: &'static str,
    pub label: &'static str,
    /// The least width in CSS pixels.
    pub least: u16,
    /// Its share of what is left over; 0 keeps the least width.
    pub share: u8,
    pub numeric: bool,
    pub sortable: bool,
    /// Left out where there is no room, the greatest number first; 0 stays. What it says is in the row's detail as well.
    pub yields: u8,
}

impl Column {
    pub const fn new(id: &'static str, label: &'static str, least: u16) -> Self {
        Self { id, label, least, share: 0, numeric: false, sortable: false, yields: 0 }
    }
    pub const fn growing(mut self, share: u8) -> Self {
        self.share = share;
        self
    }
    pub const fn numeric(mut self) -> Self {
        self.numeric = true;
        self
    }
    pub const fn sortable(mut self) -> Self {
        self.sortable = true;
        self
    }
    pub const fn yielding(mut self, order: u8) -> Self {
        self.yields = order;
        self
    }
}

#[derive(Properties, PartialEq)]
pub struct GridProps {
    pub label: AttrValue,
    pub testid: AttrValue,
    pub columns: Vec<Column>,
    pub count: usize,
    /// The name of a row's object: `row-<name>` for tests.
    pub name: Callback<usize, String>,
    /// A row's cell in a column, by the column's id.
    pub cell: Callback<(usize, &'static str), Html>,
    #[prop_or_default]
    pub selected: Option<usize>,
    #[prop_or_default]
    pub on_select: Callback<usize>,
    /// Told that the mouse moves over the rows.
    #[prop_or_default]
    pub on_reach: Option<Callback<()>>,
    #[prop_or_default]
    pub sort: Option<Sort>,
    #[prop_or_default]
    pub on_sort: Callback<&'static str>,
    /// Told which rows are drawn, for lists that are fetched as they are looked at.
    #[prop_or_default]
    pub on_sight: Option<Callback<std::ops::Range<usize>>>,
    /// Shown when there is no row.
    #[prop_or_default]
    pub children: Html,
}

#[component]
pub fn Grid(props: &GridProps) -> Html {
    let body = use_node_ref();
    let scroll_top = use_state_eq(|| 0.0);
    // Measured before the first frame is drawn; until then there is room for everything.
    let size = use_state_eq(|| (f64::INFINITY, 640.0));
    use_size(body.clone(), size.clone());
    let (width, height) = *size;

    let onscroll = {
        let (body, scroll_top) = (body.clone(), scroll_top.clone());
        Callback::from(move |_: Event| {
            if let Some(element) = body.cast::<Element>() {
                scroll_top.set(f64::from(element.scroll_top()));
            }
        })
    };
    let onkeydown = on_key(props, &body);
    let onmousemove = props.on_reach.clone().map(|on_reach| on_reach.reform(|_: MouseEvent| ()));
    // Every row is a grid of its own: with one fixed least width they all resolve the same tracks.
    let columns = fitting(&props.columns, width);
    let tracks: Vec<String> = columns.iter().copied().map(track).collect();
    let in_sight = window::visible(*scroll_top, height, props.count);
    {
        let on_sight = props.on_sight.clone();
        use_effect_with(in_sight.clone(), move |rows| {
            if let Some(on_sight) = on_sight {
                on_sight.emit(rows.clone());
            }
        });
    }
    let active = props.selected.filter(|row| in_sight.contains(row)).map(|row| format!("{}-{row}", props.testid));
    html! {
        <div class="grid-frame">
            <div class="grid" role="grid" ref={body} tabindex="0" {onscroll} {onkeydown} {onmousemove}
                aria-label={props.label.clone()} data-testid={props.testid.clone()}
                aria-rowcount={(props.count + 1).to_string()} aria-activedescendant={active}
                style={format!("--tracks: {}; --least: {}px", tracks.join(" "), least(&columns))}>
                <div class="grid-head" role="row" aria-rowindex="1">
                    { for columns.iter().map(|column| head_cell(props, column)) }
                </div>
                if props.count == 0 {
                    <div class="grid-empty">{ props.children.clone() }</div>
                } else {
                    <div class="grid-body" role="presentation"
                        style={format!("height: {}px", props.count as f64 * window::ROW)}>
                        { for in_sight.map(|row| draw_row(props, &columns, row)) }
                    </div>
                }
            </div>
        </div>
    }
}

/// Arrow keys and their kind move the selection.
fn on_key(props: &GridProps, body: &NodeRef) -> Callback<KeyboardEvent> {
    let (body, on_select, selected, count) = (body.clone(), props.on_select.clone(), props.selected, props.count);
    Callback::from(move |event: KeyboardEvent| {
        let Some(element) = body.cast::<Element>() else { return };
        // Keys of a field or button inside a cell belong to it. (Yew listens at its root: the event's current target
        // is never this element.)
        if event.target().and_then(|target| target.dyn_into::<Element>().ok()).as_ref() != Some(&element) {
            return;
        }
        let rows_height = f64::from(element.client_height()) - window::ROW;
        let page = (rows_height / window::ROW) as usize;
        if let Some(row) = window::step(&event.key(), selected, count, page) {
            event.prevent_default();
            if let Some(top) = window::reveal(row, f64::from(element.scroll_top()), rows_height) {
                element.set_scroll_top(top as i32);
            }
            on_select.emit(row);
        }
    })
}

/// Padding at either side of a row, as in the style sheet.
const SIDE: u32 = 6;

/// The width below which these columns scroll sideways.
fn least(columns: &[&Column]) -> u32 {
    columns.iter().map(|column| u32::from(column.least)).sum::<u32>() + 2 * SIDE
}

/// As many columns as fit side by side, in their order.
fn fitting(columns: &[Column], width: f64) -> Vec<&Column> {
    let mut kept: Vec<&Column> = columns.iter().collect();
    while f64::from(least(&kept)) > width {
        let first = kept.iter().enumerate().filter(|(_, column)| column.yields > 0);
        let Some((at, _)) = first.max_by_key(|(_, column)| column.yields) else { break };
        kept.remove(at);
    }
    kept
}

fn track(column: &Column) -> String {
    match column.share {
        0 => format!("{}px", column.least),
        share => format!("minmax({}px, {share}fr)", column.least),
    }
}

fn head_cell(props: &GridProps, column: &Column) -> Html {
    let sorted = props.sort.as_ref().filter(|sort| sort.column == column.id);
    let aria_sort = sorted.map(|sort| if sort.descending { "descending" } else { "ascending" });
    let class = classes!("cell", column.numeric.then_some("numeric"));
    let id = column.id;
    let content = if column.sortable {
        let on_sort = props.on_sort.clone();
        html! {
            <button type="button" class="sort" data-testid={format!("sort-{id}")} onclick={move |_| on_sort.emit(id)}>
                <span>{ column.label }</span>
                if let Some(sort) = sorted { { if sort.descending { Icon::Down.draw() } else { Icon::Up.draw() } } }
            </button>
        }
    } else {
        html! { <span>{ column.label }</span> }
    };
    html! { <div {class} role="columnheader" aria-sort={aria_sort}>{ content }</div> }
}

/// Keyed by its place: what is sorted or filtered anew changes texts, and makes no element.
fn draw_row(props: &GridProps, columns: &[&Column], row: usize) -> Html {
    let name = props.name.emit(row);
    let selected = props.selected == Some(row);
    let onclick = {
        let on_select = props.on_select.clone();
        move |_| on_select.emit(row)
    };
    let cells = columns.iter().map(|column| {
        html! {
            <div class={classes!("cell", column.numeric.then_some("numeric"))} role="gridcell" data-col={column.id}>
                { props.cell.emit((row, column.id)) }
            </div>
        }
    });
    html! {
        <div class={classes!("grid-row", selected.then_some("selected"), (row % 2 == 1).then_some("odd"))} role="row"
            key={row} id={format!("{}-{row}", props.testid)} data-testid={format!("row-{name}")} {onclick}
            aria-rowindex={(row + 2).to_string()} aria-selected={if selected { "true" } else { "false" }}
            style={format!("top: {}px", row as f64 * window::ROW)}>
            { for cells }
        </div>
    }
}

/// Follows the width and height of the element, whatever changes them.
#[hook]
fn use_size(body: NodeRef, size: UseStateHandle<(f64, f64)>) {
    use_effect_with((), move |()| {
        let watched = body.cast::<Element>();
        let measured = watched.clone();
        let callback = Closure::<dyn FnMut()>::new(move || {
            if let Some(element) = &measured {
                size.set((f64::from(element.client_width()), f64::from(element.client_height())));
            }
        });
        let observer = ResizeObserver::new(callback.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &watched) {
            observer.observe(element);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(callback);
        }
    });
}

/// A page's columns without the hidden ones.
pub fn shown(columns: &[Column], hidden: &[String]) -> Vec<Column> {
    columns.iter().filter(|column| !hidden.iter().any(|id| id == column.id)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_yield_in_their_order_until_the_rest_fits() {
        let columns = [
            Column::new("a", "A", 100),
            Column::new("b", "B", 100).yielding(1),
            Column::new("c", "C", 100).yielding(3),
            Column::new("d", "D", 100).yielding(2),
        ];
        let shown = |width: f64| fitting(&columns, width).iter().map(|column| column.id).collect::<String>();
        assert_eq!(shown(f64::INFINITY), "abcd");
        assert_eq!(shown(412.0), "abcd", "just enough");
        assert_eq!(shown(411.0), "abd");
        assert_eq!(shown(300.0), "ab");
        assert_eq!(shown(10.0), "a", "what does not yield stays, and the grid scrolls");
    }
}
