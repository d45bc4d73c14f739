//! Puffin: the container of statistics and deletion vectors, read, written and relocated.

mod deletion_vector;

pub use deletion_vector::{decode_deletion_vector, encode_deletion_vector};

use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Read;

const MAGIC: &[u8; 4] = b"PFA1";
/// Payload size, flags and the last magic.
const TAIL: usize = 12;
const FLAG_COMPRESSED: u8 = 1;
const MAX_FOOTER: u64 = 256 << 20;

pub const DELETION_VECTOR: &str = "deletion-vector-v1";
pub const REFERENCED_DATA_FILE: &str = "referenced-data-file";

/// One blob as the footer describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Blob {
    #[serde(rename = "type")]
    pub kind: String,
    pub fields: Vec<i32>,
    pub snapshot_id: i64,
    pub sequence_number: i64,
    pub offset: u64,
    pub length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression_codec: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// What later versions may add.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    pub blobs: Vec<Blob>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Footer {
    /// Reads the footer of a whole file.
    pub fn read(file: &[u8], path: &str) -> Result<Self> {
        Ok(split(file).map_err(|e| e.about(path))?.0)
    }
}

/// The bytes of one blob in a whole file.
pub fn blob_bytes<'a>(file: &'a [u8], blob: &Blob) -> Result<&'a [u8]> {
    let start = usize::try_from(blob.offset).ok();
    let end = blob.offset.checked_add(blob.length).and_then(|end| usize::try_from(end).ok());
    start.zip(end).and_then(|(s, e)| file.get(s..e)).ok_or_else(|| broken("a Puffin blob lies outside its file"))
}

/// Footer and the place where it starts.
fn split(file: &[u8]) -> Result<(Footer, usize)> {
    if !file.starts_with(MAGIC) || !file.ends_with(MAGIC) || file.len() < MAGIC.len() * 2 + TAIL {
        return Err(broken("this is not a Puffin file"));
    }
    let tail = &file[file.len() - TAIL..];
    let payload = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize;
    let flags = tail[4];
    let end = file.len() - TAIL;
    let start = end
        .checked_sub(payload)
        .and_then(|at| at.checked_sub(MAGIC.len()))
        .filter(|at| file[*at..].starts_with(MAGIC))
        .ok_or_else(|| broken("the Puffin footer is not where the file says"))?;
    let packed = &file[start + MAGIC.len()..end];
    let inflated;
    let json = if flags & FLAG_COMPRESSED == 0 {
        packed
    } else {
        let mut out = Vec::new();
        lz4_flex::frame::FrameDecoder::new(packed)
            .take(MAX_FOOTER)
            .read_to_end(&mut out)
            .map_err(|e| broken("the Puffin footer cannot be inflated").with_cause(e))?;
        inflated = out;
        inflated.as_slice()
    };
    let footer = serde_json::from_slice(json)
        .map_err(|e| broken("the Puffin footer does not follow the specification").with_cause(e))?;
    Ok((footer, start))
}

/// Writes a Puffin file into memory.
#[derive(Debug)]
pub struct PuffinWriter {
    out: Vec<u8>,
    footer: Footer,
}

impl PuffinWriter {
    pub fn new(properties: BTreeMap<String, String>) -> Self {
        Self { out: MAGIC.to_vec(), footer: Footer { properties, ..Footer::default() } }
    }

    /// Appends a blob's bytes as they are (compressed by `blob.compression_codec` already); returns where it lies.
    pub fn append(&mut self, mut blob: Blob, bytes: &[u8]) -> (u64, u64) {
        blob.offset = self.out.len() as u64;
        blob.length = bytes.len() as u64;
        let place = (blob.offset, blob.length);
        self.out.extend_from_slice(bytes);
        self.footer.blobs.push(blob);
        place
    }

    pub fn finish(mut self) -> Result<Vec<u8>> {
        write_footer(&mut self.out, &self.footer)?;
        Ok(self.out)
    }
}

fn write_footer(out: &mut Vec<u8>, footer: &Footer) -> Result<()> {
    let json = serde_json::to_vec(footer).map_err(|e| Error::internal("a Puffin footer to JSON").with_cause(e))?;
    let length = u32::try_from(json.len()).map_err(|_| broken("the Puffin footer is too large"))?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&json);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(MAGIC);
    Ok(())
}

/// The file with the data files its deletion vectors refer to renamed. Blobs keep their bytes and places, so the offsets
/// in manifests stay true. None if nothing in it names a file, as in statistics.
pub fn relocate(file: &Bytes, path: &str, mut rename: impl FnMut(&str) -> Result<String>) -> Result<Option<Vec<u8>>> {
    let (mut footer, start) = split(file).map_err(|e| e.about(path))?;
    let mut changed = false;
    for blob in &mut footer.blobs {
        if let Some(referenced) = blob.properties.get_mut(REFERENCED_DATA_FILE) {
            *referenced = rename(referenced)?;
            changed = true;
        }
    }
    if !changed {
        return Ok(None);
    }
    let mut out = file[..start].to_vec();
    write_footer(&mut out, &footer).map_err(|e| e.about(path))?;
    Ok(Some(out))
}

fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::FileBroken, message)
        .with_hint("Check the file at the source; compacting the table there writes its delete files anew.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use roaring::RoaringTreemap;

    fn vector() -> RoaringTreemap {
        [0u64, 3, 70_000, 1 << 33, (1 << 33) + 5].into_iter().collect()
    }

    fn file() -> (Vec<u8>, Vec<(u64, u64)>) {
        let mut writer = PuffinWriter::new(BTreeMap::from([("created-by".into(), "test".into())]));
        let places = ["/a/t/data/1.parquet", "/a/t/data/2.parquet"].map(|path| {
            let blob = Blob {
                kind: DELETION_VECTOR.into(),
                fields: vec![2_147_483_645],
                snapshot_id: -1,
                sequence_number: -1,
                properties: BTreeMap::from([
                    (REFERENCED_DATA_FILE.into(), path.into()),
                    ("cardinality".into(), "5".into()),
                ]),
                other: Map::from_iter([("future".to_string(), Value::from(1))]),
                ..Blob::default()
            };
            writer.append(blob, &encode_deletion_vector(&vector()).unwrap())
        });
        (writer.finish().unwrap(), places.to_vec())
    }

    #[test]
    fn a_deletion_vector_round_trips_inside_its_file() {
        let (bytes, places) = file();
        let footer = Footer::read(&bytes, "x").unwrap();
        for (blob, (offset, length)) in footer.blobs.iter().zip(places) {
            assert_eq!((blob.offset, blob.length), (offset, length));
            assert_eq!(decode_deletion_vector(blob_bytes(&bytes, blob).unwrap(), "x").unwrap(), vector());
        }
    }

    #[test]
    fn relocation_renames_and_moves_no_blob() {
        let (bytes, places) = file();
        let moved =
            relocate(&bytes.clone().into(), "x", |p| Ok(p.replace("/a/t", "/somewhere/else"))).unwrap().unwrap();
        let footer = Footer::read(&moved, "x").unwrap();
        assert_eq!(footer.blobs[1].properties[REFERENCED_DATA_FILE], "/somewhere/else/data/2.parquet");
        assert_eq!(footer.blobs[1].properties["cardinality"], "5");
        assert_eq!(footer.blobs[1].other["future"], 1);
        assert_eq!(footer.properties["created-by"], "test");
        for (offset, length) in places {
            let range = offset as usize..(offset + length) as usize;
            assert_eq!(moved[range.clone()], bytes[range]);
        }
    }

    #[test]
    fn statistics_need_no_relocation() {
        let mut writer = PuffinWriter::new(BTreeMap::new());
        writer.append(Blob { kind: "apache-datasketches-theta-v1".into(), ..Blob::default() }, b"sketch");
        assert_eq!(relocate(&writer.finish().unwrap().into(), "x", |_| panic!("nothing to rename")).unwrap(), None);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let (bytes, _) = file();
        for end in 0..bytes.len() {
            assert!(Footer::read(&bytes[..end], "x").is_err());
        }
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 0x41;
            if let Ok(footer) = Footer::read(&bent, "x") {
                for blob in &footer.blobs {
                    let _ = blob_bytes(&bent, blob).and_then(|b| decode_deletion_vector(b, "x"));
                }
            }
        }
    }

    #[test]
    fn a_compressed_footer_reads() {
        use std::io::Write;
        let json = br#"{"blobs":[],"properties":{"a":"b"}}"#;
        let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::new());
        frame.write_all(json).unwrap();
        let packed = frame.finish().unwrap();
        let mut bytes = [MAGIC.as_slice(), MAGIC, &packed].concat();
        bytes.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[FLAG_COMPRESSED, 0, 0, 0]);
        bytes.extend_from_slice(MAGIC);
        assert_eq!(Footer::read(&bytes, "x").unwrap().properties["a"], "b");
    }
}
