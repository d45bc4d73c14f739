use super::*;
use crate::testing::{Lake, Stored, decimal};
use icebridge_model::records::DeleteCounts;

fn here() -> Stored {
    decimal(4, 5)
}

fn lake(rows: usize) -> (Lake, String) {
    let mut lake = Lake::new();
    lake.data("a.parquet", &(0..rows as i64).collect::<Vec<_>>(), here());
    let path = lake.path("a.parquet");
    (lake, path)
}

async fn counted(lake: &Lake) -> RecordCounts {
    count(&lake.table("decimal(9, 2)"), Some(1), Counted::ByManifests).await.unwrap()
}

#[tokio::test]
async fn a_row_that_is_named_twice_is_deleted_once_whatever_partition_the_delete_is_in() {
    let (mut lake, data) = lake(10);
    lake.position_delete(&[(&data, 0), (&data, 1)], decimal(4, 99));
    lake.position_delete(&[(&format!("file:{data}"), 1), (&data, 9)], here());
    let expected = DeleteCounts { positions: 4, applied: 3, ..DeleteCounts::default() };
    assert_eq!(counted(&lake).await, RecordCounts { data: 10, deletes: expected });
}

#[tokio::test]
async fn a_path_that_the_table_never_had_is_not_explained() {
    let (mut lake, data) = lake(10);
    lake.position_delete(&[("hdfs://old/t/a.parquet", 0), ("hdfs://old/t/b.parquet", 1), (&data, 2)], here());
    let deletes = counted(&lake).await.deletes;
    assert_eq!((deletes.positions, deletes.applied, deletes.dangling, deletes.unexplained), (3, 1, 2, 2));
    assert_eq!(deletes.unexplained_path.as_deref(), Some("hdfs://old/t/a.parquet"));
    assert_eq!(deletes.same_name.as_deref(), Some(data.as_str()));
}

#[tokio::test]
async fn a_removed_file_explains_its_deletes_unless_its_name_lives_elsewhere() {
    let (mut lake, data) = lake(10);
    for name in ["gone.parquet", "old/a.parquet"] {
        let path = lake.path(name);
        lake.add(0, (path, 9), 5, here(), 1).removed = true;
    }
    let gone = lake.path("gone.parquet");
    lake.position_delete(&[(&gone, 0)], here());
    let deletes = counted(&lake).await.deletes;
    assert_eq!((deletes.dangling, deletes.unexplained, deletes.unexplained_path), (1, 0, None));
    let moved = lake.path("old/a.parquet");
    lake.position_delete(&[(&moved, 0)], here());
    let deletes = counted(&lake).await.deletes;
    assert_eq!((deletes.dangling, deletes.unexplained, deletes.same_name), (2, 1, Some(data)));
}

#[tokio::test]
async fn a_position_beyond_the_end_and_a_delete_older_than_its_file_delete_nothing() {
    let (mut lake, data) = lake(3);
    lake.position_delete(&[(&data, 2), (&data, 3)], here());
    let deletes = counted(&lake).await.deletes;
    assert_eq!((deletes.applied, deletes.dangling, deletes.unexplained), (1, 1, 1));
    lake.entries[1].sequence = 0;
    let deletes = counted(&lake).await.deletes;
    assert_eq!((deletes.applied, deletes.dangling, deletes.unexplained), (0, 2, 0));
}

#[tokio::test]
async fn a_vector_stands_for_the_positions_before_it() {
    let (mut lake, data) = lake(10);
    lake.position_delete(&[(&data, 1), (&data, 2)], here());
    lake.vector(&data, &[1, 2, 3], here(), "3");
    let expected = DeleteCounts { positions: 5, applied: 3, ..DeleteCounts::default() };
    assert_eq!(counted(&lake).await.deletes, expected);
    lake.vector(&data, &[4], here(), "1");
    let error = count(&lake.table("decimal(9, 2)"), Some(1), Counted::ByManifests).await.unwrap_err();
    assert_eq!(error.code, Code::MetadataBroken);
    let (mut other, _) = self::lake(10);
    other.vector("/elsewhere.parquet", &[0, 1], here(), "2");
    let deletes = counted(&other).await.deletes;
    assert_eq!((deletes.applied, deletes.dangling, deletes.unexplained), (0, 2, 2));
}

#[tokio::test]
async fn keys_reach_older_data_of_their_partition() {
    let (mut lake, _) = lake(10);
    lake.equality_delete(&[1, 2], here());
    lake.equality_delete(&[3], decimal(4, 6));
    let found = counted(&lake).await;
    assert_eq!((found.deletes.keys, found.deletes.keys_out_of_reach, found.rows()), (3, 1, (0, 10)));
    lake.entries[1].sequence = 1;
    assert_eq!(counted(&lake).await.deletes.keys_out_of_reach, 3, "of the same commit as the data");
}

#[tokio::test]
async fn footers_are_right_where_a_manifest_is_not() {
    let (mut lake, data) = lake(3);
    lake.position_delete(&[(&data, 0)], here());
    lake.entries[0].records = 9;
    let table = lake.table("decimal(9, 2)");
    for (by, rows) in [(Counted::ByManifests, 8), (Counted::ByFooters, 2)] {
        assert_eq!(count(&table, Some(1), by).await.unwrap().rows(), (rows, rows));
    }
    assert_eq!(count(&table, None, Counted::ByFooters).await.unwrap(), RecordCounts::default());
}
