//! Which columns of a new file get no dictionary: those whose values hardly repeat.
//!
//! Parquet's writer finds that out for itself, but only once the dictionary is full: until then every value is hashed, kept
//! and written twice, in each row group anew. A look at the first rows costs a thousandth of that.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use std::collections::HashSet;

/// Fewer values say nothing.
const FEWEST: usize = 1024;
/// Different values in a whole column, from which on no dictionary of the usual 2 MB holds them.
const TOO_MANY: usize = 250_000;

/// The properties of a file that begins with these rows.
pub fn fitted(properties: &WriterProperties, first: &RecordBatch) -> WriterProperties {
    let mut builder = properties.clone().into_builder();
    for (field, column) in first.schema_ref().fields().iter().zip(first.columns()) {
        if hardly_repeats(column.as_ref()) {
            builder = builder.set_column_dictionary_enabled(ColumnPath::new(vec![field.name().clone()]), false);
        }
    }
    builder.build()
}

fn hardly_repeats(column: &dyn Array) -> bool {
    match column.data_type() {
        DataType::Utf8 => differ(column, column.as_string::<i32>().iter().flatten().map(str::as_bytes)),
        DataType::Binary => differ(column, column.as_binary::<i32>().iter().flatten()),
        DataType::FixedSizeBinary(_) => differ(column, column.as_fixed_size_binary().iter().flatten()),
        other => other.primitive_width().is_some_and(|width| differ(column, fixed_width(column, width))),
    }
}

/// Of n values drawn from d, about n² / 2d meet one that was drawn before: so many repeats tell how many there are.
fn differ<V: std::hash::Hash + Eq>(column: &dyn Array, values: impl Iterator<Item = V>) -> bool {
    let there = column.len() - column.null_count();
    if there < FEWEST {
        return false;
    }
    let repeats = there.saturating_sub(values.collect::<HashSet<_>>().len()).max(1);
    there * there / (2 * repeats) >= TOO_MANY
}

/// The bytes of each value that is not null.
fn fixed_width(column: &dyn Array, width: usize) -> impl Iterator<Item = Vec<u8>> {
    let layout = column.to_data();
    let values = layout.buffers().first().cloned().unwrap_or_default();
    (0..column.len()).filter(|row| column.is_valid(*row)).map_while(move |row| {
        let start = (layout.offset() + row) * width;
        values.get(start..start + width).map(<[u8]>::to_vec)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
    use std::sync::Arc;

    fn without_dictionary(column: ArrayRef) -> bool {
        let batch = RecordBatch::try_from_iter([("a.b", column)]).unwrap();
        let made = fitted(&WriterProperties::default(), &batch);
        !made.dictionary_enabled(&ColumnPath::new(vec!["a.b".into()]))
    }

    #[test]
    fn only_values_that_hardly_repeat_go_without() {
        assert!(without_dictionary(Arc::new(Int64Array::from_iter_values(0..5000))));
        assert!(without_dictionary(Arc::new(StringArray::from_iter_values((0..5000).map(|n| n.to_string())))));
        // One value in fifty repeats; a column of few values; two values; too few rows to tell.
        assert!(!without_dictionary(Arc::new(Int64Array::from_iter_values((0..5000).map(|n| n.min(4900))))));
        assert!(!without_dictionary(Arc::new(StringArray::from_iter_values((0..5000).map(|n| (n % 900).to_string())))));
        assert!(!without_dictionary(Arc::new(BooleanArray::from_iter((0..5000).map(|n| Some(n % 2 == 0))))));
        assert!(!without_dictionary(Arc::new(Int64Array::from_iter_values(0..1000))));
    }

    #[test]
    fn nulls_and_slices_are_seen_for_what_they_are() {
        let sparse: Int64Array = (0..5000).map(|n| (n % 2 == 0).then_some(n)).collect();
        assert!(without_dictionary(Arc::new(sparse)));
        let ends_alike = Int64Array::from_iter_values((0..6000).map(|n| n.min(2000)));
        assert!(without_dictionary(Arc::new(ends_alike.slice(0, 2000))));
        assert!(!without_dictionary(Arc::new(ends_alike.slice(2000, 4000))));
    }
}
