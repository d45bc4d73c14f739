//! A look at one table.

use super::run::stop_on_interrupt;
use crate::arguments::{TableArgs, TableCommand};
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::facts::TableFacts;
use icebridge_model::ops::{Rows, RowsRequest, TableRequest};
use icebridge_model::schema::{PartitionSpec, Schema, Type};
use icebridge_model::validation::Measurement;
use serde_json::Value;

pub async fn run(api: &Api, command: TableCommand, output: &Output) -> Result<Ended> {
    match command {
        TableCommand::Facts(table) => {
            let facts = api.table_facts(request(table)).await?;
            output.result(&facts, told)?;
        }
        TableCommand::Rows { table, limit } => {
            let rows = api.table_rows(RowsRequest { table: request(table), limit }).await?;
            output.result(&rows, grid)?;
        }
        TableCommand::Digest(table) => {
            let measured = stop_on_interrupt(api, api.table_measure(request(table))).await?;
            output.result(&measured, measure)?;
        }
    }
    Ok(Ended::Done)
}

fn request(table: TableArgs) -> TableRequest {
    TableRequest { catalog: table.catalog, table: table.table, snapshot_id: table.snapshot, reference: table.reference }
}

fn told(facts: &TableFacts) -> String {
    let files = &facts.files;
    let mut grid = Grid::new(&["fact", "value"]);
    let mut fact = |name: &str, value: String| grid.row([name.to_string(), value]);
    fact("table", facts.ident.to_string());
    fact("uuid", facts.uuid.clone());
    fact("format version", facts.format_version.to_string());
    fact("location", facts.location.clone());
    fact("metadata", facts.metadata_location.clone());
    fact("snapshot", facts.snapshot_id.map_or("none".into(), |id| id.to_string()));
    fact("snapshots", facts.snapshot_count.to_string());
    for reference in &facts.refs {
        fact(&reference.kind, format!("{} at {}", reference.name, reference.snapshot_id));
    }
    fact("rows before deletes", words::number(files.data_records));
    fact("data files", format!("{}, {}", words::number(files.data_files), words::bytes(files.data_bytes)));
    fact(
        "delete files",
        format!(
            "{} position, {} equality, {} deletion vectors",
            files.position_delete_files, files.equality_delete_files, files.deletion_vectors
        ),
    );
    fact(
        "all snapshots' files",
        format!("{}, {}", words::number(files.history_files), words::bytes(files.history_bytes)),
    );
    for spec in &facts.partition_specs {
        let current = if spec.spec_id == facts.default_spec_id { "partitioned by" } else { "once partitioned by" };
        fact(current, partitioning(spec, &facts.schema));
    }
    for (key, value) in &facts.properties {
        fact("property", format!("{key}={value}"));
    }
    let mut columns = Grid::new(&[">id", "column", "type", "", "comment"]);
    for (path, id, field_type) in facts.schema.walk() {
        let top = facts.schema.fields.iter().find(|f| f.id == id);
        let required = if top.is_some_and(|f| f.required) { "not null" } else { "" };
        let words = match field_type {
            Type::Struct(_) => "struct".to_string(),
            other => other.to_string(),
        };
        columns.row([
            id.to_string(),
            path,
            words,
            required.to_string(),
            top.and_then(|f| f.doc.clone()).unwrap_or_default(),
        ]);
    }
    format!("{grid}\n{columns}")
}

fn partitioning(spec: &PartitionSpec, schema: &Schema) -> String {
    if spec.fields.is_empty() {
        return "nothing".into();
    }
    let fields = spec.fields.iter().map(|field| {
        let source =
            schema.find(field.source_id).map_or_else(|| format!("field {}", field.source_id), |(path, _)| path);
        format!("{}({source})", field.transform)
    });
    fields.collect::<Vec<_>>().join(", ")
}

fn grid(rows: &Rows) -> String {
    let headings: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headings);
    for row in &rows.rows {
        grid.row(rows.columns.iter().map(|column| match row.get(column) {
            None | Some(Value::Null) => "null".to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }));
    }
    if grid.is_empty() { "no rows".into() } else { grid.to_string() }
}

fn measure(measured: &Measurement) -> String {
    let mut columns = Grid::new(&["column", "type", ">nulls", ">NaNs", "least", "greatest", ">sum"]);
    for column in &measured.columns {
        columns.row([
            column.name.clone(),
            column.column_type.clone(),
            words::number(column.nulls),
            words::number(column.nans),
            column.least.clone().unwrap_or_default(),
            column.greatest.clone().unwrap_or_default(),
            column.sum.clone().unwrap_or_default(),
        ]);
    }
    let snapshot = measured.snapshot_id.map_or("none".into(), |id| id.to_string());
    format!(
        "rows      {}\ndigest    {}\nsnapshot  {snapshot}\n\n{columns}",
        words::number(measured.rows),
        measured.digest
    )
}
