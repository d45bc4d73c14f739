//! From a query to SQL. Only names of the model's columns go into the text; all that a person writes is bound.

use super::Kind;
use icebridge_model::view::columns::{self, Column};
use icebridge_model::view::filter::{Filter, Op, Operand, Test};
use icebridge_model::view::{Kind as ColumnKind, Query};

/// What stands for a `?`, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Number(i64),
}

/// A condition and what is bound in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub text: String,
    pub bound: Vec<Bound>,
}

impl Condition {
    fn push(&mut self, text: &str, bound: impl IntoIterator<Item = Bound>) {
        self.text.push_str(text);
        self.bound.extend(bound);
    }
}

/// The rows of a view that match.
pub(super) fn matching(view: i64, query: &Query) -> Condition {
    let mut condition = Condition::default();
    condition.push("view = ?", [Bound::Number(view)]);
    for word in &query.words {
        condition.push(" AND instr(search, ?) > 0", [Bound::Text(word.clone())]);
    }
    if let Some(filter) = &query.filter {
        condition.push(" AND ", []);
        render(&mut condition, filter);
    }
    condition
}

fn render(out: &mut Condition, filter: &Filter) {
    match filter {
        Filter::Any(parts) => join(out, parts, " OR "),
        Filter::All(parts) => join(out, parts, " AND "),
        Filter::Not(inner) => {
            out.push("NOT (", []);
            render(out, inner);
            out.push(")", []);
        }
        Filter::Test(test) => render_test(out, test),
    }
}

fn join(out: &mut Condition, parts: &[Filter], word: &str) {
    out.push("(", []);
    for (i, part) in parts.iter().enumerate() {
        out.push(if i == 0 { "" } else { word }, []);
        render(out, part);
    }
    out.push(")", []);
}

/// Never NULL, so that `NOT` turns it round.
fn render_test(out: &mut Condition, test: &Test) {
    let (column, values) = operands(test);
    let (name, marks) = (quoted(column), vec!["?"; values.len()].join(", "));
    let text = match test.op {
        Op::Equal if test.column.kind == ColumnKind::Codes => any_code(&name, values.len()),
        Op::NotEqual if test.column.kind == ColumnKind::Codes => format!("NOT {}", any_code(&name, values.len())),
        Op::Equal => format!("({name} IS NOT NULL AND {name} IN ({marks}))"),
        Op::NotEqual => format!("({name} IS NULL OR {name} NOT IN ({marks}))"),
        Op::Less => compared(&name, "<"),
        Op::AtMost => compared(&name, "<="),
        Op::Greater => compared(&name, ">"),
        Op::AtLeast => compared(&name, ">="),
        Op::Contains => format!("({name} IS NOT NULL AND instr(lower({name}), lower(?)) > 0)"),
    };
    out.push(&text, values);
}

fn compared(name: &str, sign: &str) -> String {
    format!("({name} IS NOT NULL AND {name} {sign} ?)")
}

/// A code with a blank on either side, so that none is found inside another.
fn any_code(name: &str, count: usize) -> String {
    let one = format!("instr(' ' || {name} || ' ', ' ' || ? || ' ') > 0");
    format!("({name} IS NOT NULL AND ({}))", vec![one.as_str(); count].join(" OR "))
}

/// A state is looked for by its rank, which has an index.
fn operands(test: &Test) -> (&'static str, Vec<Bound>) {
    let by_rank = test.column.name == "state" && test.op != Op::Contains;
    let bound = |operand: &Operand| match operand {
        Operand::Text(text) if by_rank => {
            Bound::Number(columns::rank(test.column, text).map_or(-1, |rank| i64::try_from(rank).unwrap_or(-1)))
        }
        Operand::Text(text) => Bound::Text(text.clone()),
        Operand::Number(number) => Bound::Number(*number),
    };
    (if by_rank { "state_rank" } else { test.column.name }, test.values.iter().map(bound).collect())
}

/// The name decides last, in the direction of the column before it, so that one index gives the whole order.
pub(super) fn order(query: &Query) -> String {
    let mut terms: Vec<String> = Vec::new();
    for (column, descending) in &query.sort {
        let way = if *descending { "DESC" } else { "ASC" };
        terms.push(format!("{} {way}", order_term(column)));
        if column.name == "name" {
            return terms.join(", ");
        }
    }
    let way = if query.sort.last().is_some_and(|(_, descending)| *descending) { "DESC" } else { "ASC" };
    terms.push(format!("sort_key {way}"));
    terms.join(", ")
}

fn order_term(column: &Column) -> String {
    match (column.name, column.kind) {
        ("name", _) => "sort_key".into(),
        ("state", _) => "state_rank".into(),
        // In the order of its choices, unless that is the alphabet's.
        (name, ColumnKind::Choice(choices)) if !choices.is_sorted() => {
            let cases = choices.iter().enumerate().map(|(i, choice)| format!("WHEN '{choice}' THEN {i}"));
            format!("CASE {} {} END", quoted(name), cases.collect::<Vec<_>>().join(" "))
        }
        (name, _) => quoted(name),
    }
}

/// One JSON object a row.
pub(super) fn object(columns: &[&'static Column]) -> String {
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{0}', \"{0}\"", column.name)).collect();
    format!("json_object({})", pairs.join(", "))
}

/// By a float, which ends at no number: sums of what hostile files claim must not fail a page.
pub(super) fn sums(summed: &[&'static Column]) -> String {
    summed.iter().map(|column| format!(", CAST(total(max(\"{}\", 0)) AS INTEGER)", column.name)).collect()
}

pub(super) fn page(kind: Kind, query: &Query, condition: &Condition) -> String {
    let content =
        "(SELECT content FROM view_contents AS held WHERE held.view = listed.view AND held.name = listed.name)";
    format!(
        "SELECT {}, {} FROM {} AS listed WHERE {} ORDER BY {} LIMIT {} OFFSET {}",
        object(&query.columns),
        if query.full { content } else { "NULL" },
        kind.table(),
        condition.text,
        order(query),
        query.limit,
        query.offset
    )
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
