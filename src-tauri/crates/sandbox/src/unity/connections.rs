//! Connections, external locations and storage credentials. They are fixed: nothing in a migration makes any.

use super::securable::Kind;
use crate::base::Refusal;
use crate::state::ADMIN;
use serde_json::{Value, json};

pub fn connections() -> [Value; 2] {
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

pub fn locations() -> [Value; 2] {
    [("lake", "s3://sandbox-lake/"), ("managed", "s3://sandbox-managed/")].map(|(name, url)| {
        json!({
            "name": name, "url": url, "credential_name": "sandbox_role", "read_only": false, "owner": ADMIN,
            "fallback": false, "isolation_mode": "ISOLATION_MODE_OPEN",
        })
    })
}

pub fn credentials() -> [Value; 1] {
    [json!({
        "name": "sandbox_role", "id": "0b5c3c1e-0000-4000-8000-000000000001", "owner": ADMIN, "read_only": false,
        "aws_iam_role": {"role_arn": "arn:aws:iam::123456789012:role/sandbox"},
    })]
}

fn named(all: &[Value], kind: Kind, name: &str) -> Result<Value, Refusal> {
    all.iter().find(|one| one["name"] == name).cloned().ok_or_else(|| kind.does_not_exist(name))
}

pub fn connection(name: &str) -> Result<Value, Refusal> {
    named(&connections(), Kind::Connection, name)
}

pub fn location(name: &str) -> Result<Value, Refusal> {
    named(&locations(), Kind::ExternalLocation, name)
}
