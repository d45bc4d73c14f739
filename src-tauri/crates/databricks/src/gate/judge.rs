//! The verdict, from facts alone.
//!
//! The rules rest on the vendor's documentation and were not tried on a live workspace: where they may be wrong they
//! close the gate and say how to open it. Each is one line in RULES.

use super::facts::{CatalogFacts, GateFacts, Grants, SchemaFacts, Target};
use crate::identity::Me;
use crate::unity::{quoted, quoted_principal, same_privilege};
use icebridge_http::segment;
use icebridge_model::databricks::{ApiCall, Gate, Requirement, Unmet};
use serde_json::json;

const EXTERNAL_USE_SCHEMA: &str = "EXTERNAL_USE_SCHEMA";

/// What else counts as having EXTERNAL USE SCHEMA.
struct Rules {
    /// ALL PRIVILEGES leaves it out on purpose.
    all_privileges_hold_it: bool,
    /// "Schema owners do not have it by default."
    schema_owner_has_it: bool,
    /// The catalog's owner may grant it, to itself as well; that it has it without is said nowhere.
    catalog_owner_has_it: bool,
    /// Of schemas of default storage: a grant on them is refused, and has to be on the catalog.
    grant_on_catalog_instead: &'static [&'static str],
}

const RULES: Rules = Rules {
    all_privileges_hold_it: false,
    schema_owner_has_it: false,
    catalog_owner_has_it: false,
    grant_on_catalog_instead: &["SCHEMA_DB_STORAGE"],
};

pub fn judge(facts: &GateFacts) -> Gate {
    let me = &facts.me;
    let mut gate =
        Gate { host: facts.host.clone(), principal: me.user_name.clone(), unmet: Vec::new(), met: Vec::new() };
    match facts.metastore.external_access_enabled {
        Some(true) => gate.met.push(format!("external data access is on in the metastore {}", facts.metastore.name)),
        off => gate.unmet.push(external_access(facts, off)),
    }
    let nothing = CatalogFacts::default();
    for (target, schema) in &facts.schemas {
        let catalog = facts.catalogs.get(&target.catalog).unwrap_or(&nothing);
        if !catalog.exists {
            let unmet = invisible(target, me);
            if !gate.unmet.contains(&unmet) {
                gate.unmet.push(unmet);
            }
            continue;
        }
        match reason(me, catalog, schema) {
            Some(reason) => {
                gate.met.push(format!("EXTERNAL USE SCHEMA on {}.{}: {reason}", target.catalog, target.schema))
            }
            None => gate.unmet.push(external_use(facts, target, catalog, schema)),
        }
    }
    gate
}

fn external_access(facts: &GateFacts, state: Option<bool>) -> Unmet {
    let metastore = &facts.metastore;
    let why = match state {
        Some(_) => "external data access is off in the metastore, so nothing outside Databricks may reach its tables",
        None => "the workspace does not say whether external data access is on in the metastore",
    };
    let who = match &metastore.owner {
        Some(owner) => format!("a metastore admin ({owner})"),
        None => "a metastore admin".to_string(),
    };
    Unmet {
        requirement: Requirement::ExternalDataAccess,
        object: metastore.name.clone(),
        principal: None,
        why: why.into(),
        who,
        ourselves: metastore.owner.as_deref().is_some_and(|owner| facts.me.is(owner)),
        // There is no statement for it; in the window of the workspace: Catalog, the gear, Metastore, External data access.
        sql: None,
        call: Some(ApiCall {
            method: "PATCH".into(),
            address: format!("{}/api/2.1/unity-catalog/metastores/{}", facts.host, metastore.metastore_id),
            body: json!({"external_access_enabled": true}),
        }),
        unsure: state.is_none(),
    }
}

fn invisible(target: &Target, me: &Me) -> Unmet {
    Unmet {
        requirement: Requirement::CatalogVisible,
        object: target.catalog.clone(),
        principal: Some(me.user_name.clone()),
        why: "there is no such catalog, or the signed-in principal may not see it".into(),
        who: "the catalog's owner or a metastore admin".into(),
        ourselves: false,
        sql: Some(format!(
            "GRANT USE CATALOG ON CATALOG {} TO {}",
            quoted([target.catalog.as_str()]),
            quoted_principal(&me.user_name)
        )),
        call: None,
        unsure: true,
    }
}

/// Why we have the right, or none.
fn reason(me: &Me, catalog: &CatalogFacts, schema: &SchemaFacts) -> Option<String> {
    let granted = granted(me, &schema.grants).or_else(|| granted(me, &catalog.grants));
    if granted.is_some() {
        return granted;
    }
    let owner = |owner: &Option<String>| owner.as_deref().is_some_and(|owner| me.is(owner));
    if RULES.schema_owner_has_it && schema.exists && owner(&schema.owner) {
        return Some("by owning the schema".into());
    }
    if RULES.catalog_owner_has_it && owner(&catalog.owner) {
        return Some("by owning the catalog".into());
    }
    None
}

fn granted(me: &Me, grants: &Grants) -> Option<String> {
    for assignment in grants.assignments.iter().filter(|assignment| me.is(&assignment.principal)) {
        for right in &assignment.privileges {
            let holds = same_privilege(&right.privilege, EXTERNAL_USE_SCHEMA)
                || (RULES.all_privileges_hold_it && same_privilege(&right.privilege, "ALL_PRIVILEGES"));
            if holds {
                let from = right.inherited_from_name.as_deref().map(|name| format!(", inherited from {name}"));
                return Some(format!("granted to {}{}", assignment.principal, from.unwrap_or_default()));
            }
        }
    }
    None
}

fn external_use(facts: &GateFacts, target: &Target, catalog: &CatalogFacts, schema: &SchemaFacts) -> Unmet {
    let me = &facts.me;
    let full_name = format!("{}.{}", target.catalog, target.schema);
    let kind = schema.securable_kind.as_deref().unwrap_or_default();
    let default_storage = RULES.grant_on_catalog_instead.contains(&kind);
    let on_catalog = default_storage || !schema.exists;
    let (level, name, path) = match on_catalog {
        true => ("CATALOG", quoted([target.catalog.as_str()]), format!("catalog/{}", in_path(&target.catalog))),
        false => (
            "SCHEMA",
            quoted([target.catalog.as_str(), target.schema.as_str()]),
            format!("schema/{}", in_path(&full_name)),
        ),
    };
    let ourselves = catalog.owner.as_deref().is_some_and(|owner| me.is(owner));
    let mut why =
        format!("{} lacks EXTERNAL USE SCHEMA, which ALL PRIVILEGES and ownership do not include", me.user_name);
    if !schema.exists {
        why.push_str("; the schema is not there yet, so the grant has to be on the catalog");
    } else if default_storage {
        why.push_str("; in a catalog of default storage the grant has to be on the catalog");
    }
    let unsure = schema.grants.hidden.is_some() || catalog.grants.hidden.is_some();
    if unsure {
        why.push_str("; not all grants could be seen");
    }
    let who = match (&catalog.owner, ourselves) {
        (Some(owner), true) => format!("yourself, as owner of the catalog ({owner})"),
        (Some(owner), false) => format!("the owner of the catalog ({owner}); only the owner can grant it"),
        (None, _) => "the owner of the catalog; only the owner can grant it".to_string(),
    };
    Unmet {
        requirement: Requirement::ExternalUseSchema,
        object: full_name,
        principal: Some(me.user_name.clone()),
        why,
        who,
        ourselves,
        sql: Some(format!("GRANT EXTERNAL USE SCHEMA ON {level} {name} TO {}", quoted_principal(&me.user_name))),
        call: Some(ApiCall {
            method: "PATCH".into(),
            address: format!("{}/api/2.1/unity-catalog/permissions/{path}", facts.host),
            body: json!({"changes": [{"principal": me.user_name, "add": [EXTERNAL_USE_SCHEMA]}]}),
        }),
        unsure,
    }
}

/// For an address that is shown. A name that no address can hold stands as it is.
fn in_path(name: &str) -> String {
    segment(name).unwrap_or_else(|_| name.to_string())
}
