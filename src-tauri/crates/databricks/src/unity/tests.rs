use super::*;
use crate::testing::{Server, Workspace, ok, page, refused};
use futures::TryStreamExt;
use icebridge_model::Code;
use serde_json::{Value, json};

fn table(fields: Value) -> Table {
    let mut document = json!({"name": "t", "catalog_name": "c", "schema_name": "s"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(document).unwrap()
}

#[test]
fn the_securable_kind_decides_first() {
    let kind = |table_type: &str, format: &str, securable: Option<&str>| {
        table(json!({"table_type": table_type, "data_source_format": format, "securable_kind": securable})).kind()
    };
    // The trap: it says Delta.
    assert_eq!(kind("MANAGED", "DELTA", Some("TABLE_DELTA_ICEBERG_MANAGED")), Kind::ManagedIceberg);
    assert_eq!(kind("MANAGED", "DELTA", Some("TABLE_ICEBERG_UNIFORM_MANAGED")), Kind::ManagedIceberg);
    assert_eq!(kind("MANAGED", "DELTA", None), Kind::Delta);
    for format in ["ICEBERG", "DELTA_UNIFORM_ICEBERG"] {
        assert_eq!(kind("FOREIGN", format, None), Kind::ForeignIceberg);
    }
    let hive = "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE_EXTERNAL";
    assert_eq!(kind("FOREIGN", "DELTA_UNIFORM_ICEBERG", Some(hive)), Kind::ForeignIceberg);
    assert_eq!(kind("FOREIGN", "NEW", Some("TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_GLUE")), Kind::ForeignIceberg);
    assert_eq!(kind("FOREIGN", "SNOWFLAKE_FORMAT", Some("TABLE_FOREIGN_SNOWFLAKE")), Kind::SnowflakeOverJdbc);
    assert_eq!(kind("FOREIGN", "SNOWFLAKE_FORMAT", None), Kind::SnowflakeOverJdbc);
    assert_eq!(kind("FOREIGN", "POSTGRESQL_FORMAT", Some("TABLE_FOREIGN_POSTGRESQL")), Kind::OtherForeign);
    assert_eq!(kind("VIEW", "UNKNOWN", None), Kind::View);
    assert_eq!(kind("EXTERNAL", "PARQUET", None), Kind::Other);
    assert_eq!(kind("NEWEST", "NEWER", Some("NEW")), Kind::Other);
    let manifest = json!({"securable_kind": "TABLE_DELTA_ICEBERG_MANAGED", "capabilities": ["X"]});
    let by_manifest =
        table(json!({"table_type": "MANAGED", "data_source_format": "DELTA", "securable_kind_manifest": manifest}));
    assert_eq!(by_manifest.kind(), Kind::ManagedIceberg);
    let properties = json!({"delta.enableIcebergWriterCompatV1": "true"});
    let by_property = table(json!({"table_type": "MANAGED", "data_source_format": "DELTA", "properties": properties}));
    assert_eq!(by_property.kind(), Kind::ManagedIceberg);
}

#[test]
fn a_table_with_only_a_name_or_with_more_than_we_know_is_read() {
    assert_eq!(table(json!({})).full_name(), "c.s.t");
    let rich = table(json!({
        "full_name": "c.s.t", "table_type": "HOLOGRAM", "columns": [{"name": "a", "type_name": "TENSOR", "mask": {"x": 1}}],
        "row_filter": {"function_name": "f"}, "new_field": [1], "delta_uniform_iceberg": {"metadata_location": "s3://b/m.json"},
        "updated_at": 5, "effective_predictive_optimization_flag": {"value": "PERHAPS", "inherited_from_type": "CATALOG"},
    }));
    assert_eq!(rich.table_type, Some(TableType::Other("HOLOGRAM".into())));
    assert_eq!(rich.metadata_location(), Some("s3://b/m.json"));
    let again: Table = serde_json::from_value(serde_json::to_value(&rich).unwrap()).unwrap();
    assert_eq!(again, rich);
}

#[tokio::test]
async fn permissions_ask_for_the_servers_page_and_follow_it() {
    let server = Server::start(|asked| {
        assert_eq!(asked.query("max_results"), "0", "1 to 149 is refused");
        match (asked.path.as_str(), asked.query("page_token")) {
            ("/api/2.1/unity-catalog/effective-permissions/schema/c.s%20x", "") => {
                page("privilege_assignments", json!([]), Some("n"))
            }
            ("/api/2.1/unity-catalog/effective-permissions/schema/c.s%20x", "n") => {
                assert_eq!(asked.query("principal"), "me");
                page("privilege_assignments", json!([{"principal": "me", "privileges": [
                    {"privilege": "USE_SCHEMA", "inherited_from_type": "CATALOG", "inherited_from_name": "c"}, {"privilege": "TELEPORT"}]}]), None)
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
    let found = server.client().effective_permissions(Securable::Schema, "c.s x", Some("me")).await.unwrap();
    assert_eq!(found[0].privileges[1].privilege, "TELEPORT");
    assert!(same_privilege("USE SCHEMA", &found[0].privileges[0].privilege));
}

#[tokio::test]
async fn grants_are_written_as_one_change_for_each_principal() {
    let server = Server::start(|_| ok(json!({}))).await;
    let one = |principal: &str, right: &str| Assignment {
        principal: principal.into(),
        privileges: vec![right.into()],
        ..Assignment::default()
    };
    let add = [one("a", "SELECT"), one("b", "MODIFY")];
    server.client().change_permissions(Securable::Table, "c.s.t", &add, &[one("a", "MODIFY")]).await.unwrap();
    let asked = server.last("PATCH", "/api/2.1/unity-catalog/permissions/table/c.s.t");
    assert_eq!(
        asked.json(),
        json!({"changes": [
        {"principal": "a", "add": ["SELECT"], "remove": ["MODIFY"]}, {"principal": "b", "add": ["MODIFY"], "remove": []}]})
    );
    server.client().set_owner(Securable::Table, "c.s.t", "boss").await.unwrap();
    assert_eq!(server.last("PATCH", "/api/2.1/unity-catalog/tables/c.s.t").json(), json!({"owner": "boss"}));
}

#[tokio::test]
async fn tags_that_cannot_be_had_are_not_none_at_all() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.1/unity-catalog/entity-tag-assignments/tables/c.s.t/tags" => page(
            "tag_assignments",
            json!([{"entity_name": "c.s.t", "tag_key": "pii", "tag_value": "yes"}, {"tag_key": "k"}]),
            None,
        ),
        "/api/2.1/unity-catalog/entity-tag-assignments/columns/c.s.t.a/tags" => {
            page("tag_assignments", json!([]), None)
        }
        "/api/2.1/unity-catalog/entity-tag-assignments/schemas/c.s/tags" => refused(404, "ENDPOINT_NOT_FOUND"),
        _ => refused(403, "PERMISSION_DENIED"),
    })
    .await;
    let client = server.client();
    let tags = client.tags(Securable::Table, "c.s.t").await.unwrap().unwrap();
    assert_eq!(tags, [Tag { key: "pii".into(), value: Some("yes".into()) }, Tag { key: "k".into(), value: None }]);
    assert_eq!(client.column_tags("c.s.t", "a").await.unwrap(), Some(vec![]));
    assert_eq!(client.tags(Securable::Schema, "c.s").await.unwrap(), None);
    assert_eq!(client.tags(Securable::Catalog, "c").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_there_is_found_and_what_is_not_is_none() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/2.1/unity-catalog/metastore_summary" => {
            ok(json!({"metastore_id": "m", "name": "n", "external_access_enabled": true}))
        }
        "/api/2.1/unity-catalog/catalogs" => {
            page("catalogs", json!([{"name": "c", "catalog_type": "FOREIGN_CATALOG", "connection_name": "glue"}]), None)
        }
        "/api/2.1/unity-catalog/schemas" => {
            page("schemas", json!([{"name": "s", "catalog_name": asked.query("catalog_name")}]), None)
        }
        "/api/2.1/unity-catalog/tables/c.s.t" => ok(json!({"name": "t", "catalog_name": "c", "schema_name": "s"})),
        "/api/2.1/unity-catalog/tables/c.s.gone" => refused(404, "TABLE_DOES_NOT_EXIST"),
        "/api/2.1/unity-catalog/tables/c.s.closed" => refused(403, "PERMISSION_DENIED"),
        other => panic!("{other}"),
    })
    .await;
    let client = server.client();
    assert_eq!(client.metastore().await.unwrap().external_access_enabled, Some(true));
    let catalogs: Vec<_> = client.catalogs().try_collect().await.unwrap();
    assert_eq!(catalogs[0].catalog_type, Some(CatalogType::Foreign));
    let schemas: Vec<_> = client.schemas("c").try_collect().await.unwrap();
    assert_eq!(schemas[0].catalog_name, "c");
    assert!(client.table("c.s.t").await.unwrap().is_some());
    assert!(client.table("c.s.gone").await.unwrap().is_none());
    assert_eq!(client.table("c.s.closed").await.unwrap_err().code, Code::AccessDenied);
}
