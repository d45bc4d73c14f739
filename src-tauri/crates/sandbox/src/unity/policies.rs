//! ABAC policies: row filters and column masks on a catalog, schema or table, for whatever in it has the tags.

use super::objects::Table;
use super::securable::{Kind, Securable};
use crate::base::{Refusal, plain};
use crate::state::Principal;
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    pub on: Securable,
    /// As it was made.
    pub fields: Map<String, Value>,
}

/// What a policy does to a table for a reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub function: String,
    pub arguments: Vec<Argument>,
    /// The column that is masked; None: rows are filtered.
    pub masked: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    Column(String),
    Constant(String),
}

/// The kinds of policies that the sandbox applies, and the field with their function.
const KINDS: [(&str, &str); 2] = [("POLICY_TYPE_ROW_FILTER", "row_filter"), ("POLICY_TYPE_COLUMN_MASK", "column_mask")];

pub type Tags = BTreeMap<String, String>;

/// `hasTag('k')` and `hasTagValue('k', 'v')`, with or without underscores: None where it is neither.
fn holds(condition: &str, tags: &Tags) -> Option<bool> {
    let pattern = Regex::new(r"(?i)^\s*has_?tag(?:_?value)?\(\s*'([^']*)'\s*(?:,\s*'([^']*)'\s*)?\)\s*$").ok()?;
    let found = pattern.captures(condition)?;
    let value = tags.get(found.get(1)?.as_str());
    Some(match found.get(2) {
        Some(wanted) => value.is_some_and(|value| value == wanted.as_str()),
        None => value.is_some(),
    })
}

impl Policy {
    pub fn read(fields: Map<String, Value>) -> Result<Self, Refusal> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).ok_or_else(|| Refusal::missing_field(name));
        let kind = text("policy_type")?;
        let Some((_, part)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            return Err(Refusal::invalid(format!("The sandbox has no policies of the type {kind}.")));
        };
        if fields.get(*part).and_then(|part| part["function_name"].as_str()).is_none() {
            return Err(Refusal::missing_field(&format!("{part}.function_name")));
        }
        let conditions = fields.get("match_columns").and_then(Value::as_array).into_iter().flatten();
        let conditions = conditions.map(|one| &one["condition"]).chain(fields.get("when_condition"));
        for condition in conditions.filter_map(Value::as_str) {
            if holds(condition, &Tags::new()).is_none() {
                let message = format!("The sandbox reads hasTag and hasTagValue in conditions only, not {condition}.");
                return Err(Refusal::invalid(message));
            }
        }
        let on = Securable::new(Kind::read(text("on_securable_type")?)?, text("on_securable_fullname")?);
        Ok(Self { name: text("name")?.to_owned(), on, fields })
    }

    pub fn payload(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    fn names(&self, field: &str, principal: &Principal) -> bool {
        let names = self.fields.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        names.into_iter().any(|name| principal.is(name))
    }

    pub fn is_for(&self, principal: &Principal) -> bool {
        self.names("to_principals", principal) && !self.names("except_principals", principal)
    }

    pub fn applied(&self, table: &Table, tags: &Tags, of_column: impl Fn(&str) -> Tags) -> Option<Applied> {
        if let Some(when) = self.fields.get("when_condition").and_then(Value::as_str)
            && holds(when, tags) != Some(true)
        {
            return None;
        }
        let mut aliases = BTreeMap::new();
        for one in self.fields.get("match_columns").and_then(Value::as_array).into_iter().flatten() {
            let condition = one["condition"].as_str().unwrap_or_default();
            let column =
                table.columns.iter().find(|column| holds(condition, &of_column(&column.name)) == Some(true))?;
            aliases.insert(plain(&one["alias"]), column.name.clone());
        }
        let (_, part) = KINDS.iter().find(|(kind, _)| self.fields.get("policy_type") == Some(&json!(kind)))?;
        let options = self.fields.get(*part)?;
        let argument = |one: &Value| match one["alias"].as_str() {
            Some(alias) => aliases.get(alias).cloned().map(Argument::Column),
            None => Some(Argument::Constant(plain(&one["constant"]))),
        };
        let using = options["using"].as_array().into_iter().flatten().filter_map(argument);
        let masked = match options["on_column"].as_str() {
            Some(alias) => Some(aliases.get(alias)?.clone()),
            None => None,
        };
        Some(Applied {
            function: options["function_name"].as_str()?.to_lowercase(),
            arguments: using.collect(),
            masked,
        })
    }
}
