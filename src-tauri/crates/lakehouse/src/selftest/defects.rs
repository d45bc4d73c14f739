//! What goes wrong in copies. Each changes as little as it can, so that a weaker check has every chance to miss it.

use super::scratch::Content;
use icebridge_model::schema::{Primitive, Type};
use icebridge_model::validation::ProofLevel::{self, Aggregates, Count, Digest, Schema};

type Change = fn(&mut Content);

/// Copies that are the same table.
#[rustfmt::skip]
pub const SOUND: &[(&str, Change)] = &[
    ("the same files", |_| {}),
    ("rows in another order", |c| c.files.iter_mut().take(1).for_each(|file| file[..180].reverse())),
    ("files in another order", |c| c.listed.reverse()),
    ("deletes applied", |c| { c.files[0].truncate(180); c.deletes.clear(); }),
    ("all rows in one file", |c| {
        let moved = std::mem::take(&mut c.files[1]);
        c.files[0].truncate(180);
        c.files[0].extend(moved);
        c.deletes.clear();
        c.listed = vec![0];
    }),
    ("map entries in another order", |c| c.row(3).attributes.iter_mut().for_each(|entries| entries.reverse())),
];

/// With the weakest level that promises to see it.
#[rustfmt::skip]
pub const DEFECTS: &[(&str, ProofLevel, Change)] = &[
    ("a row is lost", Count, |c| drop(c.files[1].pop())),
    ("a row is there twice", Count, |c| { let row = c.files[1][4].clone(); c.files[1].push(row); }),
    ("one row is lost and another is there twice", Digest, |c| { let row = c.row(200).clone(); *c.row(201) = row; }),
    ("a text copied from the row before", Digest, |c| { let row = c.row(12).clone(); c.row(13).name = row.name; }),
    ("deleted rows came back", Count, |c| c.deletes.clear()),
    ("one deleted row came back", Count, |c| c.deletes.truncate(4)),
    ("one row too many is deleted", Count, |c| c.deletes.push((0, 40))),
    ("another row is deleted", Digest, |c| { c.deletes.pop(); c.deletes.push((0, 40)); }),
    ("a data file is left out", Count, |c| c.listed = vec![0]),
    ("a data file is listed twice", Count, |c| c.listed = vec![0, 1, 1]),
    ("an earlier snapshot", Count, |c| { c.listed = vec![0]; c.deletes.clear(); }),
    ("values exchanged between two rows", Digest, |c| {
        let (one, other) = (c.row(100).name.clone(), c.row(101).name.clone());
        (c.row(100).name, c.row(101).name) = (other, one);
    }),
    ("two columns exchanged", Digest, |c| for row in c.files.iter_mut().flatten() { std::mem::swap(&mut row.name, &mut row.alias); }),
    ("two columns exchanged in one row", Digest, |c| { let row = c.row(100); std::mem::swap(&mut row.name, &mut row.alias); }),
    ("NULL became empty text", Aggregates, |c| c.row(35).name = Some(String::new())),
    ("empty text became NULL", Aggregates, |c| c.row(10).name = None),
    ("a space at the end cut off", Digest, |c| c.row(11).name = Some("trailing".into())),
    ("a space at the end added", Digest, |c| c.row(100).name = Some("name 100 ".into())),
    ("capitals became small letters", Digest, |c| c.row(12).name = Some("mixedcase".into())),
    ("a letter in another Unicode form", Digest, |c| c.row(13).name = Some("cafe\u{301}".into())),
    ("text cut at a zero character", Digest, |c| c.row(14).name = Some("a".into())),
    ("an emoji became a question mark", Digest, |c| c.row(15).name = Some("? smile".into())),
    ("a list in another order", Digest, |c| c.row(100).tags.iter_mut().for_each(|tags| tags.reverse())),
    ("an element of a list lost", Digest, |c| c.row(100).tags.iter_mut().for_each(|tags| drop(tags.pop()))),
    ("a NULL in a list lost", Digest, |c| c.row(100).tags.iter_mut().for_each(|tags| tags.retain(Option::is_some))),
    ("a NULL list became empty", Aggregates, |c| c.row(31).tags = Some(Vec::new())),
    ("an empty list became NULL", Aggregates, |c| c.row(32).tags = None),
    ("a value of a map changed", Digest, |c| c.row(100).attributes.iter_mut().for_each(|entries| entries[0].1 = Some(-1))),
    ("an entry of a map lost", Digest, |c| c.row(100).attributes.iter_mut().for_each(|entries| drop(entries.pop()))),
    ("a nested value lost", Digest, |c| c.row(100).place.iter_mut().for_each(|place| place.zip = None)),
    ("a NULL struct became a struct of NULLs", Aggregates, |c| c.row(33).place = c.row(34).place.clone()),
    ("a time shifted by an hour", Digest, |c| c.row(100).at = c.row(100).at.map(|at| at + 3_600_000_000)),
    ("times cut to milliseconds", Digest, |c| for row in c.files.iter_mut().flatten() { row.at = row.at.map(|at| at - at.rem_euclid(1000)); }),
    ("a date off by one", Digest, |c| c.row(100).day = c.row(100).day.map(|day| day + 1)),
    ("a decimal with its point moved", Aggregates, |c| c.row(100).amount = c.row(100).amount.map(|n| n * 10)),
    ("two decimals off, their sum kept", Digest, |c| { for (at, by) in [(100, 1), (101, -1)] { c.row(at).amount = c.row(at).amount.map(|n| n + by); } }),
    ("the last bit of a double", Digest, |c| c.row(100).price = c.row(100).price.map(f64::next_up)),
    ("minus zero became zero", Digest, |c| c.row(20).price = Some(0.0)),
    ("NaN became NULL", Aggregates, |c| c.row(21).price = None),
    ("infinity became the greatest double", Aggregates, |c| c.row(22).price = Some(f64::MAX)),
    ("a tiny double became zero", Digest, |c| c.row(24).price = Some(0.0)),
    ("a double went through a float", Digest, |c| c.row(23).price = Some(f64::from(0.1f32))),
    ("the last bit of a float", Digest, |c| c.row(100).ratio = c.row(100).ratio.map(f32::next_up)),
    ("a long went through a double", Aggregates, |c| c.row(30).id = 1 << 53),
    ("a flag turned over", Digest, |c| c.row(100).flag = c.row(100).flag.map(|flag| !flag)),
    ("the last byte of a binary cut off", Digest, |c| c.row(36).note.iter_mut().for_each(|note| note.truncate(2))),
    ("a column is missing", Schema, |c| c.schema.fields.retain(|field| field.name != "note")),
    ("a column has another name", Schema, |c| c.schema.fields[12].name = "remark".into()),
    ("columns in another order", Schema, |c| c.schema.fields.swap(1, 2)),
    ("a decimal of another scale", Schema, |c| c.schema.fields[3].field_type = Type::Primitive(Primitive::Decimal { precision: 12, scale: 1 })),
    ("a time zone lost", Schema, |c| c.schema.fields[6].field_type = Type::Primitive(Primitive::Timestamp)),
    ("NOT NULL lost", Schema, |c| c.schema.fields[0].required = false),
    ("a comment lost", Schema, |c| c.schema.fields[0].doc = None),
    ("a nested field is missing", Schema, |c| if let Type::Struct(fields) = &mut c.schema.fields[11].field_type { fields.pop(); }),
];
