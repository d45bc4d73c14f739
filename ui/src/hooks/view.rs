//! A view that is asked for page by page, as it is looked at.

use crate::backend::call;
use crate::state::listing::{Listing, PAGE};
use gloo_timers::callback::Timeout;
use icebridge_model::Error;
use icebridge_model::ops::{DetailRequest, Operation, op};
use icebridge_model::view::{Scope, ViewPage, ViewRequest, ViewRow};
use icebridge_model::{Result, TableIdent};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// How long after its last movement the mouse counts as still reaching for a row.
const RESTING_MS: u32 = 2_000;

/// What a page draws from. The rows of the answer before stay until the new ones are there.
#[derive(Clone)]
pub struct View {
    held: Rc<Listing>,
    pub error: Option<Rc<Error>>,
    /// To be called with the rows that are drawn.
    pub on_sight: Callback<Range<usize>>,
    /// To be called while the mouse moves over the rows: they keep their places until it rests.
    pub on_reach: Callback<()>,
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.held, &other.held) && self.error == other.error
    }
}

impl View {
    /// Whether an answer has come.
    pub fn is_known(&self) -> bool {
        self.held.is_known()
    }

    /// Counts, sums and facets.
    pub fn head(&self) -> &ViewPage {
        self.held.head()
    }

    pub fn row(&self, at: usize) -> Option<&Rc<ViewRow>> {
        self.held.row(at)
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.held.position(name)
    }
}

/// Shared with the questions that are on their way.
#[derive(Default)]
struct Asking {
    request: Option<ViewRequest>,
    listing: Rc<Listing>,
    error: Option<Rc<Error>>,
    /// Of the question at hand: an answer to an older one is dropped.
    number: u64,
    on_their_way: BTreeSet<usize>,
    sight: Range<usize>,
    steady: Option<Timeout>,
    /// How often the mouse has come to rest.
    rests: u64,
}

/// Asks anew whenever the request or `version` changes, which says that what is listed has changed. Rows in `changed` are
/// newer than those that were answered.
#[hook]
pub fn use_view(request: ViewRequest, version: u64, changed: Rc<Vec<ViewRow>>) -> View {
    let asking = use_mut_ref(Asking::default);
    let draw = use_force_update();
    let rested = use_state_eq(|| 0_u64);
    {
        let (asking, draw) = (asking.clone(), draw.clone());
        use_effect_with((request.clone(), version, *rested), move |(request, ..)| {
            {
                let mut asking = asking.borrow_mut();
                asking.request = Some(request.clone());
                asking.number += 1;
                asking.on_their_way.clear();
            }
            // What changes together is asked once.
            let waiting = Timeout::new(0, move || ask(&asking, &draw));
            move || drop(waiting)
        });
    }
    {
        let asking = asking.clone();
        // Whatever still comes is for nobody.
        use_effect_with((), move |()| move || asking.borrow_mut().number += 1);
    }
    {
        let (asking, draw) = (asking.clone(), draw.clone());
        use_effect_with(changed, move |changed| {
            if !changed.is_empty() {
                let patched = Rc::new(asking.borrow().listing.patched(changed));
                asking.borrow_mut().listing = patched;
                draw.force_update();
            }
        });
    }
    // Neither holds anything of this request: a grid whose rows have not changed keeps those that it has.
    let on_sight = {
        let asking = asking.clone();
        Callback::from(move |rows: Range<usize>| {
            asking.borrow_mut().sight = rows;
            ask(&asking, &draw);
        })
    };
    let on_reach = resting(asking.clone(), rested.setter());
    let asking = asking.borrow();
    View { held: asking.listing.clone(), error: asking.error.clone(), on_sight, on_reach }
}

/// To be called while the mouse moves: `rested` is set when it has not for a while.
fn resting(asking: Rc<RefCell<Asking>>, rested: UseStateSetter<u64>) -> Callback<()> {
    Callback::from(move |()| {
        let (released, rested) = (asking.clone(), rested.clone());
        let timer = Timeout::new(RESTING_MS, move || {
            let (timer, rests) = {
                let mut asking = released.borrow_mut();
                asking.rests += 1;
                (asking.steady.take(), asking.rests)
            };
            rested.set(rests);
            // After the borrow: it is the timer that runs.
            drop(timer);
        });
        asking.borrow_mut().steady = Some(timer);
    })
}

/// The pages in sight that are neither held nor on their way.
fn ask(asking: &Rc<RefCell<Asking>>, draw: &UseForceUpdateHandle) {
    let (request, number, pages) = {
        let mut asking = asking.borrow_mut();
        let Some(request) = asking.request.clone() else { return };
        let mut pages = asking.listing.lacking(asking.sight.clone(), asking.number);
        pages.retain(|page| !asking.on_their_way.contains(page));
        asking.on_their_way.extend(&pages);
        (request, asking.number, pages)
    };
    for page in pages {
        let (asking, request, draw) = (asking.clone(), request.clone(), draw.clone());
        spawn_local(async move {
            let wanted = ViewRequest { offset: page * PAGE, limit: PAGE, ..request.clone() };
            let answer = call::<op::tables_view>(wanted).await;
            let mut asking = asking.borrow_mut();
            if asking.number != number {
                return;
            }
            asking.on_their_way.remove(&page);
            match answer {
                Ok(answer) => {
                    let steady = asking.steady.is_some();
                    asking.listing = Rc::new(asking.listing.taken(&request, number, page, answer, steady));
                    asking.error = None;
                }
                Err(error) => asking.error = Some(Rc::new(error)),
            }
            drop(asking);
            draw.force_update();
        });
    }
}

type Answer<O> = Rc<Result<<O as Operation>::Response>>;

/// The answer to one question; the answer before stays while the same question is asked anew because `version` changed.
#[hook]
pub fn use_answer<O>(request: Option<O::Request>, version: u64) -> Option<Answer<O>>
where
    O: Operation + 'static,
    O::Request: Clone + PartialEq + 'static,
    O::Response: 'static,
{
    let shown = use_state(|| None::<(O::Request, Answer<O>)>);
    let number = use_mut_ref(|| 0_u64);
    {
        let (shown, number) = (shown.setter(), number.clone());
        use_effect_with((request.clone(), version), move |(request, _)| {
            *number.borrow_mut() += 1;
            let mine = *number.borrow();
            if let Some(request) = request.clone() {
                let number = number.clone();
                spawn_local(async move {
                    let answer = call::<O>(request.clone()).await;
                    if *number.borrow() == mine {
                        shown.set(Some((request, Rc::new(answer))));
                    }
                });
            }
        });
    }
    {
        // Whatever still comes is for nobody.
        use_effect_with((), move |()| move || *number.borrow_mut() += 1);
    }
    let request = request?;
    shown.as_ref().filter(|(of, _)| *of == request).map(|(_, answer)| answer.clone())
}

/// Everything known of the chosen table.
#[hook]
pub fn use_detail(scope: Scope, table: Option<TableIdent>, version: u64) -> Option<Answer<op::tables_detail>> {
    use_answer::<op::tables_detail>(table.map(|table| DetailRequest { scope, table }), version)
}
