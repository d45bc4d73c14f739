//! What of a page's header matters to what is checked before it is read, read as leniently as any reader does.

use super::thrift::{FALSE, I32, Reader, STRUCT};

#[derive(Default)]
pub(super) struct Header {
    pub length: usize,
    pub compressed: usize,
    pub uncompressed: u64,
    /// None in an index.
    pub values: u64,
    pub encoding: i32,
    pub is_dictionary: bool,
    /// A data page of the second version.
    pub is_second: bool,
    /// The bytes before the compressed ones.
    pub levels: usize,
    /// Whether levels among the compressed bytes say how long they are.
    pub repetition_has_length: bool,
    pub definition_has_length: bool,
    pub is_compressed: bool,
}

/// The encoding of levels. The older one has no length.
const RLE: i32 = 3;

impl Header {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::lenient(bytes);
        let mut header = Self { is_compressed: true, ..Self::default() };
        let (mut kind_of_page, mut sizes, mut bodies, mut last) = (None, (None, None), Vec::new(), 0);
        while let Some((id, kind)) = reader.field(last)? {
            last = id;
            match (id, kind) {
                (1, I32) => kind_of_page = Some(reader.int()?),
                (2, I32) => sizes.0 = Some(reader.int()?),
                (3, I32) => sizes.1 = Some(reader.int()?),
                (5 | 7 | 8, STRUCT) => {
                    bodies.push(id);
                    header.body(&mut reader, id == 8)?;
                }
                (_, kind) => reader.skip(kind)?,
            }
        }
        // What a page is and what it has must be one: readers differ in which of them they believe.
        let wanted: &[i16] = match kind_of_page? {
            0 => &[5],
            2 => &[7],
            3 => &[8],
            _ => &[],
        };
        header.is_dictionary = wanted == [7];
        header.is_second = wanted == [8];
        (bodies == wanted).then_some(())?;
        header.length = reader.at();
        header.uncompressed = u64::try_from(sizes.0?).ok()?;
        header.compressed = usize::try_from(sizes.1?).ok()?;
        Some(header)
    }

    /// A dictionary page, or a data page of the first or the second version.
    fn body(&mut self, reader: &mut Reader<'_>, is_second: bool) -> Option<()> {
        let mut last = 0;
        while let Some((id, kind)) = reader.field(last)? {
            last = id;
            match (id, kind) {
                (1, I32) => self.values = u64::try_from(reader.int()?).ok()?,
                (2, I32) if !is_second => self.encoding = reader.int()?,
                (4, I32) if is_second => self.encoding = reader.int()?,
                (3, I32) if !is_second => self.definition_has_length = reader.int()? == RLE,
                (4, I32) if !is_second => self.repetition_has_length = reader.int()? == RLE,
                (5 | 6, I32) if is_second => self.levels += usize::try_from(reader.int()?).ok()?,
                (7, FALSE) if is_second => self.is_compressed = false,
                (_, kind) => reader.skip(kind)?,
            }
        }
        Some(())
    }
}
