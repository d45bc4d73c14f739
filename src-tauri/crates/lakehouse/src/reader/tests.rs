//! Whole small tables on disk, read with their deletes.

use super::*;
use crate::avro::Value;
use crate::scan;
use crate::storage::Storage;
use crate::testing::{Lake, Stored, decimal};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Decimal128Array, Int64Array, StringArray};
use arrow_schema::DataType;
use serde_json::json;
use std::fs;

async fn ids(table: &Table) -> Result<Vec<i64>> {
    let reader = Reader::new(table, table.metadata.current_schema())?;
    let mut out = Vec::new();
    for task in scan::plan(table, Some(1)).await? {
        let mut batches = reader.read(&task).await?;
        while let Some(batch) = batches.try_next().await? {
            out.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
    }
    out.sort_unstable();
    Ok(out)
}

#[tokio::test]
async fn deletes_reach_files_whose_partition_column_was_promoted_since() {
    let forms: [(&str, Stored, Stored); 4] = [
        ("decimal(18, 2)", decimal(4, -1999), decimal(8, -1999)),
        ("decimal(18, 2)", decimal(4, -1999), (json!("bytes"), Value::Bytes(vec![0xf8, 0x31]))),
        ("double", (json!("float"), Value::Float(-0.5)), (json!("double"), Value::Double(-0.5))),
        ("long", (json!("int"), Value::Long(7)), (json!("long"), Value::Long(7))),
    ];
    for (column_type, old, new) in forms {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3, 4], old);
        lake.equality_delete(&[2], new.clone());
        let data = lake.path("a.parquet");
        lake.position_delete(&[(&data, 0)], new);
        assert_eq!(ids(&lake.table(column_type)).await.unwrap(), [3, 4], "{column_type}");
    }
}

#[tokio::test]
async fn an_equality_delete_of_another_partition_deletes_nothing() {
    let mut lake = Lake::new();
    lake.data("a.parquet", &[1, 2], decimal(4, 5));
    lake.equality_delete(&[1, 2], decimal(8, 6));
    assert_eq!(ids(&lake.table("decimal(18, 2)")).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_position_delete_in_another_partition_deletes_what_its_content_names() {
    for bounded in [true, false] {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
        let data = format!("file:{}", lake.path("a.parquet"));
        let entry = lake.position_delete(&[(&data, 1)], decimal(4, 99));
        entry.bounds = bounded.then(|| (data.clone(), data.clone()));
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [1, 3]);
    }
}

#[tokio::test]
async fn a_position_delete_without_field_ids_is_read_by_the_names_of_its_columns() {
    let mut lake = Lake::new();
    lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
    let paths = Arc::new(StringArray::from(vec![lake.path("a.parquet")]));
    let positions = Arc::new(Int64Array::from(vec![1]));
    let file = lake.parquet("p.parquet", vec![("file_path", 0, paths), ("pos", 0, positions)]);
    lake.add(1, file, 1, decimal(4, 5), 2);
    assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [1, 3]);
}

#[tokio::test]
async fn a_vector_is_found_by_every_spelling_of_its_files_path() {
    for scheme in ["", "file:", "file://"] {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
        let spelled = format!("{scheme}{}", lake.path("a.parquet"));
        lake.vector(&spelled, &[0, 2], decimal(4, 5), "2");
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [2]);
    }
}

#[tokio::test]
async fn a_vector_whose_container_does_not_hold_is_refused() {
    type Change = fn(&mut Lake);
    let changes: [(&str, Change); 5] = [
        ("bare", |lake| {
            let (offset, length) = lake.entries[1].blob.unwrap();
            let bytes = fs::read(lake.path("v.puffin")).unwrap();
            fs::write(lake.path("v.puffin"), &bytes[offset as usize..(offset + length) as usize]).unwrap();
            lake.entries[1].blob = Some((0, length));
            lake.entries[1].size = length;
        }),
        ("elsewhere", |lake| {
            let (offset, length) = lake.entries[1].blob.unwrap();
            lake.entries[1].blob = Some((offset + 1, length - 1));
        }),
        ("records", |lake| lake.entries[1].records = 3),
        ("other file", |lake| {
            let other = lake.path("other.parquet");
            lake.data("b.parquet", &[1], decimal(4, 5));
            lake.vector(&other, &[0, 2], decimal(4, 5), "2").referenced = None;
            let mut vector = lake.entries.remove(3);
            vector.referenced = Some(lake.path("a.parquet"));
            lake.entries[1] = vector;
        }),
        ("cardinality", |lake| {
            let data = lake.path("a.parquet");
            lake.vector(&data, &[0, 2], decimal(4, 5), "9");
            lake.entries.remove(1);
        }),
    ];
    for (name, change) in changes {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
        let data = lake.path("a.parquet");
        lake.vector(&data, &[0, 2], decimal(4, 5), "2");
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [2]);
        change(&mut lake);
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap_err().code, Code::FileBroken, "{name}");
    }
}

#[tokio::test]
async fn a_column_that_its_file_lacks_has_the_partitions_value() {
    let mut lake = Lake::new();
    lake.data("a.parquet", &[1], (json!("float"), Value::Float(-0.0)));
    let table = lake.table("double");
    let reader = Reader::new(&table, table.metadata.current_schema()).unwrap();
    let task = scan::plan(&table, Some(1)).await.unwrap().remove(0);
    let batch = reader.read(&task).await.unwrap().try_next().await.unwrap().unwrap();
    let value = batch.column(1).as_primitive::<arrow_array::types::Float64Type>().value(0);
    assert_eq!(value.to_bits(), (-0.0f64).to_bits());
    assert_eq!(*batch.schema().field(1).data_type(), DataType::Float64);
}

#[tokio::test]
async fn a_decimal_column_wider_than_the_tables_is_read_as_long_as_its_values_fit() {
    for (unscaled, fits) in [(1234, true), (1_234_567_890, false)] {
        let mut lake = Lake::new();
        let wide = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(18, 2).unwrap();
        let file =
            lake.parquet("a.parquet", vec![("id", 1, Arc::new(Int64Array::from(vec![1]))), ("p", 2, Arc::new(wide))]);
        lake.add(0, file, 1, decimal(4, 5), 1);
        let found = ids(&lake.table("decimal(9, 2)")).await.map_err(|e| e.code);
        assert_eq!(found, if fits { Ok(vec![1]) } else { Err(Code::FileBroken) });
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_compared_as_bytes_and_not_shown_as_text() {
    let mut lake = Lake::new();
    let text = arrow_array::BinaryArray::from(vec![b"caf\xe9".as_slice(), b"plain"]);
    let ids_column = Arc::new(Int64Array::from(vec![1, 2]));
    let file = lake.parquet("a.parquet", vec![("id", 1, ids_column), ("größe", 2, Arc::new(text))]);
    lake.add(0, file, 2, (json!("string"), Value::String("p".into())), 1);
    let table = lake.table("string");
    let cancel = tokio_util::sync::CancellationToken::new();
    let found = crate::digest::measure(&table, Some(1), &cancel, &|_| {}).await.unwrap();
    assert_eq!((found.rows, found.columns[1].not_utf8, found.columns[1].column_type.as_str()), (2, 1, "string"));
    assert_eq!(ids(&table).await.unwrap_err().code, Code::InvalidText);
    lake.equality_delete(&[2], (json!("string"), Value::String("p".into())));
    let found = crate::digest::measure(&lake.table("string"), Some(1), &cancel, &|_| {}).await.unwrap();
    assert_eq!(found.rows, 1);
}

#[tokio::test]
async fn a_partition_column_of_another_type_has_the_partitions_value() {
    let mut lake = Lake::new();
    let text = Arc::new(StringArray::from(vec!["7"]));
    let file = lake.parquet("a.parquet", vec![("id", 1, Arc::new(Int64Array::from(vec![1]))), ("größe", 2, text)]);
    lake.add(0, file, 1, (json!("long"), Value::Long(7)), 1);
    let table = lake.table("long");
    let reader = Reader::new(&table, table.metadata.current_schema()).unwrap();
    let task = scan::plan(&table, Some(1)).await.unwrap().remove(0);
    let batch = reader.read(&task).await.unwrap().try_next().await.unwrap().unwrap();
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().value(0), 7);
    let found = crate::facts::facts(&table, crate::history::Depth::Sample).await.unwrap().footers;
    assert_eq!((found.checked, found.partition_columns), (1, vec!["größe (Utf8 in the files)".to_string()]));
}

#[tokio::test]
async fn a_dictionary_offset_of_zero_is_none() {
    let lake = Lake::new();
    let (path, size) = lake.parquet("a.parquet", vec![("id", 1, Arc::new(Int64Array::from(vec![1])))]);
    let (_, metadata) = parquet_file::load(&Storage::local().unwrap(), &path).await.unwrap();
    let mut builder = metadata.into_builder();
    let mut groups = builder.take_row_groups();
    let chunk = groups[0].columns()[0].clone().into_builder().set_dictionary_page_offset(Some(0));
    groups[0].columns_mut()[0] = chunk.build().unwrap();
    let mended = footer::mended(builder.set_row_groups(groups).build()).unwrap();
    assert_eq!(mended.row_group(0).column(0).dictionary_page_offset(), None);
    assert!(size > 0);
}
