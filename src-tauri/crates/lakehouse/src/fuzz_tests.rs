//! Changed bytes into every parser of foreign files: each ends with a value or an error, and soon.

use crate::avro::Value;
use crate::manifest::{self, Manifest};
use crate::metadata::TableMetadata;
use crate::pages::values::{Doubt, Levels};
use crate::puffin;
use crate::scan;
use crate::table::Table;
use crate::testing::{Lake, decimal};
use arrow_array::{ArrayRef, Int64Array, ListArray, StringArray, types::Int32Type};
use bytes::Bytes;
use futures::TryStreamExt;
use icebridge_loopback::fuzz;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::json;
use std::fs;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.data("a.parquet", &[1, 2, 3, 4], decimal(4, -1999));
    let data = lake.path("a.parquet");
    lake.position_delete(&[(&data, 1)], decimal(4, -1999));
    lake.equality_delete(&[2], decimal(4, -1999));
    lake.vector(&data, &[3], decimal(4, -1999), "1");
    lake
}

#[test]
fn fuzz_metadata() {
    let full = json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-sequence-number": 3, "last-column-id": 9,
        "schemas": [{"schema-id": 0, "fields": [
            {"id": 1, "name": "a", "required": true, "type": "long", "initial-default": 5},
            {"id": 2, "name": "b", "required": false, "type": {"type": "list", "element-id": 3, "element-required": false,
                "element": {"type": "map", "key-id": 4, "key": "string", "value-id": 5, "value-required": true, "value": "decimal(9,2)"}}},
            {"id": 6, "name": "c", "required": false, "type": {"type": "struct", "fields": [
                {"id": 7, "name": "d", "required": false, "type": "fixed[16]"}]}}]}],
        "current-schema-id": 0, "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": [
            {"source-id": 1, "field-id": 1000, "name": "a_bucket", "transform": "bucket[16]"}]}],
        "default-sort-order-id": 1, "sort-orders": [{"order-id": 1, "fields": [
            {"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}]}],
        "properties": {"schema.name-mapping.default": "[{\"field-id\": 1, \"names\": [\"a\"]}]"},
        "current-snapshot-id": 7, "snapshots": [{"snapshot-id": 7, "timestamp-ms": 1, "manifest-list": "/t/l.avro",
            "summary": {"operation": "append", "deleted-records": "3"}, "schema-id": 0}],
        "refs": {"main": {"snapshot-id": 7, "type": "branch"}}, "statistics": [{"statistics-path": "/t/s.puffin"}]});
    let seeds = [
        full.to_string().into_bytes(),
        json!({"format-version": 1, "location": "/t", "schema": {"fields": []}}).to_string().into_bytes(),
    ];
    fuzz::inputs("metadata", &seeds, 3_000, |input| {
        if let Ok(metadata) = TableMetadata::parse(&input, "m.json") {
            let _ = (
                metadata.current_schema().walk(),
                metadata.sort_order(),
                metadata.read_schema(metadata.current_snapshot_id),
            );
            let _ = metadata.name_mapping().map(crate::name_mapping::parse);
        }
    });
}

#[test]
fn fuzz_manifest_list() {
    let lake = lake();
    let table = lake.table("decimal(18, 2)");
    let path = lake.path("list.avro");
    let seeds = [fs::read(&path).unwrap()];
    let runtime = runtime();
    fuzz::inputs("manifest list", &seeds, 2_000, |input| {
        fs::write(&path, input).unwrap();
        let snapshot = table.metadata.snapshot(1).unwrap();
        let _ = runtime.block_on(manifest::manifests(&table.storage, snapshot));
    });
}

#[test]
fn fuzz_manifest() {
    let lake = lake();
    let table = lake.table("decimal(18, 2)");
    let runtime = runtime();
    let lists = runtime.block_on(manifest::manifests(&table.storage, table.metadata.snapshot(1).unwrap())).unwrap();
    let seeds: Vec<Vec<u8>> = (0..4).map(|at| fs::read(lake.path(&format!("m{at}.avro"))).unwrap()).collect();
    fuzz::inputs("manifest", &seeds, 3_000, |input| {
        if let Ok(manifest) = Manifest::open(Bytes::from(input), &table.metadata, &lists[0]) {
            manifest.entries().filter_map(Result::ok).for_each(|entry| drop(entry.file.partition_key()));
        }
    });
}

#[test]
fn fuzz_puffin() {
    let lake = lake();
    let seeds = [fs::read(lake.path("v.puffin")).unwrap()];
    fuzz::inputs("puffin", &seeds, 5_000, |input| {
        if let Ok(footer) = puffin::testing::read(&input, "v.puffin") {
            footer.blobs.iter().for_each(|blob| drop(puffin::testing::blob_bytes(&input, blob)));
        }
        let _ = puffin::relocate(&Bytes::from(input), "v.puffin", |path| Ok(path.to_string()));
    });
}

#[test]
fn fuzz_deletion_vector() {
    let encoded =
        |positions: &[u64]| puffin::testing::encode_deletion_vector(&positions.iter().copied().collect()).unwrap();
    let seeds = [encoded(&[1, 5, 70_000]), encoded(&(0..5000).collect::<Vec<_>>()), encoded(&[1 << 40])];
    fuzz::inputs("deletion vector", &seeds, 5_000, |mut input| {
        let _ = puffin::decode_deletion_vector(&input, "v");
        // Most changes end at the checksum: once more with a sound one.
        if input.len() > 8 {
            let end = input.len() - 4;
            let sum = crc32fast::hash(&input[4..end]).to_be_bytes();
            input[end..].copy_from_slice(&sum);
            let _ = puffin::decode_deletion_vector(&input, "v");
        }
    });
}

/// Small files in every codec and both versions of pages.
fn parquet_files() -> Vec<Vec<u8>> {
    let ids: ArrayRef = Arc::new((0..200).map(|n| (n % 7 != 0).then_some(n)).collect::<Int64Array>());
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..200).map(|n| format!("word {}", n % 13))));
    let lists = (0..200).map(|n| (n % 5 != 0).then(|| (0..n % 4).map(Some).collect::<Vec<Option<i32>>>()));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
    let batch = arrow_array::RecordBatch::try_from_iter([("id", ids), ("größe", words), ("list", lists)]).unwrap();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
    ];
    let mut files = Vec::new();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for codec in codecs {
            let properties = WriterProperties::builder().set_writer_version(version).set_compression(codec).build();
            let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            files.push(writer.into_inner().unwrap());
        }
    }
    files
}

#[test]
fn fuzz_parquet() {
    let mut lake = Lake::new();
    let path = lake.path("a.parquet");
    lake.add(0, (path.clone(), 0), 200, (json!("string"), Value::String("p".into())), 1);
    let table = lake.table("string");
    let runtime = runtime();
    fuzz::inputs("parquet", &parquet_files(), 600, |input| {
        fs::write(&path, input).unwrap();
        let _ = runtime.block_on(rows(&table));
    });
}

async fn rows(table: &Table) -> icebridge_model::Result<usize> {
    let reader = crate::reader::Reader::of_bytes(table, table.metadata.current_schema())?;
    let mut count = 0;
    for task in scan::plan(table, Some(1)).await? {
        let mut batches = reader.read(&task).await?;
        while let Some(batch) = batches.try_next().await? {
            count += batch.num_rows();
        }
    }
    Ok(count)
}

#[test]
fn fuzz_page_headers() {
    let files = parquet_files();
    let mut chunks = Vec::new();
    for file in &files {
        let reader = SerializedFileReader::new(Bytes::from(file.clone())).unwrap();
        for chunk in reader.metadata().row_group(0).columns() {
            let range = crate::pages::chunks::chunk_range(chunk).unwrap();
            chunks.push((chunk.clone(), file[range.start as usize..range.end as usize].to_vec()));
        }
    }
    let seeds: Vec<Vec<u8>> = chunks.iter().map(|(_, bytes)| bytes.clone()).collect();
    fuzz::inputs("page headers", &seeds, 5_000, |input| {
        let (chunk, _) = &chunks[input.len() % chunks.len()];
        let _ = crate::pages::strict(&input, chunk);
        // As the reader does: what is too large is never decompressed.
        if crate::pages::bounds::check(&input, chunk.compression(), 1 << 40, 1 << 24).is_ok() {
            let levels = Levels { repetition: input.len() as u32 % 3, definition: input.len() as u32 % 2 };
            for doubt in [Doubt::Prefixes, Doubt::Days] {
                let _ = crate::pages::values::check(&input, chunk.compression(), 1 << 40, levels, doubt);
            }
        }
    });
}

/// A seed is only worth something if it is read whole.
#[test]
fn the_seeds_are_sound() {
    let lake = lake();
    let runtime = runtime();
    let read = runtime.block_on(rows(&lake.table("decimal(18, 2)")));
    assert_eq!(read.unwrap(), 2);
    for file in parquet_files() {
        let mut lake = Lake::new();
        let path = lake.path("a.parquet");
        fs::write(&path, &file).unwrap();
        lake.add(0, (path, 0), 200, (json!("string"), Value::String("p".into())), 1);
        assert!(runtime.block_on(rows(&lake.table("string"))).is_ok_and(|rows| rows == 200));
    }
}
