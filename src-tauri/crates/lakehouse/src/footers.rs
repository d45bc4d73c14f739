//! What the footers of some data files say that the table's metadata does not: other programs wrote them, and a reader that
//! takes them by their own types shows other values than one that takes them by the table's.

use crate::arrow_types::field_id;
use crate::manifest::DataFile;
use crate::partition::PartitionValue;
use crate::reader::{self, FileColumns};
use crate::table::Table;
use arrow_schema::{DataType, Field as ArrowField, Fields, TimeUnit};
use icebridge_model::facts::FooterFacts;
use icebridge_model::schema::{Field, Primitive, Transform, Type};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

/// One that cannot be read says so in the run, with all that is known of it: the inventory has nothing to add.
pub async fn look(table: &Table, files: &[DataFile]) -> FooterFacts {
    let mut found = FooterFacts::default();
    for file in files {
        match reader::file_columns(table, &file.path).await {
            Ok(columns) => {
                found.checked += 1;
                compare(table, file, &columns, &mut found);
            }
            Err(error) => tracing::debug!(path = file.path, code = error.code.as_str(), "no footer to look at"),
        }
    }
    for list in [&mut found.other_units, &mut found.partition_columns, &mut found.unfit] {
        list.sort_unstable();
        list.dedup();
    }
    found
}

fn compare(table: &Table, file: &DataFile, columns: &FileColumns, found: &mut FooterFacts) {
    let schema = table.metadata.current_schema();
    let partitions = identity_values(table, file);
    for field in &schema.fields {
        let Some(place) = columns.fields.iter().position(|f| field_id(f) == Some(field.id)) else { continue };
        let of_file = &columns.fields[place];
        let mut unfit = Vec::new();
        types(&field.name, of_file, &field.field_type, found, &mut unfit);
        match partitions.iter().find(|(source, _)| *source == field.id) {
            // Its partition has a value that fits.
            Some((_, value)) if !unfit.is_empty() || differs(columns, place, value.as_ref()) => {
                found.partition_columns.push(format!("{} ({} in the files)", field.name, of_file.data_type()));
            }
            Some(_) => {}
            None => found.unfit.append(&mut unfit),
        }
    }
}

fn identity_values(table: &Table, file: &DataFile) -> Vec<(i32, Option<PartitionValue>)> {
    let spec = table.metadata.partition_spec(file.spec_id);
    let fields = spec.map(|spec| spec.fields.as_slice()).unwrap_or_default();
    let identity = fields.iter().zip(&file.partition).filter(|(field, _)| field.transform == Transform::Identity);
    identity.map(|(field, value)| (field.source_id, value.clone())).collect()
}

/// At every depth.
fn types(name: &str, file: &ArrowField, want: &Type, found: &mut FooterFacts, unfit: &mut Vec<String>) {
    match (file.data_type(), want) {
        (DataType::Timestamp(unit, _), Type::Primitive(primitive)) => {
            let wanted = match primitive {
                Primitive::Timestamp | Primitive::Timestamptz => TimeUnit::Microsecond,
                Primitive::TimestampNs | Primitive::TimestamptzNs => TimeUnit::Nanosecond,
                other => return unfit.push(format!("{name} ({} for {other})", file.data_type())),
            };
            if *unit != wanted {
                found.other_units.push(format!("{name} ({})", words(*unit)));
            }
        }
        (from, Type::Primitive(primitive)) if reader::is_or_may_become(from, primitive) => {}
        (from, Type::Primitive(primitive)) => unfit.push(format!("{name} ({from} for {primitive})")),
        (DataType::Struct(fields), Type::Struct(wanted)) => members(name, fields, wanted, found, unfit),
        (DataType::List(element) | DataType::LargeList(element), Type::List(list)) => {
            types(&format!("{name}.element"), element, &list.element, found, unfit);
        }
        (DataType::Map(entries, _), Type::Map(map)) => {
            if let DataType::Struct(pair) = entries.data_type()
                && let [key, value] = pair.as_ref()
            {
                types(&format!("{name}.key"), key, &map.key, found, unfit);
                types(&format!("{name}.value"), value, &map.value, found, unfit);
            }
        }
        (from, want) => unfit.push(format!("{name} ({from} for {want})")),
    }
}

fn members(name: &str, fields: &Fields, wanted: &[Field], found: &mut FooterFacts, unfit: &mut Vec<String>) {
    for want in wanted {
        if let Some(file) = fields.iter().find(|f| field_id(f) == Some(want.id)) {
            types(&format!("{name}.{}", want.name), file, &want.field_type, found, unfit);
        }
    }
}

fn words(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}

/// Whether the file's own statistics say that a column has another value than the partition. Where they do not say, no.
fn differs(columns: &FileColumns, root: usize, value: Option<&PartitionValue>) -> bool {
    let schema = columns.metadata.file_metadata().schema_descr();
    let Some(leaf) = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root) else {
        return false;
    };
    columns.metadata.row_groups().iter().filter_map(|group| group.columns().get(leaf)).any(|chunk| match value {
        Some(value) => has_other(chunk, value),
        None => chunk
            .statistics()
            .and_then(Statistics::null_count_opt)
            .is_some_and(|nulls| chunk.num_values() > 0 && nulls != chunk.num_values() as u64),
    })
}

fn has_other(chunk: &ColumnChunkMetaData, value: &PartitionValue) -> bool {
    let Some(statistics) = chunk.statistics() else { return false };
    let has_nulls = statistics.null_count_opt().is_some_and(|nulls| nulls > 0);
    let (least, greatest) = match (statistics, value) {
        (Statistics::Int32(s), PartitionValue::Integer(n)) => {
            let differs = |found: Option<&i32>| found.is_some_and(|found| i64::from(*found) != *n);
            (differs(s.min_opt()), differs(s.max_opt()))
        }
        (Statistics::Int64(s), PartitionValue::Integer(n)) => {
            let differs = |found: Option<&i64>| found.is_some_and(|found| found != n);
            (differs(s.min_opt()), differs(s.max_opt()))
        }
        (Statistics::ByteArray(s), PartitionValue::String(text)) => {
            let differs = |found: Option<&parquet::data_type::ByteArray>| {
                found.is_some_and(|found| found.data() != text.as_bytes())
            };
            (s.min_is_exact() && differs(s.min_opt()), s.max_is_exact() && differs(s.max_opt()))
        }
        _ => (false, false),
    };
    has_nulls || least || greatest
}
