//! Which tables have to move together, because somebody reads them together.

use crate::cutover::CutoverState;
use crate::ident::split_parts;
use crate::ids::RunId;
use crate::{Error, Result, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who reads what, as a line of the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub reader: String,
    pub table: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WavesView {
    pub run_id: RunId,
    /// Those of the fewest tables first.
    pub waves: Vec<MoveWave>,
}

/// Tables that are read together, and so are moved together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveWave {
    pub tables: Vec<WaveTable>,
    pub readers: Vec<String>,
    /// What the readers read besides, and the run does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveTable {
    pub source: TableIdent,
    pub target: TableIdent,
    pub state: CutoverState,
}

/// From CSV with the columns `reader` and `table`; others are passed over.
pub fn parse(text: &str) -> Result<Vec<Dependency>> {
    // Excel puts a byte-order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let at = |line: u64, message: &str| Error::invalid(format!("line {line}: {message}"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|e| at(1, "not CSV").with_cause(e))?.clone();
    let column = |name: &str| headers.iter().position(|head| head.trim().eq_ignore_ascii_case(name));
    let (Some(reader_at), Some(table_at)) = (column("reader"), column("table")) else {
        return Err(at(1, "the columns reader and table are missing").with_hint(
            "The first line is `reader,table`; each other line names a view, job or program and a table that it reads.",
        ));
    };
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| at(e.position().map_or(0, csv::Position::line), "not CSV").with_cause(e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |i: usize| record.get(i).unwrap_or_default().trim().to_string();
        let one = Dependency { reader: cell(reader_at), table: cell(table_at) };
        match (one.reader.is_empty(), one.table.is_empty()) {
            (true, true) => {}
            (false, false) => found.push(one),
            _ => return Err(at(line, "the reader or the table is missing")),
        }
    }
    Ok(found)
}

/// Tables, by their places in what was given, that hang together by their readers, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub tables: Vec<usize>,
    pub readers: Vec<String>,
    pub outside: Vec<String>,
}

/// A view that reads a view reads what that one reads. A table may be named as in the source or as in the target, with its catalog or
/// without, in any case of letters; a name that is one of a source and another one's target is the source's. A table that nobody reads is a
/// group of its own.
pub fn groups(tables: &[(&TableIdent, &TableIdent)], dependencies: &[Dependency]) -> Vec<Group> {
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for (at, (_, target)) in tables.iter().enumerate() {
        places.insert(key(&target.to_string()), at);
    }
    for (at, (source, _)) in tables.iter().enumerate() {
        places.insert(key(&source.to_string()), at);
    }
    let readers: BTreeSet<Vec<String>> = dependencies.iter().map(|one| key(&one.reader)).collect();
    let mut sets = Sets((0..tables.len()).collect());
    let mut others: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut names: BTreeMap<usize, &str> = BTreeMap::new();
    for one in dependencies {
        let [reader, table] = [&one.reader, &one.table].map(|name| {
            let key = key(name);
            let without_catalog = key.get(1..).filter(|rest| rest.len() > 1).unwrap_or_default();
            // One that is a table of the run is that table, whether it reads or is read.
            match places.get(&key).or_else(|| places.get(without_catalog)) {
                Some(at) => *at,
                None => {
                    let at = *others.entry(key).or_insert_with(|| sets.add());
                    names.entry(at).or_insert(name);
                    at
                }
            }
        });
        sets.join(reader, table);
    }
    let mut found: BTreeMap<usize, Group> = BTreeMap::new();
    for at in 0..tables.len() {
        found.entry(sets.root(at)).or_default().tables.push(at);
    }
    for (at, name) in names {
        if let Some(group) = found.get_mut(&sets.root(at)) {
            let list = if readers.contains(&key(name)) { &mut group.readers } else { &mut group.outside };
            list.push(name.to_string());
        }
    }
    found.into_values().collect()
}

/// As far as two spellings of a name are the same name.
fn key(name: &str) -> Vec<String> {
    let parts = split_parts(name).unwrap_or_else(|_| vec![name.to_string()]);
    parts.iter().map(|part| part.to_lowercase()).collect()
}

/// Sets that are joined; each is known by one of its members.
struct Sets(Vec<usize>);

impl Sets {
    fn add(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one] = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableIdent {
        TableIdent::parse(name).unwrap()
    }

    #[test]
    fn what_is_read_together_is_one_group() {
        let names = ["shop.a", "shop.b", "shop.c", "shop.`d.e`"].map(table);
        let targets = ["main.x", "main.y", "main.z", "main.w"].map(table);
        let tables: Vec<_> = names.iter().zip(&targets).collect();
        let text = "\u{feff}Owner, Reader ,TABLE\nada,report,shop.A\nbob,report,uc.main.y\n\n,board,view\n,view,glue.shop.c\n\
                    ,view,other.z\n,alone,nothing\n";
        let found = groups(&tables, &parse(text).unwrap());
        let told: Vec<_> =
            found.iter().map(|one| (one.tables.clone(), one.readers.join(" "), one.outside.join(" "))).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.contains(&(vec![0, 1], "report".into(), String::new())), "{told:?}");
        assert!(told.contains(&(vec![2], "board view".into(), "other.z".into())), "{told:?}");
        assert!(told.contains(&(vec![3], String::new(), String::new())), "{told:?}");
        let one = [Dependency { reader: "job".into(), table: "`shop`.`d.e`".into() }];
        assert!(groups(&tables, &one).iter().any(|one| one.tables == [3] && one.readers == ["job"]));
        assert_eq!(groups(&[], &one), []);
    }

    #[test]
    fn a_table_that_is_made_of_another_one_is_that_table() {
        let names = ["shop.b", "shop.a", "shop.c"].map(table);
        let targets = ["shop.c", "shop.b", "shop.d"].map(table);
        let tables: Vec<_> = names.iter().zip(&targets).collect();
        // shop.b is made of shop.c, and a report reads it; `shop.b` is the source's, and not where shop.a goes.
        let text = "reader,table\nmain.shop.b,main.shop.c\nreport,shop.b\n";
        let found = groups(&tables, &parse(text).unwrap());
        let told: Vec<_> =
            found.iter().map(|one| (one.tables.clone(), one.readers.join(" "), one.outside.join(" "))).collect();
        assert!(told.contains(&(vec![0, 2], "report".into(), String::new())), "{told:?}");
        assert!(told.contains(&(vec![1], String::new(), String::new())), "{told:?}");
    }

    #[test]
    fn lines_that_say_half_of_it_are_refused() {
        for (text, line) in
            [("", "line 1"), ("a,b\n", "line 1"), ("reader,table\nx,\n", "line 2"), ("reader,table\n,y", "line 2")]
        {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(line), "{text:?}: {error}");
        }
        assert_eq!(parse("table,reader\n t , r ").unwrap(), [Dependency { reader: "r".into(), table: "t".into() }]);
    }

    #[test]
    fn a_long_chain_of_readers_is_no_deep_recursion() {
        let names = [table("s.t0"), table("s.t1")];
        let tables: Vec<_> = names.iter().map(|one| (one, one)).collect();
        let of = |reader: String, table: String| Dependency { reader, table };
        let mut all: Vec<_> = (0..50_000).map(|n| of(format!("v{}", n + 1), format!("v{n}"))).collect();
        all.push(of("v0".into(), "s.t0".into()));
        all.push(of("v50000".into(), "s.t1".into()));
        assert_eq!(groups(&tables, &all).len(), 1);
    }
}
