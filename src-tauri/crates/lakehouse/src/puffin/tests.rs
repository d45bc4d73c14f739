use super::footer::{Blob, FLAG_COMPRESSED, MAGIC};
use super::testing::{PuffinWriter, blob_bytes, encode_deletion_vector, read};
use super::*;
use roaring::RoaringTreemap;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

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
    let footer = read(&bytes, "x").unwrap();
    for (blob, (offset, length)) in footer.blobs.iter().zip(places) {
        assert_eq!((blob.offset, blob.length), (offset, length));
        assert_eq!(decode_deletion_vector(blob_bytes(&bytes, blob).unwrap(), "x").unwrap(), vector());
    }
}

#[test]
fn relocation_renames_and_moves_no_blob() {
    let (bytes, places) = file();
    let moved = relocate(&bytes.clone().into(), "x", |p| Ok(p.replace("/a/t", "/somewhere/else"))).unwrap().unwrap();
    let footer = read(&moved, "x").unwrap();
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
        assert!(read(&bytes[..end], "x").is_err());
    }
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 0x41;
        if let Ok(footer) = read(&bent, "x") {
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
    assert_eq!(read(&bytes, "x").unwrap().properties["a"], "b");
}

#[test]
fn what_the_footer_says_must_fit_the_file() {
    let (bytes, _) = file();
    let with_footer = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut footer = serde_json::to_value(read(&bytes, "x").unwrap()).unwrap();
        edit(&mut footer);
        let json = footer.to_string().into_bytes();
        let blobs =
            bytes.len() - 12 - u32::from_le_bytes(bytes[bytes.len() - 12..][..4].try_into().unwrap()) as usize - 4;
        let mut out = [&bytes[..blobs], MAGIC.as_slice(), &json].concat();
        out.extend_from_slice(&(json.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(MAGIC);
        out
    };
    assert!(read(&with_footer(&|_| ()), "x").is_ok());
    for (offset, length) in [(0, 4), (4, 1 << 40), (u64::MAX, 1), (4, u64::MAX)] {
        let lying = with_footer(&|footer| {
            footer["blobs"][0]["offset"] = offset.into();
            footer["blobs"][0]["length"] = length.into();
        });
        assert!(read(&lying, "x").is_err(), "{offset} {length}");
    }
    let mut without_magic = bytes.clone();
    without_magic[0] = 0;
    assert!(read(&without_magic, "x").is_err());
    let mut flagged = bytes.clone();
    let at = flagged.len() - 8;
    flagged[at] = 2;
    assert_eq!(read(&flagged, "x").unwrap_err().code, icebridge_model::Code::Unsupported);
}

#[test]
fn a_compressed_footer_that_inflates_without_end_is_refused() {
    use std::io::Write;
    let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::new());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..=crate::limits::Limit::PuffinFooter.get() >> 20 {
        frame.write_all(&spaces).unwrap();
    }
    let packed = frame.finish().unwrap();
    let mut bytes = [MAGIC.as_slice(), MAGIC, &packed].concat();
    bytes.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[FLAG_COMPRESSED, 0, 0, 0]);
    bytes.extend_from_slice(MAGIC);
    assert_eq!(read(&bytes, "x").unwrap_err().code, icebridge_model::Code::LimitExceeded);
}

#[tokio::test]
async fn a_footer_in_storage_is_that_of_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.puffin").display().to_string();
    let storage = crate::storage::Storage::local().unwrap();
    let (bytes, _) = file();
    storage.write(&path, bytes.clone().into()).await.unwrap();
    assert_eq!(Footer::load(&storage, &path).await.unwrap(), read(&bytes, "x").unwrap());
    for wrong in [b"PFA1".to_vec(), bytes[4..].to_vec(), bytes[..bytes.len() - 1].to_vec(), Vec::new()] {
        storage.write(&path, wrong.into()).await.unwrap();
        assert_eq!(Footer::load(&storage, &path).await.unwrap_err().code, icebridge_model::Code::FileBroken);
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn positions() -> impl Strategy<Value = Vec<u64>> {
        let position = prop_oneof![0u64..100_000, 0u64..1 << 34, Just(u64::MAX), any::<u64>()];
        (prop::collection::vec(position, 0..300), prop::collection::vec((0u64..1 << 33, 0u64..9_000), 0..3)).prop_map(
            |(mut positions, runs)| {
                for (start, length) in runs {
                    positions.extend(start..start + length);
                }
                positions
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sets_of_positions_come_back_as_they_were(positions in positions()) {
            let set: RoaringTreemap = positions.into_iter().collect();
            let blob = encode_deletion_vector(&set).unwrap();
            prop_assert_eq!(decode_deletion_vector(&blob, "x").unwrap(), set);
        }

        #[test]
        fn changed_vectors_never_panic_even_with_a_right_checksum(
            positions in positions(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let set: RoaringTreemap = positions.into_iter().collect();
            let mut blob = encode_deletion_vector(&set).unwrap();
            let end = blob.len() - 4;
            for (at, byte) in changes {
                let at = 4 + at.index(end - 4);
                blob[at] = byte;
            }
            let sum = crc32fast::hash(&blob[4..end]).to_be_bytes();
            blob[end..].copy_from_slice(&sum);
            let _ = decode_deletion_vector(&blob, "x");
        }

        #[test]
        fn random_bytes_are_no_puffin_file_and_no_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let framed = [MAGIC.as_slice(), &body, MAGIC].concat();
            let _ = (read(&body, "x"), read(&framed, "x"), decode_deletion_vector(&body, "x"));
        }
    }
}
