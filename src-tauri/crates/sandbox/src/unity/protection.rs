//! Policies on objects of the metastore: whose they are to make, where they are, and which reach a table.

use super::changes::no_column;
use super::metastore::Metastore;
use super::objects::{Table, parts};
use super::policies::{Applied, Policy};
use super::securable::{Kind, Securable};
use crate::base::Refusal;
use crate::state::Principal;

impl Metastore {
    /// The policies on an object, and with `inherited` those on what it lies in.
    pub fn policies_on(&self, securable: &Securable, inherited: bool) -> Vec<&Policy> {
        let lineage = securable.lineage();
        let is_here = |policy: &&Policy| policy.on == *securable || (inherited && lineage.contains(&policy.on));
        self.policies.iter().filter(is_here).collect()
    }

    pub fn add_policy(&mut self, caller: &Principal, policy: Policy) -> Result<(), Refusal> {
        if !matches!(policy.on.kind, Kind::Catalog | Kind::Schema | Kind::Table) {
            return Err(Refusal::invalid(format!("{} cannot have policies.", policy.on)));
        }
        self.exists(&policy.on)?;
        self.must_manage(caller, &policy.on)?;
        if self.policies.iter().any(|one| one.on == policy.on && one.name == policy.name) {
            let message = format!("Policy '{}' already exists on {}.", policy.name, policy.on);
            return Err(Refusal::unity(409, "ALREADY_EXISTS", message));
        }
        self.policies.push(policy);
        Ok(())
    }

    pub fn policy(&self, on: &Securable, name: &str) -> Result<&Policy, Refusal> {
        let found = self.policies.iter().find(|policy| policy.on == *on && policy.name == name);
        found.ok_or_else(|| no_policy(on, name))
    }

    pub fn drop_policy(&mut self, caller: &Principal, on: &Securable, name: &str) -> Result<(), Refusal> {
        self.policy(on, name)?;
        self.must_manage(caller, on)?;
        self.policies.retain(|policy| policy.on != *on || policy.name != name);
        Ok(())
    }

    /// What policies do to a table for a reader.
    pub fn applied_policies(&self, table: &Table, reader: &Principal) -> Vec<Applied> {
        let tags = |kind: &str, name: &str| {
            self.tags.get(&(kind.to_owned(), name.to_lowercase())).cloned().unwrap_or_default()
        };
        let (catalog, schema, _) = parts(&table.full_name);
        // Tags are inherited.
        let mut own = tags("catalogs", catalog);
        own.extend(tags("schemas", &format!("{catalog}.{schema}")));
        own.extend(tags("tables", &table.full_name));
        let of_column = |column: &str| tags("columns", &format!("{}.{column}", table.full_name));
        let securable = Securable::new(Kind::Table, &table.full_name);
        let policies = self.policies_on(&securable, true).into_iter().filter(|policy| policy.is_for(reader));
        policies.filter_map(|policy| policy.applied(table, &own, of_column)).collect()
    }

    /// Columns by their names as the table has them.
    pub fn must_have_columns(&self, table: &str, columns: &[String]) -> Result<Vec<String>, Refusal> {
        let own = self.table(table)?.columns;
        let find = |name: &String| own.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        let found = |name: &String| find(name).map(|column| column.name.clone()).ok_or_else(|| no_column(table, name));
        columns.iter().map(found).collect()
    }
}

fn no_policy(on: &Securable, name: &str) -> Refusal {
    Refusal::unity(404, "NOT_FOUND", format!("Policy '{name}' does not exist on {on}."))
}

#[cfg(test)]
mod tests {
    use super::super::policies::Argument;
    use super::*;
    use crate::state::{ADMIN, PILOT, Principals};
    use crate::unity::sample;
    use serde_json::{Value, json};

    fn policy(fields: Value) -> Result<Policy, Refusal> {
        let mut whole = json!({
            "name": "p", "policy_type": "POLICY_TYPE_ROW_FILTER", "on_securable_type": "CATALOG",
            "on_securable_fullname": "glue_lake", "for_securable_type": "TABLE", "to_principals": ["account users"],
            "except_principals": [ADMIN], "row_filter": {"function_name": "main.default.f", "using": [{"alias": "who"}]},
            "match_columns": [{"condition": "hasTagValue('pii', 'name')", "alias": "who"}],
        });
        for (name, value) in fields.as_object().unwrap() {
            whole[name] = value.clone();
        }
        Policy::read(whole.as_object().cloned().unwrap())
    }

    #[test]
    fn a_policy_reaches_the_tables_whose_columns_have_the_tag() {
        let mut metastore = sample::metastore(0, 7, 1, false);
        let principals = Principals::default();
        let (admin, pilot) = (principals.get(ADMIN).unwrap(), principals.get(PILOT).unwrap());
        assert_eq!(metastore.add_policy(pilot, policy(json!({})).unwrap()).unwrap_err().status, 403);
        metastore.add_policy(admin, policy(json!({})).unwrap()).unwrap();
        assert_eq!(metastore.add_policy(admin, policy(json!({})).unwrap()).unwrap_err().status, 409);
        let applied = |name: &str, who| metastore.applied_policies(&metastore.table(name).unwrap(), who);
        let expected = Applied {
            function: "main.default.f".into(),
            arguments: vec![Argument::Column("customer".into())],
            masked: None,
        };
        assert_eq!(applied("glue_lake.sales.orders", pilot), [expected]);
        assert!(applied("glue_lake.sales.customers", pilot).is_empty(), "no column of it has the tag");
        assert!(applied("glue_lake.sales.orders", admin).is_empty(), "excepted");
        let table = Securable::new(Kind::Table, "glue_lake.sales.orders");
        assert_eq!((metastore.policies_on(&table, false).len(), metastore.policies_on(&table, true).len()), (0, 1));
    }

    #[test]
    fn what_the_sandbox_would_not_apply_it_refuses() {
        for fields in [
            json!({"policy_type": "POLICY_TYPE_DENY"}),
            json!({"row_filter": {}}),
            json!({"when_condition": "1 = 1"}),
            json!({"on_securable_type": "moon"}),
        ] {
            assert_eq!(policy(fields).unwrap_err().status, 400);
        }
    }
}
