//! Rows that change places by themselves stay where they are while somebody reaches for one of them.

use gloo_timers::callback::Timeout;
use std::rc::Rc;
use yew::prelude::*;

/// How long after its last movement the mouse counts as still reaching for a row.
const RESTING_MS: u32 = 2_000;

/// The order of a list, and what to call while the mouse moves over it: until it rests, the order stays as it was, so
/// that a click gets the row that was aimed at. A list of another length is another list.
#[hook]
pub fn use_steady_order(now: Vec<usize>) -> (Rc<Vec<usize>>, Callback<()>) {
    let held = use_state(|| None::<Rc<Vec<usize>>>);
    let resting = use_mut_ref(|| None::<Timeout>);
    let order = match &*held {
        Some(held) if held.len() == now.len() => held.clone(),
        _ => Rc::new(now),
    };
    let moved = {
        let order = order.clone();
        Callback::from(move |()| {
            if !held.as_ref().is_some_and(|held| Rc::ptr_eq(held, &order)) {
                held.set(Some(order.clone()));
            }
            let held = held.clone();
            // The timer of the movement before is dropped, and with it cancelled.
            *resting.borrow_mut() = Some(Timeout::new(RESTING_MS, move || held.set(None)));
        })
    };
    (order, moved)
}
