//! Position delete files: the paths inside are those of the copy, everything else stays. Left as they are, the deleted
//! rows would come back.

use super::path_column::{path_column, properties, relocated};
use super::{PathMap, Relocated, resorted};
use crate::avro::{self, Value};
use crate::manifest::DELETE_FILE_PATH;
use crate::pages;
use crate::pages::chunks::{append_chunk, chunk_range};
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use std::collections::HashMap;
use std::sync::Arc;

const BATCH: usize = 64 << 10;

/// Only the path column is decoded and encoded; the chunks of all others are moved as they are.
pub fn relocate_parquet(bytes: &Bytes, path: &str, map: &PathMap) -> Result<(Vec<u8>, Relocated)> {
    match rename_in_place(bytes, map) {
        Ok(Some(done)) => Ok(done),
        // Files outside the table's folder change their order among the others; so that all is decoded and sorted.
        Ok(None) => resorted::relocate(bytes, map),
        Err(error) => Err(error),
    }
    .map_err(|error| match error {
        ParquetError::External(cause) => match cause.downcast::<Error>() {
            Ok(ours) => ours.about(path),
            Err(cause) => broken().about(path).with_cause_text(cause.to_string()),
        },
        other => broken().about(path).with_cause(other),
    })
}

fn broken() -> Error {
    Error::new(Code::FileBroken, "the position delete file cannot be decoded")
        .with_hint("Restore the file at the source, or compact the table there.")
}

/// None if the new paths are not in the order the old ones were in, or pages have to be decoded.
fn rename_in_place(bytes: &Bytes, map: &PathMap) -> parquet::errors::Result<Option<(Vec<u8>, Relocated)>> {
    let reader = SerializedFileReader::new(bytes.clone())?;
    let metadata = reader.metadata().clone();
    let schema = metadata.file_metadata().schema_descr();
    let column = path_column(schema)?;
    let properties = properties(&metadata, schema, column);
    let root = schema.root_schema_ptr();
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, root, Arc::new(properties))?;
    let mut names = Names { map, known: HashMap::new() };
    let mut last: Option<(String, ByteArray)> = None;
    let mut bounds: Option<(ByteArray, ByteArray)> = None;
    for index in 0..metadata.num_row_groups() {
        let group = metadata.row_group(index);
        let rows = u64::try_from(group.num_rows()).map_err(|_| ParquetError::General("negative row count".into()))?;
        let source = reader.get_row_group(index)?;
        let mut target = writer.next_row_group()?;
        for (at, chunk) in group.columns().iter().enumerate() {
            if at != column {
                let range = chunk_range(chunk)?;
                let pages = slice(bytes, range)?;
                let descr = schema.column(at);
                // Pages that cannot be moved as they are, such as those with difference encodings, are decoded.
                let Some(pages) = pages::strict(&pages, chunk) else { return Ok(None) };
                append_chunk(&mut target, pages, chunk, descr, rows)?;
                continue;
            }
            let mut paths = get_typed_column_reader::<ByteArrayType>(source.get_column_reader(at)?);
            let mut out = target.next_column()?.ok_or_else(|| ParquetError::General("a column is missing".into()))?;
            let optional = schema.column(at).max_def_level() > 0;
            loop {
                let (mut values, mut levels) = (Vec::new(), Vec::new());
                let (records, _, _) = paths.read_records(BATCH, optional.then_some(&mut levels), None, &mut values)?;
                if records == 0 {
                    break;
                }
                for value in &mut values {
                    let (old, new) = names.of(value)?;
                    if let Some((last_old, last_new)) = &last
                        && last_old.as_str() <= old.as_str()
                        && last_new.data() > new.data()
                    {
                        return Ok(None);
                    }
                    if last.as_ref().is_none_or(|(_, last)| last.data() != new.data()) {
                        bounds = Some(match bounds.take() {
                            None => (new.clone(), new.clone()),
                            Some((low, high)) => (
                                if new.data() < low.data() { new.clone() } else { low },
                                if new.data() > high.data() { new.clone() } else { high },
                            ),
                        });
                        last = Some((old, new.clone()));
                    }
                    *value = new;
                }
                out.typed::<ByteArrayType>().write_batch(&values, optional.then_some(&levels), None)?;
            }
            out.close()?;
        }
        target.close()?;
    }
    for pair in metadata.file_metadata().key_value_metadata().into_iter().flatten() {
        writer.append_key_value_metadata(pair.clone());
    }
    let written = writer.close()?;
    let relocated = relocated(&out, &written, bounds.map(|(low, high)| (low.data().to_vec(), high.data().to_vec())));
    Ok(Some((out, relocated)))
}

fn slice(bytes: &Bytes, range: std::ops::Range<u64>) -> parquet::errors::Result<Bytes> {
    let fits = |n: u64| usize::try_from(n).ok().filter(|n| *n <= bytes.len());
    match (fits(range.start), fits(range.end)) {
        (Some(start), Some(end)) if start <= end => Ok(bytes.slice(start..end)),
        _ => Err(ParquetError::EOF("a column chunk lies outside its file".into())),
    }
}

/// A delete file names few files many times.
struct Names<'a> {
    map: &'a PathMap,
    known: HashMap<Vec<u8>, (String, ByteArray)>,
}

impl Names<'_> {
    fn of(&mut self, path: &ByteArray) -> parquet::errors::Result<(String, ByteArray)> {
        if let Some(known) = self.known.get(path.data()) {
            return Ok(known.clone());
        }
        let old = path.as_utf8()?.to_string();
        let new = ByteArray::from(self.map.absolute(&old).into_bytes());
        // Bounded: a file that names each data file once gains nothing from being remembered.
        if self.known.len() > 10_000 {
            self.known.clear();
        }
        self.known.insert(path.data().to_vec(), (old.clone(), new.clone()));
        Ok((old, new))
    }
}

pub fn relocate_avro(bytes: Bytes, path: &str, map: &PathMap) -> Result<Vec<u8>> {
    avro::rewrite(bytes, path, |schema, record| {
        let at = schema.position(DELETE_FILE_PATH, "file_path");
        let value = match (at, record) {
            (Some(at), Value::Record(values)) => values.get_mut(at).and_then(Value::present_mut),
            _ => None,
        };
        match value {
            Some(Value::String(text)) => {
                *text = map.absolute(text);
                Ok(())
            }
            _ => Err(broken().about(path)),
        }
    })
}

pub fn unsupported(format: &str) -> Error {
    Error::new(Code::Unsupported, format!("position deletes in the format {format} cannot be relocated")).with_hint(
        "Compact the table at the source, so that its deletes are applied there, or choose the mode register.",
    )
}

#[cfg(test)]
mod tests {
    use super::super::path_column::field_id;
    use super::*;
    use crate::arrow_types::with_id;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StructArray};
    use arrow_schema::{DataType, Field, Fields, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::metadata::{KeyValue, ParquetMetaData};
    use parquet::file::properties::WriterProperties;

    /// A delete file with the deleted rows themselves, as some writers keep them, in two row groups.
    fn delete_file(rows: &[(&str, i64)]) -> Bytes {
        let row = Fields::from(vec![with_id(Field::new("x", DataType::Int32, true), 1)]);
        let schema = Arc::new(Schema::new(vec![
            with_id(Field::new("file_path", DataType::Utf8, false), DELETE_FILE_PATH),
            with_id(Field::new("pos", DataType::Int64, false), 2_147_483_545),
            with_id(Field::new("row", DataType::Struct(row.clone()), true), 2_147_483_544),
        ]));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(rows.len().div_ceil(2).max(1)))
            .set_key_value_metadata(Some(vec![KeyValue::new("delete-type".to_string(), "position".to_string())]))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).unwrap();
        let values: ArrayRef = Arc::new(Int32Array::from_iter(rows.iter().map(|(_, pos)| Some(*pos as i32 * 10))));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(path, _)| path))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, pos)| *pos))),
            Arc::new(StructArray::new(row, vec![values], None)),
        ];
        writer.write(&RecordBatch::try_new(schema, columns).unwrap()).unwrap();
        writer.into_inner().unwrap().into()
    }

    fn rows(file: Vec<u8>) -> Vec<(String, i64, i32)> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap().build().unwrap();
        let mut out = Vec::new();
        for batch in reader {
            let batch = batch.unwrap();
            let (paths, positions) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
            let values = batch.column(2).as_struct().column(0).as_primitive::<arrow_array::types::Int32Type>();
            out.extend((0..paths.len()).map(|i| (paths.value(i).to_string(), positions.value(i), values.value(i))));
        }
        out
    }

    fn footer(file: &[u8]) -> ParquetMetaData {
        SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap().metadata().clone()
    }

    #[test]
    fn only_the_paths_change() {
        let map = PathMap::new("file:/a/t", "/n/t");
        let source = delete_file(&[
            ("file:/a/t/data/1", 0),
            ("file:/a/t/data/1", 7),
            ("file:/a/t/data/2", 3),
            ("file:/a/t/data/2", 4),
        ]);
        let (moved, relocated) = relocate_parquet(&source, "d", &map).unwrap();
        let want = [("/n/t/data/1", 0, 0), ("/n/t/data/1", 7, 70), ("/n/t/data/2", 3, 30), ("/n/t/data/2", 4, 40)];
        assert_eq!(rows(moved.clone()), want.map(|(path, pos, x)| (path.to_string(), pos, x)));
        assert_eq!(relocated.size, moved.len() as u64);
        assert_eq!(relocated.path_bounds, Some((b"/n/t/data/1".to_vec(), b"/n/t/data/2".to_vec())));
        let (old, new) = (footer(&source), footer(&moved));
        assert_eq!(new.num_row_groups(), 2);
        assert_eq!(relocated.split_offsets.len(), 2);
        assert_eq!(relocated.split_offsets[0], 4);
        // Ids, types and the writer's own metadata stays.
        assert_eq!(old.file_metadata().schema_descr().root_schema(), new.file_metadata().schema_descr().root_schema());
        let pairs = new.file_metadata().key_value_metadata().unwrap();
        assert!(pairs.iter().any(|w| w.key == "delete-type" && w.value.as_deref() == Some("position")));
        // The other columns' pages are the same bytes, with their statistics.
        for (old, new) in old.row_groups().iter().zip(new.row_groups()) {
            for leaf in [1, 2] {
                assert_eq!(
                    slice(&source, chunk_range(old.column(leaf)).unwrap()).unwrap(),
                    slice(&moved.clone().into(), chunk_range(new.column(leaf)).unwrap()).unwrap()
                );
                assert_eq!(old.column(leaf).statistics(), new.column(leaf).statistics());
            }
            assert_eq!(old.column(0).compression(), new.column(0).compression());
        }
        let sizes: i64 = new.row_groups().iter().map(|g| g.column(1).compressed_size()).sum();
        assert!(relocated.column_sizes.contains(&(2_147_483_545, sizes)));
    }

    #[test]
    fn paths_that_change_places_are_sorted_again() {
        // Outside files get a folder below `data`, which sorts behind `/a/t/d` but was before it.
        let map = PathMap::new("/a/t", "/n/t");
        let source = delete_file(&[("/a/other/f", 5), ("/a/other/f", 6), ("/a/t/a", 1), ("/a/t/a", 2)]);
        let (moved, relocated) = relocate_parquet(&source, "d", &map).unwrap();
        let outside = map.absolute("/a/other/f");
        let want = vec![
            ("/n/t/a".to_string(), 1, 10),
            ("/n/t/a".to_string(), 2, 20),
            (outside.clone(), 5, 50),
            (outside.clone(), 6, 60),
        ];
        assert_eq!(rows(moved.clone()), want);
        assert_eq!(relocated.path_bounds, Some((b"/n/t/a".to_vec(), outside.into_bytes())));
        assert_eq!(relocated.size, moved.len() as u64);
        let ids: Vec<_> =
            footer(&moved).file_metadata().schema_descr().columns().iter().map(|c| field_id(c.self_type())).collect();
        assert_eq!(ids, [Some(DELETE_FILE_PATH), Some(2_147_483_545), Some(1)]);
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let map = PathMap::new("/a/t", "/n/t");
        let source = delete_file(&[("/a/t/1", 0)]);
        for end in [0, 4, source.len() / 2, source.len() - 1] {
            assert_eq!(relocate_parquet(&source.slice(..end), "d", &map).unwrap_err().code, Code::FileBroken);
        }
    }
}
