//! Connections, external locations and storage credentials. They are fixed: nothing in a migration makes any.

use super::securable::{Kind, Securable};
use crate::answer::{Answer, Refusal};
use crate::page::Page;
use crate::people::ADMIN;
use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

fn all_connections() -> [Value; 2] {
    [
        json!({
            "name": "glue_prod", "full_name": "glue_prod", "connection_type": "GLUE", "credential_type": "SERVICE_CREDENTIAL",
            "options": {"aws_region": "eu-west-1", "aws_account_id": "123456789012"}, "read_only": true, "owner": ADMIN,
            "provisioning_info": {"state": "ACTIVE"}, "securable_type": "CONNECTION",
        }),
        json!({
            "name": "snowflake_prod", "full_name": "snowflake_prod", "connection_type": "SNOWFLAKE",
            "credential_type": "OAUTH_M2M", "url": "snowflake://sandbox.example:443",
            "options": {"host": "sandbox.example", "port": "443", "sfWarehouse": "WH"}, "read_only": true, "owner": ADMIN,
            "provisioning_info": {"state": "ACTIVE"}, "securable_type": "CONNECTION",
        }),
    ]
}

fn all_locations() -> [Value; 2] {
    let location = |name: &str, url: &str| {
        json!({
            "name": name, "url": url, "credential_name": "sandbox_role", "read_only": false, "owner": ADMIN,
            "fallback": false, "isolation_mode": "ISOLATION_MODE_OPEN",
        })
    };
    [location("lake", "s3://sandbox-lake/"), location("managed", "s3://sandbox-managed/")]
}

fn named(all: &[Value], kind: Kind, name: &str) -> Result<Value, Refusal> {
    all.iter().find(|one| one["name"] == name).cloned().ok_or_else(|| kind.does_not_exist(name))
}

pub fn find(name: &str) -> Result<Value, Refusal> {
    named(&all_connections(), Kind::Connection, name)
}

pub fn exists(securable: &Securable) -> bool {
    match securable.kind {
        Kind::Connection => find(&securable.name).is_ok(),
        _ => named(&all_locations(), Kind::ExternalLocation, &securable.name).is_ok(),
    }
}

pub async fn list(page: Page) -> Answer {
    Ok(Json(Value::Object(page.of("connections", &all_connections(), page.unity(100)))))
}

pub async fn get(Path(name): Path<String>) -> Answer {
    Ok(Json(find(&name)?))
}

pub async fn locations(page: Page) -> Answer {
    Ok(Json(Value::Object(page.of("external_locations", &all_locations(), page.unity(100)))))
}

pub async fn location(Path(name): Path<String>) -> Answer {
    Ok(Json(named(&all_locations(), Kind::ExternalLocation, &name)?))
}

pub async fn credentials(page: Page) -> Answer {
    let all = [json!({
        "name": "sandbox_role", "id": "0b5c3c1e-0000-4000-8000-000000000001", "owner": ADMIN, "read_only": false,
        "aws_iam_role": {"role_arn": "arn:aws:iam::123456789012:role/sandbox"},
    })];
    Ok(Json(Value::Object(page.of("storage_credentials", &all, page.unity(100)))))
}
