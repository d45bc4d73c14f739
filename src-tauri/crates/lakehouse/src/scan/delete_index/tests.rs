use super::*;
use crate::partition::PartitionValue;
use proptest::prelude::*;

fn file(content: FileContent, path: &str, partition: Option<PartitionValue>) -> DataFile {
    DataFile {
        content,
        path: path.into(),
        added_by: 1,
        format: "PARQUET".into(),
        spec_id: 0,
        partition: vec![partition],
        record_count: 1,
        size: 1,
        has_key_metadata: false,
        equality_ids: vec![],
        sort_order_id: None,
        first_row_id: None,
        referenced_data_file: None,
        content_offset: None,
        content_size: None,
        path_bounds: None,
    }
}

fn data(path: &str, partition: i64) -> DataFile {
    file(FileContent::Data, path, Some(PartitionValue::Integer(partition)))
}

fn positions(path: &str, partition: i64, bounds: Option<(&str, &str)>) -> DataFile {
    DataFile {
        path_bounds: bounds.map(|(lower, upper)| (lower.into(), upper.into())),
        ..file(FileContent::PositionDeletes, path, Some(PartitionValue::Integer(partition)))
    }
}

fn vector(path: &str, of: &str) -> DataFile {
    DataFile {
        format: "PUFFIN".into(),
        referenced_data_file: Some(of.into()),
        ..file(FileContent::PositionDeletes, path, None)
    }
}

fn index(deletes: Vec<(i64, DataFile)>) -> DeleteIndex {
    let mut index = DeleteIndex::default();
    for (sequence, file) in deletes {
        index.add(file, sequence, false).unwrap();
    }
    index.sort();
    index
}

fn applying(index: &DeleteIndex, file: &DataFile, sequence: i64) -> Vec<String> {
    let mut paths: Vec<_> = index.for_file(file, sequence).iter().map(|delete| delete.path.clone()).collect();
    paths.sort();
    paths
}

#[test]
fn a_position_delete_reaches_the_file_that_its_bounds_name_in_any_partition() {
    let named = ("s3://b/t/data/a.parquet", "s3://b/t/data/a.parquet");
    let index = index(vec![(2, positions("d", 9, Some(named)))]);
    assert_eq!(applying(&index, &data("s3a://b/t/data/a.parquet", 1), 1), ["d"]);
    assert_eq!(applying(&index, &data("s3://b/t/data/b.parquet", 9), 1), [""; 0]);
    // One that was there before the data file does not apply.
    assert_eq!(applying(&index, &data("s3a://b/t/data/a.parquet", 1), 3), [""; 0]);
}

#[test]
fn a_position_delete_reaches_every_file_between_its_bounds_and_its_own_partition() {
    let index = index(vec![
        (1, positions("range", 9, Some(("/t/data/b", "/t/data/d")))),
        (1, positions("wide", 9, Some(("/t/a", "/t/z")))),
        (1, positions("low", 9, Some(("/t/data/a", "/t/data/a2")))),
    ]);
    assert_eq!(applying(&index, &data("file:///t/data/c.parquet", 1), 1), ["range", "wide"]);
    assert_eq!(applying(&index, &data("/t/data/a1.parquet", 1), 1), ["low", "wide"]);
    assert_eq!(applying(&index, &data("/u/x.parquet", 1), 1), [""; 0]);
    assert_eq!(applying(&index, &data("/u/x.parquet", 9), 1), ["low", "range", "wide"]);
}

#[test]
fn bounds_that_were_cut_or_say_nothing_bound_nothing_away() {
    let cut = ("s3://bucket/ware", "s3://bucket/ware");
    let index = index(vec![
        (1, positions("cut", 9, Some(cut))),
        (1, positions("none", 9, None)),
        (1, positions("turned", 9, Some(("/z", "/a")))),
    ]);
    let inside = data("s3://bucket/warehouse/t/data/a.parquet", 1);
    assert_eq!(applying(&index, &inside, 1), ["cut", "none", "turned"]);
    assert_eq!(applying(&index, &data("/other", 1), 1), ["none", "turned"]);
}

#[test]
fn vectors_and_references_are_found_by_the_one_spelling_of_a_path() {
    let mut referencing = positions("r", 9, None);
    referencing.referenced_data_file = Some("s3n://b/t/x.parquet".into());
    let deletes = index(vec![(1, vector("v", "s3a://b/t/a.parquet")), (1, referencing)]);
    assert_eq!(applying(&deletes, &data("s3://b/t/a.parquet", 1), 1), ["v"]);
    assert_eq!(applying(&deletes, &data("s3://b/t/x.parquet", 1), 1), ["r"]);
    let mut nameless = vector("v", "x");
    nameless.referenced_data_file = None;
    assert_eq!(DeleteIndex::default().add(nameless, 1, false).unwrap_err().code, Code::MetadataBroken);
    // Two vectors of one file rule each other out by the spec; a row that either deletes stays deleted.
    let two = index(vec![(1, vector("v1", "/a.parquet")), (2, vector("v2", "/a.parquet"))]);
    assert_eq!(applying(&two, &data("/a.parquet", 1), 1), ["v1", "v2"]);
    assert_eq!(applying(&two, &data("/a.parquet", 1), 2), ["v2"]);
}

#[test]
fn equality_deletes_apply_in_their_partition_by_typed_values_and_only_to_older_files() {
    let with = |content, path: &str, x: f64| file(content, path, Some(PartitionValue::Double(x.to_bits())));
    let mut index = index(vec![
        (2, with(FileContent::EqualityDeletes, "zero", -0.0)),
        (2, with(FileContent::EqualityDeletes, "nan", f64::NAN)),
        (2, file(FileContent::EqualityDeletes, "null", None)),
    ]);
    index.add(file(FileContent::EqualityDeletes, "global", None), 2, true).unwrap();
    assert_eq!(applying(&index, &with(FileContent::Data, "a", 0.0), 1), ["global", "zero"]);
    let other_nan = f64::from_bits(f64::NAN.to_bits() | 7);
    assert_eq!(applying(&index, &with(FileContent::Data, "a", other_nan), 1), ["global", "nan"]);
    assert_eq!(applying(&index, &file(FileContent::Data, "a", None), 1), ["global", "null"]);
    assert_eq!(applying(&index, &with(FileContent::Data, "a", 1.0), 1), ["global"]);
    assert_eq!(applying(&index, &with(FileContent::Data, "a", 0.0), 2), [""; 0]);
    let of_float = file(FileContent::Data, "a", Some(PartitionValue::Float(0f32.to_bits())));
    assert_eq!(applying(&index, &of_float, 1), ["global", "zero"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a look at every delete file.
    #[test]
    fn no_delete_that_may_name_a_file_is_left_out(
        bounds in prop::collection::vec(prop::option::of(("/[abc]{1,3}", "/[abc]{1,3}")), 0..12),
        path in "/[abc]{1,4}",
    ) {
        let deletes: Vec<_> = bounds
            .iter()
            .enumerate()
            .map(|(at, bounds)| {
                let bounds = bounds.as_ref().map(|(lower, upper)| (lower.as_str(), upper.as_str()));
                (1, positions(&format!("{at:02}"), 9, bounds))
            })
            .collect();
        let mut want: Vec<String> = Vec::new();
        for (at, bounds) in bounds.iter().enumerate() {
            let may_name = bounds.as_ref().is_none_or(|(lower, upper)| {
                lower > upper || lower <= &path && (&path <= upper || path.starts_with(upper.as_str()))
            });
            if may_name {
                want.push(format!("{at:02}"));
            }
        }
        prop_assert_eq!(applying(&index(deletes), &data(&path, 1), 1), want);
    }
}
