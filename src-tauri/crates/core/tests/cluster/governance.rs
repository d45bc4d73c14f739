//! Governance after a copy, and the bill.

use crate::fixture::{Fixture, PLAN, order, quick};
use icebridge_core::cluster::{Offer, Unobserved, secrets};
use icebridge_core::governance::{
    Applied, Governance, Prices, Wanted, apply, bill, difference, estimate, metrics, optimize, read,
};
use icebridge_databricks::auth::Auth;
use icebridge_databricks::optimization::Level;
use icebridge_databricks::sql::Statement;
use icebridge_databricks::unity::{PredictiveOptimization, Securable};
use icebridge_databricks::{Client, Host};
use icebridge_model::TableIdent;
use icebridge_model::photon::{AgainstEstimate, Bill};
use icebridge_model::secret::Secret;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

fn admin(fixture: &Fixture) -> Client {
    let auth = Auth::token_of(fixture.sandbox.sign_in().admin_token).unwrap();
    Client::new(Host::parse(&fixture.sandbox.url()).unwrap(), None, auth, &quick()).unwrap()
}

async fn sql(client: &Client, text: &str) {
    let warehouse = client.warehouses().await.unwrap()[0].id.clone();
    client.run_statement(&Statement::new(warehouse, text), &CancellationToken::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bill_is_found_by_the_plans_tag_and_held_against_the_estimate() {
    let fixture = Fixture::new().await;
    let (order, cancel) = (order(), CancellationToken::new());
    let settings = crate::fixture::settings();
    let prices = Prices::embedded().unwrap();
    let offer = Offer::of(&fixture.client, &settings).await.unwrap();
    let before = estimate(&prices, &offer, &settings, &order.tables).unwrap();
    assert!(before.clusters == 2 && before.min.milli_dbu > 0 && before.min.milli_dbu < before.max.milli_dbu);
    let none = bill(&admin(&fixture), None, PLAN, &[], Some(&before), &cancel).await.unwrap();
    assert!(matches!(none, Bill::NotYet { .. }), "{none:?}");
    fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    let known = bill(&admin(&fixture), None, PLAN, &[], Some(&before), &cancel).await.unwrap();
    let Bill::Known { cost, runs, against_estimate } = known else { panic!("{known:?}") };
    assert_eq!(runs.len(), 2);
    assert!(cost.milli_dbu > 0, "{cost:?}");
    let below = matches!(against_estimate, AgainstEstimate::BelowMin { .. });
    assert!(below, "a second is less than any estimate: {against_estimate}");
    let other = bill(&admin(&fixture), None, "another plan", &[], None, &cancel).await.unwrap();
    assert!(matches!(other, Bill::NotYet { .. }), "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_grants_comments_and_tags_come_back_and_only_once() {
    let fixture = Fixture::new().await;
    let (client, cancel) = (admin(&fixture), CancellationToken::new());
    sql(&client, "CREATE SCHEMA IF NOT EXISTS main.sales").await;
    sql(&client, "CREATE TABLE main.sales.t (id BIGINT) USING ICEBERG").await;
    let table = TableIdent::new(["main", "sales"], "t");
    let wanted = Governance {
        owner: Some("pilot@sandbox.example".into()),
        grants: BTreeMap::from([("old-team".to_owned(), BTreeSet::from(["SELECT".to_owned()]))]),
        comment: Some("it's \\ ours".into()),
        tags: BTreeMap::from([("team".to_owned(), "lake".to_owned())]),
        ..Governance::default()
    };
    let principals = BTreeMap::from([("old-team".to_owned(), Some("migration-engineers".to_owned()))]);
    let actions = difference(&wanted, &Governance::default(), &principals);
    assert_eq!(actions.len(), 4);
    let mut applied = Applied::default();
    apply(&client, None, &table, &actions, &mut applied, &cancel).await.unwrap();
    assert_eq!((applied.not_done, applied.done.len()), (vec![], 4));
    let now = client.table("main.sales.t").await.unwrap().unwrap();
    let tags = client.tags(Securable::Table, "main.sales.t").await.unwrap().unwrap();
    let is = Governance {
        owner: now.owner,
        comment: now.comment,
        tags: tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect(),
        ..Governance::default()
    }
    .with_grants(&client.permissions(Securable::Table, "main.sales.t").await.unwrap());
    assert_eq!(difference(&wanted, &is, &principals), [], "{is:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_costs_itself_alone_and_what_was_done_is_told() {
    let fixture = Fixture::new().await;
    let (client, cancel) = (admin(&fixture), CancellationToken::new());
    sql(&client, "CREATE SCHEMA IF NOT EXISTS main.sales").await;
    sql(&client, "CREATE TABLE main.sales.t (id BIGINT) USING ICEBERG").await;
    sql(&client, "COMMENT ON TABLE main.sales.t IS 'there'").await;
    let table = TableIdent::new(["main", "sales"], "t");
    let wanted = Governance {
        grants: BTreeMap::from([("migration-engineers".to_owned(), BTreeSet::from(["SELECT".to_owned()]))]),
        comment: Some("new".into()),
        ..Governance::default()
    };
    let actions = difference(&wanted, &Governance::default(), &BTreeMap::new());
    let refused = || json!({"status": 404, "code": "ENDPOINT_NOT_FOUND"});
    fixture.fault("/api/2.0/sql/warehouses", "error", 20, refused()).await;
    let mut applied = Applied::default();
    apply(&client, None, &table, &actions, &mut applied, &cancel).await.unwrap();
    let left: Vec<&str> = applied.not_done.iter().map(|one| one.statement.as_str()).collect();
    assert_eq!((applied.done.len(), left), (1, vec!["COMMENT ON TABLE `main`.`sales`.`t` IS 'new'"]));

    fixture
        .fault("/api/2.1/unity-catalog/permissions/*", "error", 20, json!({"status": 403, "code": "PERMISSION_DENIED"}))
        .await;
    let found =
        read(&client, &table, Wanted { tags: None, grants: true, restrictions_for: None }, &cancel).await.unwrap();
    let unread: Vec<&str> = found.unread.iter().map(|(what, _)| *what).collect();
    assert_eq!((unread, found.governance.comment.as_deref()), (vec!["grants"], Some("there")));

    // A run that is cancelled in the middle keeps what it did.
    cancel.cancel();
    let mut applied = Applied { done: vec!["before".into()], ..Applied::default() };
    apply(&client, None, &table, &actions, &mut applied, &cancel).await.unwrap_err();
    assert_eq!(applied.done, ["before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predictive_optimization_is_set_at_each_level() {
    let fixture = Fixture::new().await;
    let (client, cancel) = (admin(&fixture), CancellationToken::new());
    sql(&client, "CREATE SCHEMA IF NOT EXISTS main.sales").await;
    sql(&client, "CREATE TABLE main.sales.t (id BIGINT) USING ICEBERG").await;
    let schema = Level::Schema { catalog: "main".into(), schema: "sales".into() };
    let table = Level::Table { catalog: "main".into(), schema: "sales".into(), table: "t".into() };
    for level in [Level::Catalog("main".into()), schema, table] {
        for wanted in [PredictiveOptimization::Disable, PredictiveOptimization::Inherit, PredictiveOptimization::Enable]
        {
            optimize(&client, None, &level, &wanted, &cancel).await.unwrap();
        }
    }
    let now = client.table("main.sales.t").await.unwrap().unwrap();
    assert_eq!(now.enable_predictive_optimization, Some(PredictiveOptimization::Enable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_has_one_row_of_metrics_however_often_it_is_written() {
    let fixture = Fixture::new().await;
    let (client, cancel, order) = (admin(&fixture), CancellationToken::new(), order());
    let results = fixture.engine().run(&order, &Unobserved, &cancel).await.unwrap();
    let table = metrics::table_of(None, "main").unwrap();
    assert_eq!(table.to_string(), "main.icebridge.migration_iceberg_jobs");
    fixture.fault("/api/2.0/sql/statements", "lost", 3, json!({"skip": 3})).await;
    for _ in 0..2 {
        for result in &results {
            let row = metrics::Row {
                plan_hash: PLAN,
                run_id: "run-1",
                source: &result.source,
                target: &result.target,
                method: result.method.as_str(),
                state: "migrated",
                rows: result.rows_done,
                milliseconds: result.milliseconds,
                job_run_id: result.job_run_id,
            };
            let metrics = metrics::MetricsTable::open(&client, None, &table, &cancel).await.unwrap();
            metrics.record(&row).await.unwrap();
        }
    }
    let warehouse = client.warehouses().await.unwrap()[0].id.clone();
    let count = Statement::new(warehouse, "SELECT COUNT(*) AS n FROM main.icebridge.migration_iceberg_jobs");
    let status = client.run_statement(&count, &cancel).await.unwrap();
    let rows = futures::TryStreamExt::try_concat(client.rows(status)).await.unwrap();
    assert_eq!(rows, [[Some("3".to_owned())]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_there_for_the_jobs_and_gone_afterwards() {
    let fixture = Fixture::new().await;
    let scope = secrets::scope(PLAN, "this state");
    let own = [("source-password".to_owned(), Secret::new("canary-in-a-scope"))];
    secrets::put(&fixture.client, &scope, &own, None).await.unwrap();
    secrets::put(&fixture.client, &scope, &own, None).await.unwrap();
    assert_eq!(fixture.client.secret_keys(&scope).await.unwrap().len(), 1);
    assert_eq!(secrets::reference(&scope, "k"), format!("{{{{secrets/{scope}/k}}}}"));
    secrets::remove(&fixture.client, &scope, &["source-password".to_owned()]).await.unwrap();
    secrets::remove(&fixture.client, &scope, &["source-password".to_owned()]).await.unwrap();
    assert!(fixture.client.secret_scopes().await.unwrap().iter().all(|one| one.name != scope));
}
