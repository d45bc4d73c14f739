//! As much of Thrift's compact protocol as page headers and footers need
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).

pub const STOP: u8 = 0;
pub const TRUE: u8 = 1;
pub const FALSE: u8 = 2;
const I8: u8 = 3;
pub const I16: u8 = 4;
pub const I32: u8 = 5;
pub const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub const BINARY: u8 = 8;
pub const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
pub const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// No header of a format nests deeper.
const DEPTH: usize = 16;

/// A number of up to 64 bits, and how many bytes it takes.
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (at, shift) in (0..64).step_by(7).enumerate() {
        let byte = *bytes.get(at)?;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Reads the fields of structs. A strict one takes what every reader takes alike: fields in the order of their numbers,
/// and numbers in their shortest form.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_strict: bool,
}

/// A field's number and its type.
pub type Field = (i16, u8);

impl<'a> Reader<'a> {
    pub fn strict(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, is_strict: true }
    }

    pub fn lenient(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, is_strict: false }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, length) = varint(self.bytes.get(self.at..)?)?;
        self.at += length;
        let is_shortest = length == 1 || self.bytes.get(self.at - 1) != Some(&0);
        (is_shortest || !self.is_strict).then_some(value)
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub fn int(&mut self) -> Option<i32> {
        i32::try_from(self.zigzag()?).ok()
    }

    /// The next field of a struct after `last`; the inner none is the struct's end.
    pub fn field(&mut self, last: i16) -> Option<Option<Field>> {
        let byte = self.byte()?;
        if byte == STOP {
            return Some(None);
        }
        let (delta, kind) = (i16::from(byte >> 4), byte & 0x0f);
        let id = match delta {
            0 => i16::try_from(self.zigzag()?).ok()?,
            delta => last.checked_add(delta)?,
        };
        (id > last || !self.is_strict).then_some(Some((id, kind)))
    }

    fn pass(&mut self, length: usize) -> Option<()> {
        let end = self.at.checked_add(length)?;
        self.bytes.get(self.at..end)?;
        self.at = end;
        Some(())
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// How many elements a list has, and of which type.
    pub fn list(&mut self) -> Option<(usize, u8)> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.length()?,
            count => usize::from(count),
        };
        Some((count, byte & 0x0f))
    }

    /// Passes over a value of any type.
    pub fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_within(kind, DEPTH)
    }

    fn skip_within(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            I8 => self.pass(1)?,
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => self.pass(8)?,
            BINARY => {
                let length = self.length()?;
                self.pass(length)?;
            }
            UUID => self.pass(16)?,
            LIST | SET => {
                let (count, of) = self.list()?;
                for _ in 0..count {
                    self.skip_element(of, depth)?;
                }
            }
            MAP => {
                let count = self.length()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                for _ in 0..count {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 0x0f, depth)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                while let Some((id, kind)) = self.field(last)? {
                    last = id;
                    self.skip_within(kind, depth)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// A flag takes a byte inside a collection, and none as a field.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => self.pass(1),
            kind => self.skip_within(kind, depth),
        }
    }

    /// Passes over what need not be kept: a struct of numbers, texts and flags.
    pub fn skip_flat_struct(&mut self) -> Option<()> {
        let mut last = 0;
        while let Some((id, kind)) = self.field(last)? {
            last = id;
            match kind {
                TRUE | FALSE => {}
                I32 | I64 => drop(self.zigzag()?),
                BINARY => {
                    let length = self.length()?;
                    self.pass(length)?;
                }
                _ => return None,
            }
        }
        Some(())
    }
}

/// Writes the fields of one struct in their order.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    last: i16,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self::after(out, 0)
    }

    /// Goes on with a struct whose last field so far has this number.
    pub fn after(out: &'a mut Vec<u8>, last: i16) -> Self {
        Self { out, last }
    }

    /// The head of a field; its value follows.
    pub fn field(&mut self, id: i16, kind: u8) {
        match i32::from(id) - i32::from(self.last) {
            delta @ 1..=15 => self.out.push((delta as u8) << 4 | kind),
            _ => {
                self.out.push(kind);
                self.zigzag(id.into());
            }
        }
        self.last = id;
    }

    fn zigzag(&mut self, value: i64) {
        let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
        while zigzag >= 0x80 {
            self.out.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        self.out.push(zigzag as u8);
    }

    pub fn int(&mut self, id: i16, value: i32) {
        self.field(id, I32);
        self.zigzag(value.into());
    }

    pub fn flag(&mut self, id: i16, value: bool) {
        self.field(id, if value { TRUE } else { FALSE });
    }

    pub fn inner(&mut self, id: i16, write: impl FnOnce(&mut Writer<'_>)) {
        self.field(id, STRUCT);
        let mut inner = Writer::new(self.out);
        write(&mut inner);
        inner.end();
    }

    pub fn end(self) {
        self.out.push(STOP);
    }
}
