//! Answers as services write them, whatever they have become since this program was made: a field that does not fit
//! counts as absent, an element of a list that does not fit is left out, and both are logged. Types say by
//! `#[serde(default)]` what may be absent; what may not is an error that names the field.

use super::soft::{Fault, Soft, Step, Trace};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// More oddities than this in one object: it is something else.
const MAX_ODDITIES: usize = 200;

/// `what`: whose answer it is, for the log. An error says what does not fit, without values.
pub(crate) fn read<T: DeserializeOwned>(mut value: Value, what: &str) -> Result<T, String> {
    // What went wrong first says most: what is missing afterwards was perhaps left out for it.
    let mut first = None::<String>;
    for _ in 0..MAX_ODDITIES {
        let trace = Trace::default();
        let fault = match T::deserialize(Soft { value: &value, trace: &trace }) {
            Ok(read) => return Ok(read),
            Err(fault) => fault,
        };
        let place = trace.failed_at();
        let told = format!("{} {fault}", written(&place));
        if place.is_empty() || !leave_out(&mut value, &place, &fault) {
            return Err(first.unwrap_or(told));
        }
        tracing::warn!(answer = what, "{told}: it is left out");
        first.get_or_insert(told);
    }
    Err(first.unwrap_or_default())
}

/// The items of a listing, each for itself.
pub(crate) fn read_all<T: DeserializeOwned>(items: Vec<Value>, what: &str) -> Vec<T> {
    let one = |(at, item): (usize, Value)| match read(item, what) {
        Ok(item) => Some(item),
        Err(why) => {
            tracing::warn!(answer = what, "the item {at} is not understood and is left out: {why}");
            None
        }
    };
    items.into_iter().enumerate().filter_map(one).collect()
}

/// A count that matters, and must not become absent because it is written in an unusual way.
pub(crate) fn count(value: &Value) -> Option<u64> {
    let trace = Trace::default();
    <u64 as serde::Deserialize>::deserialize(Soft { value, trace: &trace }).ok()
}

/// `status.tasks[3].name`, or words for the whole answer.
fn written(place: &[Step]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.extend([".", name]),
            Step::Element(at) => text.push_str(&format!("[{at}]")),
        }
    }
    if text.is_empty() { "the answer".to_owned() } else { format!("`{text}`") }
}

/// False: there is nothing at this place.
fn leave_out(value: &mut Value, place: &[Step], fault: &Fault) -> bool {
    let Some((last, above)) = place.split_last() else { return false };
    let mut inner = value;
    for step in above {
        let next = match (step, inner) {
            (Step::Field(name), Value::Object(fields)) => fields.get_mut(name),
            (Step::Element(at), Value::Array(items)) => items.get_mut(*at),
            _ => None,
        };
        let Some(next) = next else { return false };
        inner = next;
    }
    match (last, inner) {
        (Step::Field(name), Value::Object(fields)) => fields.remove(name).is_some(),
        (Step::Element(at), Value::Array(items)) if *at < items.len() => {
            let odd = items.remove(*at);
            // As many of them as there may be: none fits where one did not.
            if odd.is_null() && matches!(fault, Fault::Wrong(_)) {
                items.retain(|item| !item.is_null());
            }
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Answer {
        name: String,
        count: Option<i64>,
        share: f64,
        on: bool,
        rows: Vec<Vec<Option<String>>>,
        names: Vec<String>,
        inner: Option<Box<Answer>>,
        needy: Vec<Needy>,
        properties: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Needy {
        id: i64,
        #[serde(default)]
        name: String,
    }

    fn read(value: Value) -> Answer {
        super::read(value, "test").unwrap()
    }

    #[test]
    fn a_null_is_as_good_as_nothing_but_in_a_row_it_keeps_its_place() {
        let read = read(json!({"name": null, "rows": [[null, "a"]], "inner": {"name": "b", "rows": null}}));
        assert_eq!((read.name.as_str(), read.rows), ("", vec![vec![None, Some("a".into())]]));
        assert_eq!(read.inner.unwrap().name, "b");
    }

    #[test]
    fn numbers_texts_and_flags_may_stand_for_each_other() {
        let odd = read(json!({"name": 7, "count": "16384", "share": "0.5", "on": "True", "names": [1, true, "x"],
                              "properties": {"a": 1, "b": true}}));
        assert_eq!((odd.name.as_str(), odd.count, odd.share, odd.on), ("7", Some(16384), 0.5, true));
        assert_eq!(odd.names, ["1", "true", "x"]);
        assert_eq!(odd.properties.values().collect::<Vec<_>>(), ["1", "true"]);
        assert_eq!(read(json!({"count": 16384.0})).count, Some(16384));
        assert_eq!(read(json!({"count": "-3"})).count, Some(-3));
        assert_eq!(read(json!({"count": 1.5})).count, None);
    }

    #[test]
    fn what_does_not_fit_costs_itself_alone() {
        let odd = read(json!({
            "name": {"x": 1}, "count": [], "on": "perhaps", "names": [null, "a", {"x": 1}, null], "inner": "none",
            "needy": [null, {"id": "1"}, {"name": "no id"}, {"id": {}}, {"id": 2, "name": []}], "share": 1,
        }));
        let needy = |id| Needy { id, name: String::new() };
        assert_eq!(
            odd,
            Answer { names: vec!["a".into()], needy: vec![needy(1), needy(2)], share: 1.0, ..Answer::default() }
        );
        assert_eq!(read_all::<Needy>(vec![json!(null), json!({"id": 3}), json!("x")], "test"), [needy(3)]);
    }

    #[test]
    fn a_needed_field_is_named_and_its_value_is_not() {
        let why = |value| super::read::<Needy>(value, "test").unwrap_err();
        assert_eq!(why(json!({"id": "a-secret"})), "`id` is not a whole number");
        assert_eq!(why(json!({"name": "x"})), "the answer lacks `id`");
        assert_eq!(why(json!("a-secret")), "the answer is not an object");
    }
}
