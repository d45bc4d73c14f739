//! A bundle as one file: a ZIP archive that is written in one way only, so that it can hide nothing.
//!
//! Libraries that read ZIP pass over what they do not need (comments, extra fields, gaps, names that differ between the
//! two headers of a file). Here every byte outside the compressed data is compared with what the program writes.

use super::folder::{CHUNK, write_failure};
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const LOCAL_LENGTH: u64 = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
/// 2.0: the first that knows this compression.
const VERSION: u16 = 20;
const DEFLATED: u16 = 8;
/// 1980-01-01, the first day that the format knows.
const DATE: u16 = 0x21;
/// No name of a bundle's file comes near it.
const LONGEST_NAME: usize = 255;

/// A file of the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    name: String,
    offset: u32,
    crc: u32,
    compressed: u32,
    pub bytes: u32,
}

impl Packed {
    /// What both headers say of it.
    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(26);
        for short in [VERSION, 0, DEFLATED, 0, DATE] {
            out.extend(short.to_le_bytes());
        }
        for long in [self.crc, self.compressed, self.bytes] {
            out.extend(long.to_le_bytes());
        }
        // Names are of at most 80 letters and a folder; there are no extra fields.
        let length = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        out.extend(length.to_le_bytes());
        out.extend([0; 2]);
        out
    }

    fn local_header(&self) -> Vec<u8> {
        [&LOCAL, self.fields().as_slice(), self.name.as_bytes()].concat()
    }

    fn central_header(&self) -> Vec<u8> {
        // Neither a comment, nor a disk, nor attributes.
        let rest = [[0; 10].as_slice(), &self.offset.to_le_bytes()].concat();
        [&CENTRAL, VERSION.to_le_bytes().as_slice(), &self.fields(), &rest, self.name.as_bytes()].concat()
    }

    fn data(&self) -> u64 {
        u64::from(self.offset) + LOCAL_LENGTH + self.name.len() as u64
    }

    fn end(&self) -> u64 {
        self.data() + u64::from(self.compressed)
    }
}

fn end_record(files: u16, length: u32, offset: u32) -> Vec<u8> {
    let files = files.to_le_bytes();
    [END.as_slice(), &[0; 4], &files, &files, &length.to_le_bytes(), &offset.to_le_bytes(), &[0; 2]].concat()
}

fn too_large() -> Error {
    Error::new(Code::LimitExceeded, "the bundle is too large for one file: 4 GB and 65,534 files at most")
        .with_hint("Export it as a folder: `icebridge audit export --out FOLDER`.")
}

/// Packs files of a folder, in this order.
pub(super) fn pack(folder: &Path, names: &[&str], path: &Path) -> Result<()> {
    let failed = |e| write_failure(path, e);
    let mut out = File::create_new(path).map_err(failed)?;
    let mut packed = Vec::with_capacity(names.len());
    for name in names {
        let file = File::open(folder.join(name)).map_err(|e| write_failure(&folder.join(name), e))?;
        packed.push(append(&mut out, name, file, failed)?);
    }
    let offset = position(&mut out, failed)?;
    let mut central = BufWriter::new(&mut out);
    for file in &packed {
        central.write_all(&file.central_header()).map_err(failed)?;
    }
    central.flush().map_err(failed)?;
    drop(central);
    let length = position(&mut out, failed)?.checked_sub(offset).ok_or_else(too_large)?;
    let files = u16::try_from(packed.len()).ok().filter(|count| *count < u16::MAX).ok_or_else(too_large)?;
    out.write_all(&end_record(files, length, offset)).map_err(failed)?;
    out.sync_all().map_err(failed)
}

fn position(out: &mut File, failed: impl Fn(io::Error) -> Error) -> Result<u32> {
    u32::try_from(out.stream_position().map_err(failed)?).map_err(|_| too_large())
}

/// The header goes before the data and needs what is known after them.
fn append(out: &mut File, name: &str, file: File, failed: impl Fn(io::Error) -> Error + Copy) -> Result<Packed> {
    let offset = position(out, failed)?;
    let mut packed = Packed { name: name.into(), offset, ..Packed::default() };
    out.seek(SeekFrom::Start(packed.data())).map_err(failed)?;
    let mut crc = Crc::new();
    let mut bytes = 0_u64;
    let mut encoder = DeflateEncoder::new(BufWriter::with_capacity(CHUNK, &mut *out), Compression::default());
    let mut reader = BufReader::with_capacity(CHUNK, file);
    loop {
        let piece = io::BufRead::fill_buf(&mut reader).map_err(failed)?;
        if piece.is_empty() {
            break;
        }
        crc.update(piece);
        encoder.write_all(piece).map_err(failed)?;
        let length = piece.len();
        bytes += length as u64;
        io::BufRead::consume(&mut reader, length);
    }
    encoder.finish().and_then(|mut data| data.flush()).map_err(failed)?;
    let end = position(out, failed)?;
    packed.crc = crc.sum();
    packed.compressed =
        u64::from(end).checked_sub(packed.data()).and_then(|n| u32::try_from(n).ok()).ok_or_else(too_large)?;
    packed.bytes = u32::try_from(bytes).map_err(|_| too_large())?;
    out.seek(SeekFrom::Start(u64::from(offset))).map_err(failed)?;
    out.write_all(&packed.local_header()).map_err(failed)?;
    out.seek(SeekFrom::Start(u64::from(end))).map_err(failed)?;
    Ok(packed)
}

/// An archive that has nothing but files, one after the other, as [`pack`] writes them.
#[derive(Debug)]
pub(super) struct Archive {
    file: File,
    files: BTreeMap<String, Packed>,
}

impl Archive {
    /// Checks every byte that is not compressed data.
    pub fn open(mut file: File) -> Result<Self, String> {
        let length = file.metadata().map_err(|e| e.to_string())?.len();
        let central = central_directory(&mut file, length)?;
        let mut files = BTreeMap::new();
        let (mut rest, mut at) = (central.text.as_slice(), 0);
        for number in 1..=central.files {
            let packed = next_header(&mut rest).ok_or_else(|| format!("its directory ends before file {number}"))?;
            if u64::from(packed.offset) != at || packed.end() > central.offset {
                return Err(format!("{:?} is not where the file before it ends", packed.name));
            }
            let header = packed.local_header();
            if read_at(&mut file, at, header.len())? != header {
                return Err(format!("the header of {:?} is not written as the program writes it", packed.name));
            }
            at = packed.end();
            if let Some(twice) = files.insert(packed.name.clone(), packed) {
                return Err(format!("{:?} is in it twice", twice.name));
            }
        }
        if at != central.offset || !rest.is_empty() {
            return Err("it has something that belongs to no file".into());
        }
        Ok(Self { file, files })
    }

    pub fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    pub fn find(&self, name: &str) -> Option<Packed> {
        self.files.get(name).cloned()
    }

    /// A file's content. It ends in an error where it is not what the directory says.
    pub fn reader(&mut self, packed: Packed) -> Result<Content<'_>, String> {
        self.file.seek(SeekFrom::Start(packed.data())).map_err(|e| e.to_string())?;
        let data = BufReader::with_capacity(CHUNK, &mut self.file).take(packed.compressed.into());
        Ok(Content { data: DeflateDecoder::new(data), crc: Crc::new(), bytes: 0, packed })
    }
}

struct Central {
    text: Vec<u8>,
    offset: u64,
    files: u16,
}

/// It stands right before the last record, which has no comment.
fn central_directory(file: &mut File, length: u64) -> Result<Central, String> {
    let not_ours = || "it does not end as the program ends an archive".to_string();
    let end = length.checked_sub(END_LENGTH as u64).ok_or_else(not_ours)?;
    let record = read_at(file, end, END_LENGTH)?;
    let (files, size, offset) = (short(&record, 10), long(&record, 12), long(&record, 16));
    let largest = u64::from(files) * (CENTRAL_LENGTH + LONGEST_NAME) as u64;
    // The directory is read whole.
    if files == u16::MAX
        || record != end_record(files, size, offset)
        || u64::from(offset) + u64::from(size) != end
        || u64::from(size) > largest
    {
        return Err(not_ours());
    }
    Ok(Central { text: read_at(file, offset.into(), size as usize)?, offset: offset.into(), files })
}

fn next_header(rest: &mut &[u8]) -> Option<Packed> {
    let fixed = rest.get(..CENTRAL_LENGTH)?;
    let length = usize::from(short(fixed, 28));
    let name = std::str::from_utf8(rest.get(CENTRAL_LENGTH..CENTRAL_LENGTH + length)?).ok()?;
    let packed = Packed {
        name: name.to_string(),
        crc: long(fixed, 16),
        compressed: long(fixed, 20),
        bytes: long(fixed, 24),
        offset: long(fixed, 42),
    };
    *rest = rest.strip_prefix(packed.central_header().as_slice())?;
    Some(packed)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|part| part.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn read_at(file: &mut File, at: u64, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string())?;
    file.take(length as u64).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() == length { Ok(bytes) } else { Err("it is cut off".into()) }
}

pub(super) struct Content<'a> {
    data: DeflateDecoder<io::Take<BufReader<&'a mut File>>>,
    crc: Crc,
    bytes: u64,
    packed: Packed,
}

impl Read for Content<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.data.read(out)?;
        self.crc.update(&out[..read]);
        self.bytes += read as u64;
        let is_over = read == 0 && !out.is_empty();
        let (rest, expected) = (self.data.get_ref().limit(), u64::from(self.packed.bytes));
        let differs = || rest > 0 || self.bytes != expected || self.crc.sum() != self.packed.crc;
        if self.bytes > expected || is_over && differs() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its data are not what the archive says of them"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn packed(folder: &TempDir) -> std::path::PathBuf {
        std::fs::create_dir(folder.path().join("tables")).unwrap();
        std::fs::write(folder.path().join("b.json"), "{}\n").unwrap();
        std::fs::write(folder.path().join("empty"), "").unwrap();
        std::fs::write(folder.path().join("tables/a.json"), "long ".repeat(100_000)).unwrap();
        let path = folder.path().join("x.zip");
        pack(folder.path(), &["b.json", "tables/a.json", "empty"], &path).unwrap();
        path
    }

    /// Every file of it, or what is wrong.
    fn all(path: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut archive = Archive::open(File::open(path).unwrap())?;
        let names = archive.names();
        let mut content = |name: String| {
            let mut bytes = Vec::new();
            let packed = archive.find(&name).unwrap();
            archive.reader(packed)?.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
            Ok((name, bytes))
        };
        names.into_iter().map(&mut content).collect()
    }

    #[test]
    fn what_is_packed_is_read_and_packed_alike_again() {
        let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let path = packed(&one);
        let all = all(&path).unwrap();
        assert_eq!(all[0], ("b.json".into(), b"{}\n".to_vec()));
        assert_eq!((all[1].0.as_str(), all[1].1.len(), all[2].1.len()), ("empty", 0, 500_000));
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() < 5_000, "{}", bytes.len());
        assert_eq!(bytes, std::fs::read(packed(&other)).unwrap(), "no time and no order of its own");
    }

    #[test]
    fn no_changed_added_or_missing_byte_is_passed_over() {
        let folder = TempDir::new().unwrap();
        let path = packed(&folder);
        let good = std::fs::read(&path).unwrap();
        let whole = all(&path).unwrap();
        let is_refused = |bytes: &[u8], what: &str| {
            std::fs::write(&path, bytes).unwrap();
            assert!(all(&path).is_err(), "{what}");
        };
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&path, &changed).unwrap();
            if let Ok(found) = all(&path) {
                // The last bits of compressed data may stand for nothing.
                assert_eq!(found, whole, "byte {at}");
            }
            let mut longer = good.clone();
            longer.insert(at, b'x');
            is_refused(&longer, &format!("a byte more at {at}"));
            is_refused(&good[..at], &format!("cut off at {at}"));
            let mut shorter = good.clone();
            shorter.remove(at);
            is_refused(&shorter, &format!("a byte less at {at}"));
        }
        is_refused(&[good.as_slice(), b"x"].concat(), "a byte behind the end");
    }
}
