//! What keeps a reader from seeing all of a table: row filters, column masks, and policies that come from above
//! (<https://docs.databricks.com/aws/en/data-governance/unity-catalog/filters-and-masks/>).

use super::calls::ROOT;
use super::names::quoted;
use super::tables::Table;
use crate::client::{Call, Client, Failure, Family, RefusalKind, lenient, segment};
use crate::identity::Me;
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Restriction {
    RowFilter { function: String, columns: Vec<String> },
    ColumnMask { column: String, function: String, using: Vec<String> },
    Policy { name: String, on: String, does: String },
}

impl Restriction {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Self::RowFilter { function, .. } => format!("the row filter {function}"),
            Self::ColumnMask { column, function, .. } => format!("the mask {function} of column {column}"),
            Self::Policy { name, on, does } => format!("the policy {name} on {on} ({does})"),
        }
    }

    /// What gives another table the same. A policy has to be made anew where it belongs.
    pub fn statement(&self, table: &str) -> Option<String> {
        let function = |name: &str| quoted(name.split('.'));
        let list = |names: &[String]| names.iter().map(|name| quoted([name.as_str()])).collect::<Vec<_>>().join(", ");
        match self {
            Self::RowFilter { function: name, .. } | Self::ColumnMask { function: name, .. } if name.is_empty() => None,
            Self::RowFilter { function: name, columns } => {
                Some(format!("ALTER TABLE {table} SET ROW FILTER {} ON ({})", function(name), list(columns)))
            }
            Self::ColumnMask { column, function: name, using } => {
                let also = if using.is_empty() { String::new() } else { format!(" USING COLUMNS ({})", list(using)) };
                let column = quoted([column.as_str()]);
                Some(format!("ALTER TABLE {table} ALTER COLUMN {column} SET MASK {}{also}", function(name)))
            }
            Self::Policy { .. } => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filter {
    function_name: String,
    #[serde(alias = "using_column_names")]
    input_column_names: Vec<String>,
}

/// A policy by attributes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Policy {
    name: String,
    on_securable_type: String,
    on_securable_fullname: String,
    for_securable_type: String,
    policy_type: String,
    to_principals: Vec<String>,
    except_principals: Vec<String>,
}

impl Policy {
    /// Whether it may keep rows or values from this principal. Its condition on tags is not looked at: what may hold counts.
    fn may_apply_to(&self, me: &Me) -> bool {
        let of_tables = self.for_securable_type.is_empty() || self.for_securable_type.eq_ignore_ascii_case("TABLE");
        let hides = !self.policy_type.eq_ignore_ascii_case("POLICY_TYPE_GRANT");
        let meant = self.to_principals.is_empty() || self.to_principals.iter().any(|name| me.may_be(name));
        of_tables && hides && meant && !self.except_principals.iter().any(|name| me.is(name))
    }
}

/// What is known of what keeps somebody from seeing all of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restrictions {
    pub known: Vec<Restriction>,
    /// Why the policies are not known, which is not the same as having none.
    pub policies_unknown: Option<Error>,
}

impl Client {
    /// Those of a table, and the policies on it and above it that may apply to this principal. Where the workspace does not tell
    /// which policies there are, or not to us, only what stands at the table itself is known.
    pub async fn restrictions(&self, table: &Table, me: &Me) -> Result<Restrictions> {
        let path = format!("{ROOT}/policies/TABLE/{}", segment(&table.full_name())?);
        let call = Call::get(Family::UnityCatalog, path).query("include_inherited", true);
        let (policies, policies_unknown) = match self.all::<Value>(&call, "policies").await {
            Ok(policies) => (policies, None),
            // Without this call there are no policies.
            Err(Failure::Refused(refusal)) if refusal.is_unknown_endpoint() => (Vec::new(), None),
            Err(failure) => match Error::from(failure) {
                // These say nothing of the table, and keep everything else from being read too.
                error
                    if matches!(
                        error.code,
                        Code::WorkspaceUnreachable | Code::RateLimited | Code::CredentialsRejected
                    ) =>
                {
                    return Err(error);
                }
                error => (Vec::new(), Some(error)),
            },
        };
        if let Some(error) = &policies_unknown {
            tracing::warn!(table = table.full_name(), %error, "which policies apply to the table is not known");
        }
        let mut known = of_table(table);
        // One whose shape is not known is one all the same, and may apply.
        let read = |policy| lenient::read::<Policy>(policy, "policies").unwrap_or_default();
        let applying = policies.into_iter().map(read).filter(|policy| policy.may_apply_to(me));
        known.extend(applying.map(|policy| Restriction::Policy {
            on: format!("{} {}", policy.on_securable_type.to_lowercase(), policy.on_securable_fullname),
            name: policy.name,
            does: policy.policy_type.trim_start_matches("POLICY_TYPE_").replace('_', " ").to_lowercase(),
        }));
        Ok(Restrictions { known, policies_unknown })
    }
}

fn of_table(table: &Table) -> Vec<Restriction> {
    // One whose shape is not known is one all the same.
    let read = |value: &Value| lenient::read::<Filter>(value.clone(), "filters and masks").unwrap_or_default();
    let mut all = Vec::new();
    if let Some(filter) = table.row_filter.as_ref().map(read) {
        all.push(Restriction::RowFilter { function: filter.function_name, columns: filter.input_column_names });
    }
    for column in &table.columns {
        if let Some(mask) = column.mask.as_ref().map(read) {
            all.push(Restriction::ColumnMask {
                column: column.name.clone(),
                function: mask.function_name,
                using: mask.input_column_names,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_masks_are_read_whatever_else_their_table_says() {
        let table: Table = serde_json::from_value(serde_json::json!({
            "name": "t", "row_filter": {"function_name": "main.sec.mine", "input_column_names": ["re gion"]},
            "columns": [{"name": "id"}, {"name": "mail", "mask": {"function_name": "main.sec.hide", "using_column_names": ["id"]}},
                        {"name": "odd", "mask": "a shape that is not known"}],
        }))
        .unwrap();
        let all = of_table(&table);
        let statements: Vec<_> = all.iter().filter_map(|one| one.statement("`main`.`s`.`t`")).collect();
        assert_eq!(
            statements[..2],
            [
                "ALTER TABLE `main`.`s`.`t` SET ROW FILTER `main`.`sec`.`mine` ON (`re gion`)",
                "ALTER TABLE `main`.`s`.`t` ALTER COLUMN `mail` SET MASK `main`.`sec`.`hide` USING COLUMNS (`id`)",
            ]
        );
        assert_eq!(all.len(), 3);
    }

    #[tokio::test]
    async fn policies_that_cannot_be_read_are_not_known_rather_than_none() {
        use crate::testing::{Server, Workspace, ok, refused};
        use serde_json::{from_value, json};
        let (table, me): (Table, Me) = (from_value(json!({"name": "t"})).unwrap(), from_value(json!({})).unwrap());
        let refusals =
            [(403, "PERMISSION_DENIED"), (400, "INVALID_PARAMETER_VALUE"), (501, "NOT_IMPLEMENTED"), (405, "")];
        for (status, kind) in refusals {
            let server = Server::start(move |_| refused(status, kind)).await;
            let found = server.client().restrictions(&table, &me).await.unwrap();
            assert!(found.policies_unknown.is_some() && found.known.is_empty(), "{status}: {found:?}");
        }
        let server = Server::start(|_| refused(404, "ENDPOINT_NOT_FOUND")).await;
        assert_eq!(server.client().restrictions(&table, &me).await.unwrap(), Restrictions::default());
        // Whatever it says, it may apply.
        let server =
            Server::start(|_| ok(json!({"policies": ["odd", {"name": "p", "to_principals": {"x": 1}}]}))).await;
        let found = server.client().restrictions(&table, &me).await.unwrap();
        assert_eq!((found.known.len(), found.policies_unknown), (2, None));
    }

    #[test]
    fn a_policy_counts_for_whom_it_is_meant() {
        let me: Me =
            serde_json::from_value(serde_json::json!({"userName": "me@x.example", "groups": [{"display": "movers"}]}))
                .unwrap();
        let applies = |to: &[&str], except: &[&str], kind: &str| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let policy = Policy {
                to_principals: names(to),
                except_principals: names(except),
                policy_type: kind.into(),
                ..Policy::default()
            };
            policy.may_apply_to(&me)
        };
        assert!(applies(&["account users"], &[], "POLICY_TYPE_ROW_FILTER"));
        assert!(applies(&["MOVERS"], &[], "POLICY_TYPE_COLUMN_MASK") && applies(&[], &[], ""));
        assert!(!applies(&["account users"], &["movers"], "POLICY_TYPE_ROW_FILTER"));
        assert!(!applies(&["others"], &[], "POLICY_TYPE_ROW_FILTER") && !applies(&[], &[], "POLICY_TYPE_GRANT"));
    }
}
