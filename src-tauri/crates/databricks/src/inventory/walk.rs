//! Catalogs, their schemas, their tables: each level a stream, several schemas at once, one page of each in memory.

use super::cursor::{Cursor, SchemaPosition, SchemaProgress};
use super::scope::{Found, Scope, TableRow};
use crate::client::{Client, PageGuard, RefusalKind, SERVICE};
use crate::unity::{Catalog, CatalogType, Kind, Schema, Securable, Table, TableDetail};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

/// Catalogs whose schemas are listed at once.
const CATALOGS: usize = 4;
/// Tables of one page that are read whole at once.
const TABLES: usize = 8;

pub(super) fn walk(client: Client, scope: Arc<Scope>, cursor: Arc<Cursor>) -> BoxStream<'static, Result<Found>> {
    let at_once = scope.at_once.max(1);
    let wanted = {
        let scope = scope.clone();
        move |catalog: &Catalog| wants_catalog(&scope, catalog)
    };
    let catalogs = client.catalogs().try_filter(move |catalog| std::future::ready(wanted(catalog)));
    let parts = {
        let (client, scope) = (client.clone(), scope.clone());
        catalogs.map(move |catalog| match catalog {
            Ok(catalog) => schemas(&client, &scope, catalog),
            Err(error) => one(Err(error)),
        })
    };
    parts
        .flatten_unordered(CATALOGS)
        .map(move |part| match part {
            Ok(Part::Tables(schema)) => tables(&client, &scope, &cursor, *schema),
            Ok(Part::Found(found)) => one(Ok(found)),
            Err(error) => one(Err(error)),
        })
        .flatten_unordered(at_once)
        .boxed()
}

/// What the walk over schemas gives: something for the caller, or a schema whose tables come next.
enum Part {
    Found(Found),
    Tables(Box<Schema>),
}

fn one<T: Send + 'static>(item: Result<T>) -> BoxStream<'static, Result<T>> {
    stream::once(std::future::ready(item)).boxed()
}

fn wants_catalog(scope: &Scope, catalog: &Catalog) -> bool {
    let by_name = scope.catalogs.as_ref().is_none_or(|names| names.contains(&catalog.name));
    let in_schemas = scope.schemas.as_ref().is_none_or(|names| {
        let start = format!("{}.", catalog.name);
        names.range(start.clone()..).next().is_some_and(|name| name.starts_with(&start))
    });
    let system =
        matches!(catalog.catalog_type, Some(CatalogType::System | CatalogType::Internal)) || catalog.name == "system";
    by_name && in_schemas && (scope.system || !system)
}

fn wants_schema(scope: &Scope, schema: &Schema) -> bool {
    let by_name =
        scope.schemas.as_ref().is_none_or(|names| names.contains(&format!("{}.{}", schema.catalog_name, schema.name)));
    by_name && (scope.system || schema.name != "information_schema")
}

/// Ends the walk: all that follows would fail in the same way.
fn is_fatal(error: &Error) -> bool {
    matches!(
        error.code,
        Code::CredentialsRejected | Code::CredentialsMissing | Code::KeychainUnavailable | Code::Cancelled
    )
}

fn failed(object: String, error: Error) -> Result<Found> {
    if is_fatal(&error) { Err(error) } else { Ok(Found::Failed { object, error }) }
}

fn schemas(client: &Client, scope: &Arc<Scope>, catalog: Catalog) -> BoxStream<'static, Result<Part>> {
    let (name, scope) = (catalog.name.clone(), scope.clone());
    let listed = client.schemas(&catalog.name);
    let head = one(Ok(Part::Found(Found::Catalog(Box::new(catalog)))));
    let rest = listed
        .try_filter(move |schema| std::future::ready(wants_schema(&scope, schema)))
        .map(move |schema| match schema {
            Ok(schema) => {
                Ok(vec![Part::Found(Found::Schema(Box::new(schema.clone()))), Part::Tables(Box::new(schema))])
            }
            Err(error) => failed(name.clone(), error).map(|found| vec![Part::Found(found)]),
        })
        .map_ok(|parts| stream::iter(parts.into_iter().map(Ok)))
        .try_flatten();
    head.chain(rest).boxed()
}

/// Where the listing of one schema is.
struct At {
    token: Option<String>,
    from_start: bool,
    /// The token was kept from an earlier walk: the server may have forgotten it.
    kept: bool,
    guard: PageGuard,
    /// Of the page before.
    items_before: usize,
}

fn tables(client: &Client, scope: &Arc<Scope>, cursor: &Cursor, schema: Schema) -> BoxStream<'static, Result<Found>> {
    let at = match cursor.progress(&schema.catalog_name, &schema.name) {
        Some(SchemaProgress::Done { .. }) => return stream::empty().boxed(),
        // Its earlier pages came in another walk: what has vanished since cannot be found out any more.
        Some(SchemaProgress::Next { token, .. }) => At {
            token: Some(token.clone()),
            from_start: false,
            kept: true,
            guard: PageGuard::streaming(),
            items_before: 0,
        },
        None => At { token: None, from_start: true, kept: false, guard: PageGuard::streaming(), items_before: 0 },
    };
    let (client, scope) = (client.clone(), scope.clone());
    let object = format!("{}.{}", schema.catalog_name, schema.name);
    let pages = stream::try_unfold(Some(at), move |at| {
        let (client, scope, schema) = (client.clone(), scope.clone(), schema.clone());
        async move {
            match at {
                Some(at) => page(&client, &scope, &schema, at).await.map(Some),
                None => Ok(None),
            }
        }
    });
    let found = pages.map_ok(|found| stream::iter(found.into_iter().map(Ok::<_, Error>))).try_flatten();
    // The error ends this schema's stream, not the walk.
    found.map(move |found| found.or_else(|error| failed(object.clone(), error))).boxed()
}

async fn page(client: &Client, scope: &Scope, schema: &Schema, mut at: At) -> Result<(Vec<Found>, Option<At>)> {
    let (catalog, name) = (&schema.catalog_name, &schema.name);
    let detail = if scope.known.is_some() { TableDetail::Brief } else { TableDetail::Full };
    if let Some(token) = &at.token {
        at.guard.next(token, at.items_before, &format!("the tables of {catalog}.{name}"), &SERVICE)?;
    }
    let page = match client.table_page(catalog, name, detail, at.token.as_deref()).await {
        Ok(page) => page,
        Err(failure) if at.kept && failure.refusal().is_some_and(|refusal| refusal.is_bad_request()) => {
            tracing::info!(
                catalog,
                schema = name,
                "the place of an earlier walk is no longer known; the schema is listed anew"
            );
            at = At { token: None, from_start: true, kept: false, guard: PageGuard::streaming(), items_before: 0 };
            client.table_page(catalog, name, detail, None).await?
        }
        Err(failure) => return Err(failure.into()),
    };
    let items_before = page.items.len();
    let mut found: Vec<Found> =
        stream::iter(page.items).map(|table| look(client, scope, table)).buffered(TABLES).try_collect().await?;
    let progress = match &page.next {
        Some(token) => SchemaProgress::Next { token: token.clone(), from_start: at.from_start },
        None => SchemaProgress::Done { complete: at.from_start },
    };
    found.push(Found::Reached(SchemaPosition { catalog: catalog.clone(), schema: name.clone(), progress }));
    let rest = page.next.map(|next| At { token: Some(next), kept: false, items_before, ..at });
    Ok((found, rest))
}

async fn look(client: &Client, scope: &Scope, listed: Table) -> Result<Found> {
    let full_name = listed.full_name();
    let table = match &scope.known {
        None => listed,
        Some(known) => {
            if listed.updated_at.is_some() && known.get(&full_name).copied() == listed.updated_at {
                return Ok(Found::Unchanged { full_name });
            }
            match client.table(&full_name).await {
                Ok(Some(table)) => table,
                // Gone between the two: the next walk will not list it.
                Ok(None) => listed,
                Err(error) => return failed(full_name, error),
            }
        }
    };
    let kind = table.kind();
    let mut row = TableRow { kind, table, grants: None, tags: None };
    if scope.grants_and_tags && kind == Kind::ForeignIceberg {
        match client.permissions(Securable::Table, &full_name).await {
            Ok(grants) => row.grants = Some(grants),
            Err(error) if is_fatal(&error) => return Err(error),
            // Only owners and admins see them.
            Err(error) => tracing::debug!(table = full_name, %error, "the grants cannot be read"),
        }
        match client.tags(Securable::Table, &full_name).await {
            Ok(tags) => row.tags = tags,
            Err(error) if is_fatal(&error) => return Err(error),
            Err(error) => tracing::debug!(table = full_name, %error, "the tags cannot be read"),
        }
    }
    Ok(Found::Table(Box::new(row)))
}
