//! Single values as manifests hold them (spec, appendix D), and bounds cut to a bearable length.

use crate::partition::PartitionValue;
use crate::scalar::unscaled;
use icebridge_model::schema::Primitive;
use std::cmp::Ordering;

/// A value with the order of its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Decimal(i128),
    Bytes(Vec<u8>),
}

impl Bound {
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            // -0.0 before 0.0, as the spec has it.
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            // Values of one column have one variant.
            _ => Ordering::Equal,
        }
    }

    pub fn of_partition(primitive: &Primitive, value: &PartitionValue) -> Option<Self> {
        Some(match value {
            PartitionValue::Boolean(b) => Self::Boolean(*b),
            PartitionValue::Integer(n) => Self::Integer(*n),
            PartitionValue::Float(bits) => Self::Float(f32::from_bits(*bits).into()),
            PartitionValue::Double(bits) => Self::Float(f64::from_bits(*bits)),
            PartitionValue::Decimal(n) => Self::Decimal(*n),
            PartitionValue::String(text) => Self::Bytes(text.as_bytes().to_vec()),
            PartitionValue::Bytes(bytes) => match primitive {
                // Checkpoints of an earlier version.
                Primitive::Decimal { .. } => Self::Decimal(unscaled(bytes)?),
                _ => Self::Bytes(bytes.clone()),
            },
        })
    }

    pub fn is_nan(&self) -> bool {
        matches!(self, Self::Float(x) if x.is_nan())
    }

    /// None if the value does not fit the type.
    pub fn serialize(&self, primitive: &Primitive) -> Option<Vec<u8>> {
        use Primitive as P;
        Some(match (primitive, self) {
            (P::Boolean, Self::Boolean(b)) => vec![u8::from(*b)],
            (P::Int | P::Date, Self::Integer(n)) => i32::try_from(*n).ok()?.to_le_bytes().to_vec(),
            (
                P::Long | P::Time | P::Timestamp | P::Timestamptz | P::TimestampNs | P::TimestamptzNs,
                Self::Integer(n),
            ) => n.to_le_bytes().to_vec(),
            (P::Float, Self::Float(x)) => (*x as f32).to_le_bytes().to_vec(),
            (P::Double, Self::Float(x)) => x.to_le_bytes().to_vec(),
            (P::Decimal { .. }, Self::Decimal(n)) => super::transform::minimal(*n),
            (P::String | P::Binary | P::Fixed(_) | P::Uuid, Self::Bytes(bytes)) => bytes.clone(),
            _ => return None,
        })
    }
}

/// How long a string or binary bound may be; none for as long as it is.
pub type Width = Option<usize>;

/// A value that is not greater. None if there is none to give.
pub fn lower(bound: &Bound, primitive: &Primitive, width: Width) -> Option<Vec<u8>> {
    if let (Some(width), Bound::Bytes(bytes)) = (width, bound) {
        match primitive {
            Primitive::String => {
                let text = std::str::from_utf8(bytes).ok()?;
                return Some(text.chars().take(width).collect::<String>().into_bytes());
            }
            Primitive::Binary => return Some(bytes.iter().take(width).copied().collect()),
            _ => {}
        }
    }
    bound.serialize(primitive)
}

/// A value that is not less: a cut one is rounded up. None if nothing of that length is.
pub fn upper(bound: &Bound, primitive: &Primitive, width: Width) -> Option<Vec<u8>> {
    if let (Some(width), Bound::Bytes(bytes)) = (width, bound) {
        match primitive {
            Primitive::String => return round_up_text(std::str::from_utf8(bytes).ok()?, width),
            Primitive::Binary => return round_up_bytes(bytes, width),
            _ => {}
        }
    }
    bound.serialize(primitive)
}

fn round_up_text(text: &str, width: usize) -> Option<Vec<u8>> {
    let mut kept: Vec<char> = text.chars().take(width).collect();
    if kept.len() == text.chars().count() {
        return Some(text.as_bytes().to_vec());
    }
    while let Some(last) = kept.pop() {
        // Behind the last code point before the surrogates comes the first one after them.
        let next = match u32::from(last) + 1 {
            0xd800 => Some('\u{e000}'),
            next => char::from_u32(next),
        };
        if let Some(next) = next {
            kept.push(next);
            return Some(kept.into_iter().collect::<String>().into_bytes());
        }
    }
    None
}

fn round_up_bytes(bytes: &[u8], width: usize) -> Option<Vec<u8>> {
    if bytes.len() <= width {
        return Some(bytes.to_vec());
    }
    let mut kept = bytes[..width].to_vec();
    while let Some(last) = kept.pop() {
        if last < 0xff {
            kept.push(last + 1);
            return Some(kept);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Bound {
        Bound::Bytes(t.as_bytes().to_vec())
    }

    fn up(t: &str) -> Option<String> {
        upper(&text(t), &Primitive::String, Some(3)).map(|b| String::from_utf8(b).unwrap())
    }

    #[test]
    fn text_bounds_round_outwards() {
        assert_eq!(lower(&text("abcd"), &Primitive::String, Some(3)), Some(b"abc".to_vec()));
        assert_eq!(up("abcd").as_deref(), Some("abd"));
        assert_eq!(up("abc").as_deref(), Some("abc"));
        assert_eq!(up("ab\u{10ffff}x").as_deref(), Some("ac"));
        assert_eq!(up("ab\u{d7ff}x").as_deref(), Some("ab\u{e000}"));
        assert_eq!(up("\u{10ffff}\u{10ffff}\u{10ffff}x"), None);
        assert_eq!(up("äöüß").as_deref(), Some("äöý"));
        for t in ["abcd", "äöüß", "ab\u{10ffff}x", "zzzzzz"] {
            assert!(up(t).unwrap().as_str() >= t, "{t}");
        }
    }

    #[test]
    fn binary_bounds_round_outwards() {
        let bytes = |b: &[u8]| Bound::Bytes(b.to_vec());
        assert_eq!(upper(&bytes(&[1, 2, 3]), &Primitive::Binary, Some(2)), Some(vec![1, 3]));
        assert_eq!(upper(&bytes(&[1, 255, 3]), &Primitive::Binary, Some(2)), Some(vec![2]));
        assert_eq!(upper(&bytes(&[255, 255, 3]), &Primitive::Binary, Some(2)), None);
        assert_eq!(upper(&bytes(&[255, 255, 3]), &Primitive::Binary, None), Some(vec![255, 255, 3]));
    }

    /// Appendix D.
    #[test]
    fn single_values_have_the_bytes_of_the_specification() {
        let check = |primitive: &str, bound: Bound, bytes: &[u8]| {
            assert_eq!(bound.serialize(&Primitive::parse(primitive)).as_deref(), Some(bytes), "{primitive}");
        };
        check("boolean", Bound::Boolean(true), &[1]);
        check("int", Bound::Integer(-2), &[0xfe, 0xff, 0xff, 0xff]);
        check("long", Bound::Integer(1), &[1, 0, 0, 0, 0, 0, 0, 0]);
        check("date", Bound::Integer(1), &[1, 0, 0, 0]);
        check("float", Bound::Float(1.0), &[0, 0, 0x80, 0x3f]);
        check("double", Bound::Float(-0.0), &[0, 0, 0, 0, 0, 0, 0, 0x80]);
        check("decimal(9, 2)", Bound::Decimal(1420), &[0x05, 0x8c]);
        check("decimal(38, 0)", Bound::Decimal(-1), &[0xff]);
        check("string", text("é"), &[0xc3, 0xa9]);
        assert_eq!(Bound::Integer(1 << 40).serialize(&Primitive::Int), None);
    }
}
