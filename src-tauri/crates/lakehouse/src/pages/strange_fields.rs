//! Fields of a footer that a writer added on its own, under numbers that the format gave to others later. Thrift's own
//! readers pass over a field whose type is not the one that they know; the Parquet crate reads its bytes as that type, and
//! is lost from there on.

use super::thrift::{BINARY, I16, I32, I64, LIST, Reader, STRUCT, Writer};

/// A struct of the footer (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>): the types of
/// its optional fields, and the structs inside of it that are looked into.
struct Shape {
    optional: &'static [(i16, u8)],
    inner: &'static [(i16, &'static Shape)],
}

const COLUMN_METADATA: Shape = Shape {
    optional: &[
        (8, LIST),
        (10, I64),
        (11, I64),
        (12, STRUCT),
        (13, LIST),
        (14, I64),
        (15, I32),
        (16, STRUCT),
        (17, STRUCT),
    ],
    inner: &[],
};

const COLUMN_CHUNK: Shape = Shape {
    optional: &[(1, BINARY), (4, I64), (5, I32), (6, I64), (7, I32), (8, STRUCT), (9, BINARY)],
    inner: &[(3, &COLUMN_METADATA)],
};

const ROW_GROUP: Shape = Shape { optional: &[(4, LIST), (5, I64), (6, I64), (7, I16)], inner: &[(1, &COLUMN_CHUNK)] };

const FILE_METADATA: Shape =
    Shape { optional: &[(5, LIST), (6, BINARY), (7, LIST), (8, STRUCT), (9, BINARY)], inner: &[(4, &ROW_GROUP)] };

/// The footer without them. None where it has none, or cannot be read: that is the decoder's to say.
pub fn left_out(footer: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(footer.len());
    let mut copy = Copy { reader: Reader::lenient(footer), footer, found: false };
    copy.fields(&FILE_METADATA, &mut kept)?;
    copy.found.then_some(kept)
}

struct Copy<'a> {
    reader: Reader<'a>,
    footer: &'a [u8],
    found: bool,
}

impl Copy<'_> {
    /// Of one struct, to its end.
    fn fields(&mut self, shape: &Shape, out: &mut Vec<u8>) -> Option<()> {
        let (mut last, mut written) = (0, 0);
        while let Some((id, kind)) = self.reader.field(last)? {
            last = id;
            if shape.optional.iter().any(|(of, right)| *of == id && *right != kind) {
                self.found = true;
                self.reader.skip(kind)?;
                continue;
            }
            Writer::after(out, written).field(id, kind);
            written = id;
            match shape.inner.iter().find(|(of, _)| *of == id) {
                Some((_, inner)) => self.inner(inner, kind, out)?,
                None => self.value(out, |reader| reader.skip(kind))?,
            }
        }
        Writer::after(out, written).end();
        Some(())
    }

    fn inner(&mut self, shape: &Shape, kind: u8, out: &mut Vec<u8>) -> Option<()> {
        match kind {
            STRUCT => self.fields(shape, out),
            LIST => {
                let mut elements = (0, 0);
                self.value(out, |reader| reader.list().map(|list| elements = list))?;
                for _ in 0..elements.0 {
                    match elements.1 {
                        STRUCT => self.fields(shape, out)?,
                        _ => return None,
                    }
                }
                Some(())
            }
            kind => self.value(out, |reader| reader.skip(kind)),
        }
    }

    /// As it is.
    fn value(&mut self, out: &mut Vec<u8>, pass: impl FnOnce(&mut Reader<'_>) -> Option<()>) -> Option<()> {
        let from = self.reader.at();
        pass(&mut self.reader)?;
        out.extend_from_slice(self.footer.get(from..self.reader.at())?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::ParquetMetaDataReader;
    use std::sync::Arc;

    /// Of a file with two columns and two row groups.
    fn footer() -> Vec<u8> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..9));
        let batch = RecordBatch::try_from_iter([("a", numbers.clone()), ("b", numbers)]).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        for _ in 0..2 {
            writer.write(&batch).unwrap();
            writer.flush().unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let (rest, _) = bytes.split_last_chunk::<4>().unwrap();
        let (rest, length) = rest.split_last_chunk::<4>().unwrap();
        rest[rest.len() - u32::from_le_bytes(*length) as usize..].to_vec()
    }

    /// Adds a list of three numbers under this number at the end of the column metadata of each chunk.
    fn with_a_list(footer: &[u8], id: i16) -> Vec<u8> {
        struct Adding<'a>(Copy<'a>, i16);
        impl Adding<'_> {
            fn fields(&mut self, path: &[i16], out: &mut Vec<u8>) {
                let (mut last, mut written) = (0, 0);
                while let Some((id, kind)) = self.0.reader.field(last).unwrap() {
                    last = id;
                    if path.is_empty() && id == self.1 {
                        self.0.reader.skip(kind).unwrap();
                        continue;
                    }
                    Writer::after(out, written).field(id, kind);
                    written = id;
                    match path.split_first() {
                        Some((first, rest)) if *first == id && kind == LIST => {
                            let mut count = 0;
                            self.0.value(out, |reader| reader.list().map(|list| count = list.0)).unwrap();
                            (0..count).for_each(|_| self.fields(rest, out));
                        }
                        Some((first, rest)) if *first == id => self.fields(rest, out),
                        _ => self.0.value(out, |reader| reader.skip(kind)).unwrap(),
                    }
                }
                if path.is_empty() {
                    Writer::after(out, written).field(self.1, LIST);
                    out.extend([0x35, 2, 4, 6]);
                    written = self.1;
                }
                Writer::after(out, written).end();
            }
        }
        let mut out = Vec::new();
        Adding(Copy { reader: Reader::lenient(footer), footer, found: false }, id).fields(&[4, 1, 3], &mut out);
        out
    }

    #[test]
    fn a_field_of_another_type_is_left_out_and_all_else_is_kept() {
        let footer = footer();
        let right = ParquetMetaDataReader::decode_metadata(&footer).unwrap();
        assert_eq!(left_out(&footer), None);
        for id in [14, 15, 16, 17] {
            let strange = with_a_list(&footer, id);
            assert_ne!(strange, footer);
            let kept = left_out(&strange).unwrap();
            assert_eq!(ParquetMetaDataReader::decode_metadata(&kept).unwrap().row_groups().len(), 2, "{id}");
            assert_eq!(left_out(&kept), None);
        }
        // What the writer of this test does not write comes back to the byte.
        assert_eq!(left_out(&with_a_list(&footer, 15)).unwrap(), footer);
        assert_eq!(ParquetMetaDataReader::decode_metadata(&footer).unwrap(), right);
        // A number that nobody knows is passed over by everybody.
        assert_eq!(left_out(&with_a_list(&footer, 99)), None);
    }

    #[test]
    fn what_is_cut_off_is_left_to_the_decoder() {
        let strange = with_a_list(&footer(), 15);
        for end in 0..strange.len() {
            assert_eq!(left_out(&strange[..end]), None, "{end}");
        }
    }
}
