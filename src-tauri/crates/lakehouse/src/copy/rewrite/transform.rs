//! Partition transforms on Arrow arrays (spec, "Partition Transforms" and appendix B).

use super::murmur3::murmur3;
use crate::partition::PartitionValue;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use icebridge_model::schema::{Primitive, Transform};
use icebridge_model::{Code, Error, Result};

/// The partition value of every row.
pub fn apply(transform: &Transform, source: &Primitive, column: &ArrayRef) -> Result<Vec<Option<PartitionValue>>> {
    let rows = column.len();
    if matches!(transform, Transform::Void) || *source == Primitive::Unknown {
        return Ok(vec![None; rows]);
    }
    let mut out = Vec::with_capacity(rows);
    for row in 0..rows {
        out.push(if column.is_null(row) { None } else { Some(one(transform, source, column, row)?) });
    }
    Ok(out)
}

fn one(transform: &Transform, source: &Primitive, column: &ArrayRef, row: usize) -> Result<PartitionValue> {
    use PartitionValue as V;
    let value = value(source, column, row).ok_or_else(|| unfit(transform, source))?;
    Ok(match (transform, value) {
        (Transform::Identity, value) => value,
        (Transform::Bucket(n), value) => {
            let hash = hash(source, &value).ok_or_else(|| unfit(transform, source))?;
            V::Integer(i64::from((hash & i32::MAX) as u32 % *n))
        }
        (Transform::Truncate(width), V::Integer(n)) if matches!(source, Primitive::Int | Primitive::Long) => {
            let truncated = n.wrapping_sub(n.rem_euclid(i64::from(*width)));
            // As Java computes it: below the least int it goes on at the greatest.
            V::Integer(if *source == Primitive::Int { i64::from(truncated as i32) } else { truncated })
        }
        (Transform::Truncate(width), V::Decimal(n)) => V::Decimal(n.wrapping_sub(n.rem_euclid(i128::from(*width)))),
        (Transform::Truncate(width), V::String(text)) => V::String(text.chars().take(*width as usize).collect()),
        (Transform::Truncate(width), V::Bytes(mut bytes)) if *source == Primitive::Binary => {
            bytes.truncate(*width as usize);
            V::Bytes(bytes)
        }
        (Transform::Year | Transform::Month | Transform::Day | Transform::Hour, V::Integer(n)) => {
            V::Integer(period(transform, source, n).ok_or_else(|| unfit(transform, source))?)
        }
        (transform, _) => return Err(unfit(transform, source)),
    })
}

fn unfit(transform: &Transform, source: &Primitive) -> Error {
    Error::new(
        Code::MetadataBroken,
        format!("the partition transform `{transform}` does not apply to the type {source}"),
    )
}

/// Years, months, days or hours since 1970; before it, rounded down.
fn period(transform: &Transform, source: &Primitive, n: i64) -> Option<i64> {
    let per_hour = match source {
        Primitive::Date => 0,
        Primitive::Timestamp | Primitive::Timestamptz => 3_600_000_000,
        Primitive::TimestampNs | Primitive::TimestamptzNs => 3_600_000_000_000,
        _ => return None,
    };
    let days = if per_hour == 0 { n } else { n.div_euclid(per_hour * 24) };
    match transform {
        Transform::Day => Some(days),
        Transform::Hour if per_hour > 0 => Some(n.div_euclid(per_hour)),
        Transform::Year => Some(year_and_month(days).0 - 1970),
        Transform::Month => {
            let (year, month) = year_and_month(days);
            Some((year - 1970) * 12 + month - 1)
        }
        _ => None,
    }
}

/// Of a day since 1970 in the proleptic Gregorian calendar, for any year: calendar libraries end at 9999.
fn year_and_month(days: i64) -> (i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    // Counted from March, so that the leap day is the last one.
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month)
}

/// Appendix B: integers of every width hash as 64 bits, and nanoseconds as the microseconds they are in.
fn hash(source: &Primitive, value: &PartitionValue) -> Option<i32> {
    use Primitive as P;
    let long = |n: i64| murmur3(&n.to_le_bytes());
    Some(match (source, value) {
        (P::TimestampNs | P::TimestamptzNs, PartitionValue::Integer(n)) => long(n.div_euclid(1000)),
        (P::Int | P::Long | P::Date | P::Time | P::Timestamp | P::Timestamptz, PartitionValue::Integer(n)) => long(*n),
        (P::String, PartitionValue::String(text)) => murmur3(text.as_bytes()),
        (P::Decimal { .. }, PartitionValue::Decimal(n)) => murmur3(&minimal(*n)),
        (P::Uuid | P::Fixed(_) | P::Binary, PartitionValue::Bytes(bytes)) => murmur3(bytes),
        _ => return None,
    })
}

/// Two's complement, big-endian, in as few bytes as hold it.
pub fn minimal(n: i128) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let fill = if n < 0 { 0xff } else { 0 };
    let mut start = 0;
    while start < 15 && bytes[start] == fill && (bytes[start + 1] ^ fill) & 0x80 == 0 {
        start += 1;
    }
    bytes[start..].to_vec()
}

fn value(source: &Primitive, column: &ArrayRef, row: usize) -> Option<PartitionValue> {
    use PartitionValue as V;
    use Primitive as P;
    Some(match source {
        P::Boolean => V::Boolean(column.as_boolean_opt()?.value(row)),
        P::Int => V::Integer(column.as_primitive_opt::<Int32Type>()?.value(row).into()),
        P::Date => V::Integer(column.as_primitive_opt::<Date32Type>()?.value(row).into()),
        P::Long => V::Integer(column.as_primitive_opt::<Int64Type>()?.value(row)),
        P::Time => V::Integer(column.as_primitive_opt::<Time64MicrosecondType>()?.value(row)),
        P::Timestamp | P::Timestamptz => V::Integer(column.as_primitive_opt::<TimestampMicrosecondType>()?.value(row)),
        P::TimestampNs | P::TimestamptzNs => {
            V::Integer(column.as_primitive_opt::<TimestampNanosecondType>()?.value(row))
        }
        P::Float => V::Float(column.as_primitive_opt::<Float32Type>()?.value(row).to_bits()),
        P::Double => V::Double(column.as_primitive_opt::<Float64Type>()?.value(row).to_bits()),
        P::Decimal { .. } => V::Decimal(column.as_primitive_opt::<Decimal128Type>()?.value(row)),
        P::String => V::String(column.as_string_opt::<i32>()?.value(row).to_string()),
        P::Binary => V::Bytes(column.as_binary_opt::<i32>()?.value(row).to_vec()),
        P::Uuid | P::Fixed(_) => V::Bytes(column.as_fixed_size_binary_opt()?.value(row).to_vec()),
        P::Unknown | P::Other(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::*;
    use std::sync::Arc;

    fn of(transform: &str, source: &str, column: ArrayRef) -> Vec<Option<PartitionValue>> {
        apply(&Transform::parse(transform), &Primitive::parse(source), &column).unwrap()
    }

    fn numbers(transform: &str, source: &str, column: ArrayRef) -> Vec<Option<i64>> {
        of(transform, source, column)
            .into_iter()
            .map(|v| v.map(|v| if let PartitionValue::Integer(n) = v { n } else { panic!("{v:?}") }))
            .collect()
    }

    /// The hashes of appendix B, seen through a bucket count that keeps them whole.
    #[test]
    fn hashes_are_those_of_the_specification() {
        let bucket = |source: &str, column: ArrayRef| {
            numbers(&format!("bucket[{}]", i32::MAX as u32 + 1), source, column)[0].unwrap() as i32
        };
        let want = |hash: i32| hash & i32::MAX;
        let uuid = uuid::Uuid::parse_str("f79c3e09-677c-4bbd-a479-3f349cb785e7").unwrap();
        let micros = 1_510_871_468_000_000i64;
        let cases: Vec<(&str, ArrayRef, i32)> = vec![
            ("int", Arc::new(Int32Array::from(vec![34])), 2_017_239_379),
            ("long", Arc::new(Int64Array::from(vec![34])), 2_017_239_379),
            (
                "decimal(9, 2)",
                Arc::new(Decimal128Array::from(vec![1420]).with_precision_and_scale(9, 2).unwrap()),
                -500_754_589,
            ),
            ("date", Arc::new(Date32Array::from(vec![17486])), -653_330_422),
            ("time", Arc::new(Time64MicrosecondArray::from(vec![81_068_000_000])), -662_762_989),
            ("timestamp", Arc::new(TimestampMicrosecondArray::from(vec![micros])), -2_047_944_441),
            ("timestamptz", Arc::new(TimestampMicrosecondArray::from(vec![micros + 1])), -1_207_196_810),
            ("timestamp_ns", Arc::new(TimestampNanosecondArray::from(vec![micros * 1000])), -2_047_944_441),
            ("timestamptz_ns", Arc::new(TimestampNanosecondArray::from(vec![micros * 1000 + 1001])), -1_207_196_810),
            ("string", Arc::new(StringArray::from(vec!["iceberg"])), 1_210_000_089),
            (
                "uuid",
                Arc::new(FixedSizeBinaryArray::try_from_iter([uuid.as_bytes()].into_iter()).unwrap()),
                1_488_055_340,
            ),
            (
                "fixed[4]",
                Arc::new(FixedSizeBinaryArray::try_from_iter([[0u8, 1, 2, 3]].into_iter()).unwrap()),
                -188_683_207,
            ),
            ("binary", Arc::new(BinaryArray::from(vec![[0u8, 1, 2, 3].as_slice()])), -188_683_207),
        ];
        for (source, column, hash) in cases {
            assert_eq!(bucket(source, column), want(hash), "{source}");
        }
    }

    #[test]
    fn truncation_rounds_down() {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(-1), Some(10), None]));
        assert_eq!(numbers("truncate[10]", "int", ints), [Some(0), Some(-10), Some(10), None]);
        let decimals = Decimal128Array::from(vec![1065, -5]).with_precision_and_scale(9, 2).unwrap();
        assert_eq!(
            of("truncate[50]", "decimal(9, 2)", Arc::new(decimals)),
            [Some(PartitionValue::Decimal(1050)), Some(PartitionValue::Decimal(-50))]
        );
        let text: ArrayRef = Arc::new(StringArray::from(vec!["iceberg", "ice", "😀😀😀😀"]));
        let want = ["ice", "ice", "😀😀😀"].map(|t| Some(PartitionValue::String(t.into())));
        assert_eq!(of("truncate[3]", "string", text), want);
        let binary: ArrayRef = Arc::new(BinaryArray::from(vec![[1u8, 2, 3, 4, 5].as_slice()]));
        assert_eq!(of("truncate[3]", "binary", binary), [Some(PartitionValue::Bytes(vec![1, 2, 3]))]);
    }

    #[test]
    fn periods_before_1970_round_down() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![17486, 0, -1, -719_528]));
        assert_eq!(numbers("year", "date", days.clone()), [Some(47), Some(0), Some(-1), Some(-1970)]);
        assert_eq!(numbers("month", "date", days.clone()), [Some(574), Some(0), Some(-1), Some(-23_640)]);
        assert_eq!(numbers("day", "date", days), [Some(17486), Some(0), Some(-1), Some(-719_528)]);
        let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_512_151_975_038_194, -1]));
        assert_eq!(numbers("hour", "timestamp", micros.clone()), [Some(420_042), Some(-1)]);
        assert_eq!(numbers("day", "timestamp", micros.clone()), [Some(17_501), Some(-1)]);
        assert_eq!(numbers("month", "timestamp", micros.clone()), [Some(575), Some(-1)]);
        assert_eq!(numbers("year", "timestamp", micros), [Some(47), Some(-1)]);
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_512_151_975_038_194_789]));
        assert_eq!(numbers("hour", "timestamptz_ns", nanos), [Some(420_042)]);
    }

    #[test]
    fn void_is_null_and_nonsense_is_an_error() {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        assert_eq!(of("void", "int", ints.clone()), [None]);
        for transform in ["year", "zorder"] {
            assert!(apply(&Transform::parse(transform), &Primitive::Int, &ints).is_err());
        }
    }

    #[test]
    fn decimals_are_as_short_as_they_can_be() {
        for (n, bytes) in [
            (0, vec![0]),
            (127, vec![127]),
            (128, vec![0, 128]),
            (-1, vec![255]),
            (-128, vec![128]),
            (-129, vec![255, 127]),
        ] {
            assert_eq!(minimal(n), bytes, "{n}");
        }
        assert_eq!(minimal(i128::MIN).len(), 16);
    }
}
