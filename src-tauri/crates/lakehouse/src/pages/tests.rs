use super::*;
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, types::Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::ZstdLevel;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use std::sync::Arc;

/// Nested, null, wide and dictionary columns in small pages.
fn file(version: WriterVersion, codec: Compression) -> Bytes {
    let ids: ArrayRef = Arc::new((0..5000).map(|n| (n % 7 != 0).then_some(n)).collect::<Int64Array>());
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..5000).map(|n| format!("word {}", n % 13))));
    let lists = (0..5000).map(|n| (n % 5 != 0).then(|| (0..n % 4).map(Some).collect::<Vec<Option<i32>>>()));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
    let batch = RecordBatch::try_from_iter([("id", ids), ("word", words), ("list", lists)]).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(codec)
        .set_data_page_row_count_limit(700)
        .set_write_batch_size(100)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn chunks_of(file: &Bytes) -> Vec<(ColumnChunkMetaData, Bytes)> {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let columns = reader.metadata().row_group(0).columns().to_vec();
    let range = |chunk: &ColumnChunkMetaData| {
        let range = chunks::chunk_range(chunk).unwrap();
        file.slice(range.start as usize..range.end as usize)
    };
    columns.into_iter().map(|chunk| (chunk.clone(), range(&chunk))).collect()
}

fn moved(file: &Bytes) -> Bytes {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let root = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), root, Arc::default()).unwrap();
    let descriptor = writer.schema_descr().clone();
    let mut group = writer.next_row_group().unwrap();
    for (at, (chunk, bytes)) in chunks_of(file).into_iter().enumerate() {
        let pages = strict(&bytes, &chunk).unwrap();
        chunks::append_chunk(&mut group, pages, &chunk, descriptor.column(at), 5000).unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap().into()
}

fn rows(file: Bytes) -> Vec<RecordBatch> {
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

#[test]
fn pages_of_every_form_keep_their_rows() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
            let file = file(version, codec);
            assert_eq!(rows(moved(&file)), rows(file), "{version:?} {codec:?}");
        }
    }
}

/// A flip is either seen, or one of a number whose page the reader compares.
#[test]
fn a_flipped_bit_of_a_header_is_seen_or_leaves_a_sound_one() {
    let file = file(WriterVersion::PARQUET_1_0, Compression::SNAPPY);
    let (mut seen, mut kept) = (0, 0);
    for (chunk, bytes) in chunks_of(&file) {
        let clean = strict(&bytes, &chunk).unwrap();
        let (_, length) = PageHeader::parse(&bytes).unwrap();
        for bit in 0..length * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match strict(&flipped, &chunk) {
                None => seen += 1,
                Some(pages) => {
                    // Well formed all the same, and what differs is in the first header.
                    let (ours, our_length) = PageHeader::parse(&pages.bytes).unwrap();
                    let (theirs, clean_length) = PageHeader::parse(&clean.bytes).unwrap();
                    assert_ne!(ours, theirs);
                    assert_eq!(pages.bytes[our_length..], clean.bytes[clean_length..]);
                    kept += 1;
                }
            }
        }
    }
    assert!(seen > 300 && kept < seen / 3, "{seen} {kept}");
}

#[test]
fn chunks_that_do_not_add_up_are_refused() {
    let file = file(WriterVersion::PARQUET_2_0, Compression::UNCOMPRESSED);
    for (chunk, bytes) in chunks_of(&file) {
        for cut in [1, bytes.len() / 2, bytes.len() - 1] {
            assert!(strict(&bytes[..cut], &chunk).is_none());
        }
        let more = chunk.clone().into_builder().set_num_values(chunk.num_values() + 1).build().unwrap();
        assert!(strict(&bytes, &more).is_none());
        assert!(strict(&[bytes.as_ref(), b"\0"].concat(), &chunk).is_none());
    }
    assert!(
        PageHeader::parse(&[]).is_none()
            && PageHeader::parse(&[0]).is_none()
            && PageHeader::parse(&[0xff; 64]).is_none()
    );
}
