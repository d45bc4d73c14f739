//! The schema in a footer, looked at before it is decoded: the Parquet crate makes room for as many columns as a few bytes
//! claim, and goes as deep as they say.

use super::broken;
use super::thrift::{I32, LIST, Reader, STRUCT};
use crate::limits::Limit;
use icebridge_model::{Code, Error, Result};

/// Deeper than any table, and far from what a thread's stack holds.
const DEPTH: usize = 100;

const SCHEMA: i16 = 2;
const NUM_CHILDREN: i16 = 5;

pub fn check(footer: &[u8]) -> Result<()> {
    let mut reader = Reader::lenient(footer);
    let mut last = 0;
    while let Some((id, kind)) = reader.field(last).ok_or_else(unreadable)? {
        last = id;
        match (id, kind) {
            (SCHEMA, LIST) => schema(&mut reader)?,
            (_, kind) => reader.skip(kind).ok_or_else(unreadable)?,
        }
    }
    Ok(())
}

/// The elements lie as a walk through the tree meets them, each before its children.
fn schema(reader: &mut Reader<'_>) -> Result<()> {
    let (count, kind) = reader.list().ok_or_else(unreadable)?;
    Limit::ParquetColumns.check(count as u64)?;
    // What is still to come below each element on the way down.
    let mut open: Vec<usize> = Vec::new();
    for at in 0..count {
        let children = match kind {
            STRUCT => children(reader).ok_or_else(unreadable)?,
            _ => return Err(unreadable()),
        };
        if children > count - at - 1 {
            return Err(unreadable());
        }
        if let Some(left) = open.last_mut() {
            *left = left.saturating_sub(1);
        }
        if children > 0 {
            open.push(children);
            if open.len() > DEPTH {
                return Err(Error::new(Code::LimitExceeded, format!("the columns nest deeper than {DEPTH} levels"))
                    .with_hint("Check at the source that the file is what it should be; the limit cannot be raised."));
            }
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    Ok(())
}

fn children(reader: &mut Reader<'_>) -> Option<usize> {
    let (mut last, mut children) = (0, 0);
    while let Some((id, kind)) = reader.field(last)? {
        last = id;
        match (id, kind) {
            (NUM_CHILDREN, I32) => children = usize::try_from(reader.int()?).ok()?,
            (_, kind) => reader.skip(kind)?,
        }
    }
    Some(children)
}

fn unreadable() -> Error {
    broken("the footer of the Parquet file cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with these numbers of children, one element each.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x29, 0xfc, children.len() as u8];
        for count in children {
            // Field 5, a number.
            bytes.extend([0x55, count * 2, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_schema_that_claims_more_than_it_has_or_goes_too_deep_is_refused() {
        assert!(check(&footer(&[2, 0, 1, 0])).is_ok());
        assert_eq!(check(&footer(&[60, 0])).unwrap_err().code, Code::FileBroken);
        let chain = |depth: usize| [vec![1; depth], vec![0]].concat();
        assert!(check(&footer(&chain(99))).is_ok());
        assert_eq!(check(&footer(&chain(120))).unwrap_err().code, Code::LimitExceeded);
        // Two billion elements in a list of nothing.
        assert_eq!(check(&[0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07]).unwrap_err().code, Code::LimitExceeded);
        assert_eq!(check(&[0x29, 0xfc, 5]).unwrap_err().code, Code::FileBroken);
    }
}
