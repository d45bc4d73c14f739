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
    /// What the file names, and nothing connects with a table of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconnected: Vec<String>,
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
    // Excel puts a byte-order mark in front. Other ends of lines would be counted otherwise than an editor does.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let file = File(&text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|e| file.wrong(None, "not CSV").with_cause(e))?.clone();
    let [reader_at, table_at] = [file.column(&headers, "reader")?, file.column(&headers, "table")?];
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| file.wrong(e.position(), "not CSV").with_cause(e))?;
        let at = record.position();
        // A comma in a name that is not quoted makes two of it. Empty cells at the end do no harm.
        if record.iter().skip(headers.len()).any(|cell| !cell.trim().is_empty()) {
            return Err(file.wrong(at, "there are more cells than columns: a name with a comma is written in quotes"));
        }
        let cell = |i: usize| match record.get(i).unwrap_or_default().trim() {
            name if name.contains('\n') => Err(file.wrong(at, "a quote begins here that the line does not close")),
            name if name.starts_with('"') => {
                Err(file.wrong(at, "a name begins with a quote: no space may stand before a quoted cell"))
            }
            name if name.chars().any(is_unseen) => Err(file.wrong(at, "a name has a character that is not seen")),
            name => Ok(name.to_string()),
        };
        let one = Dependency { reader: cell(reader_at)?, table: cell(table_at)? };
        match (one.reader.is_empty(), one.table.is_empty()) {
            (true, true) => {}
            (false, false) => found.push(one),
            _ => return Err(file.wrong(at, "the reader or the table is missing")),
        }
    }
    file.refuse_open_quote()?;
    Ok(found)
}

/// Of no width, or of no letter at all: names that look alike would be two.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A CSV file whose lines end with `\n`.
struct File<'a>(&'a str);

impl File<'_> {
    fn column(&self, headers: &csv::StringRecord, name: &str) -> Result<usize> {
        let is_it = |head: &str| head.trim().eq_ignore_ascii_case(name);
        let mut places = headers.iter().enumerate().filter(|(_, head)| is_it(head)).map(|(at, _)| at);
        let hint =
            "The first line is `reader,table`; each other line names a view, job or program and a table that it reads.";
        match (places.next(), places.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => Err(self.wrong(None, &format!("there are two columns {name}")).with_hint(hint)),
            (None, _) => Err(self.wrong(None, &format!("the column {name} is missing")).with_hint(hint)),
        }
    }

    /// The reader takes a quote that is never closed for one of the whole rest.
    fn refuse_open_quote(&self) -> Result<()> {
        const END: &str = "end of file";
        let text = format!("{}\n{END}\n", self.0);
        let mut last = None;
        for record in csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes()).records()
        {
            last = Some(record.map_err(|e| self.wrong(e.position(), "not CSV").with_cause(e))?);
        }
        match last {
            Some(last) if last.get(0) != Some(END) => {
                Err(self.wrong(last.position(), "a quote begins here that nothing closes"))
            }
            _ => Ok(()),
        }
    }

    /// A position may be before lines that are empty.
    fn wrong(&self, at: Option<&csv::Position>, message: &str) -> Error {
        let start = at.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(0);
        let (before, rest) = self.0.split_at_checked(start).unwrap_or((self.0, ""));
        let empty = rest.bytes().take_while(|byte| *byte == b'\n').count();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + empty + 1;
        Error::invalid(format!("line {line}: {message}"))
    }
}

/// Tables, by their places in what was given, that hang together by their readers, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub tables: Vec<usize>,
    pub readers: Vec<String>,
    pub outside: Vec<String>,
}

/// The names of catalogs that a table's name may begin with.
#[derive(Clone, Debug, Default)]
pub struct CatalogNames {
    pub source: Vec<String>,
    pub target: Vec<String>,
}

/// A view that reads a view reads what that one reads. A table may be named as in the source or as in the target, with its catalog or
/// without, in any case of letters; a name that is one of a source and another one's target is the source's, unless its catalog says
/// otherwise. A table that nobody reads is a group of its own. Beside the groups: the names that nothing connects with any of the tables.
pub fn groups(
    tables: &[(&TableIdent, &TableIdent)],
    catalogs: &CatalogNames,
    dependencies: &[Dependency],
) -> (Vec<Group>, Vec<String>) {
    let places = Places::of(tables, catalogs);
    let readers: BTreeSet<Vec<String>> = dependencies.iter().map(|one| folded(&parts(&one.reader))).collect();
    let mut sets = Sets((0..tables.len()).collect());
    let mut others: BTreeMap<Vec<String>, (usize, &str)> = BTreeMap::new();
    for one in dependencies {
        let [reader, table] = [&one.reader, &one.table].map(|name| {
            let parts = parts(name);
            // One that is a table of the run is that table, whether it reads or is read.
            match places.of_name(&parts).as_slice() {
                [] => others.entry(folded(&parts)).or_insert_with(|| (sets.add(), name)).0,
                [first, more @ ..] => {
                    more.iter().for_each(|other| sets.join(*first, *other));
                    *first
                }
            }
        });
        sets.join(reader, table);
    }
    for (name, (at, _)) in &others {
        if let Some((short, _)) = without_catalog(name).and_then(|rest| others.get(rest)) {
            sets.join(*short, *at);
        }
    }
    let mut found: BTreeMap<usize, Group> = BTreeMap::new();
    for at in 0..tables.len() {
        found.entry(sets.root(at)).or_default().tables.push(at);
    }
    // One that stands with its catalog, too, is told once.
    let full: BTreeSet<&[String]> = others.keys().filter_map(|name| without_catalog(name)).collect();
    let mut unconnected = Vec::new();
    for (name, (at, text)) in others.iter().filter(|(name, _)| !full.contains(name.as_slice())) {
        let Some(group) = found.get_mut(&sets.root(*at)) else {
            unconnected.push((*text).to_string());
            continue;
        };
        let reads = readers.contains(name) || without_catalog(name).is_some_and(|rest| readers.contains(rest));
        let list = if reads { &mut group.readers } else { &mut group.outside };
        list.push((*text).to_string());
    }
    (found.into_values().collect(), unconnected)
}

fn parts(name: &str) -> Vec<String> {
    split_parts(name).unwrap_or_else(|_| vec![name.to_string()])
}

fn folded(parts: &[String]) -> Vec<String> {
    parts.iter().map(|part| part.to_lowercase()).collect()
}

/// Of a name of three parts or more, all but the first.
fn without_catalog(parts: &[String]) -> Option<&[String]> {
    parts.get(1..).filter(|rest| rest.len() > 1)
}

/// Where the names of tables lead to.
struct Places<'a> {
    sources: Side,
    targets: Side,
    catalogs: &'a CatalogNames,
}

/// Names of one side, as they are spelt and in small letters.
#[derive(Default)]
struct Side {
    spelt: BTreeMap<Vec<String>, usize>,
    folded: BTreeMap<Vec<String>, Vec<usize>>,
}

impl Side {
    fn add(&mut self, ident: &TableIdent, at: usize) {
        let parts: Vec<String> = ident.namespace.iter().chain([&ident.name]).cloned().collect();
        self.folded.entry(folded(&parts)).or_default().push(at);
        self.spelt.insert(parts, at);
    }
}

impl<'a> Places<'a> {
    fn of(tables: &[(&TableIdent, &TableIdent)], catalogs: &'a CatalogNames) -> Self {
        let (mut sources, mut targets) = (Side::default(), Side::default());
        for (at, (source, target)) in tables.iter().enumerate() {
            sources.add(source, at);
            targets.add(target, at);
        }
        Self { sources, targets, catalogs }
    }

    /// More than one: tables whose names differ in the case of letters alone, and this name is neither's.
    fn of_name(&self, parts: &[String]) -> Vec<usize> {
        let is_of = |names: &[String]| names.iter().any(|name| name.to_lowercase() == parts[0].to_lowercase());
        let is_targets = is_of(&self.catalogs.target) && !is_of(&self.catalogs.source);
        let (usual, by_catalog) = ([&self.sources, &self.targets], [&self.targets, &self.sources]);
        let mut rest = Some(parts);
        while let Some(name) = rest {
            // A name that begins with the target's catalog is the target's first.
            let order = if is_targets && name.len() < parts.len() { &by_catalog } else { &usual };
            let found = look_up(order, name);
            if !found.is_empty() {
                return found;
            }
            rest = without_catalog(name);
        }
        Vec::new()
    }
}

fn look_up(sides: &[&Side], parts: &[String]) -> Vec<usize> {
    if let Some(at) = sides.iter().find_map(|side| side.spelt.get(parts)) {
        return vec![*at];
    }
    let parts = folded(parts);
    sides.iter().find_map(|side| side.folded.get(&parts)).cloned().unwrap_or_default()
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
        let (found, _) = groups(&tables, &CatalogNames::default(), &parse(text).unwrap());
        let told: Vec<_> =
            found.iter().map(|one| (one.tables.clone(), one.readers.join(" "), one.outside.join(" "))).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.contains(&(vec![0, 1], "report".into(), String::new())), "{told:?}");
        assert!(told.contains(&(vec![2], "board view".into(), "other.z".into())), "{told:?}");
        assert!(told.contains(&(vec![3], String::new(), String::new())), "{told:?}");
        let one = [Dependency { reader: "job".into(), table: "`shop`.`d.e`".into() }];
        let (found, unconnected) = groups(&tables, &CatalogNames::default(), &one);
        assert!(unconnected.is_empty() && found.iter().any(|one| one.tables == [3] && one.readers == ["job"]));
        let (found, unconnected) = groups(&[], &CatalogNames::default(), &one);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(unconnected, ["job", "`shop`.`d.e`"]);
    }

    #[test]
    fn a_table_that_is_made_of_another_one_is_that_table() {
        let names = ["shop.b", "shop.a", "shop.c"].map(table);
        let targets = ["shop.c", "shop.b", "shop.d"].map(table);
        let tables: Vec<_> = names.iter().zip(&targets).collect();
        // shop.b is made of shop.c, and a report reads it; `shop.b` is the source's, and not where shop.a goes.
        let text = "reader,table\nmain.shop.b,main.shop.c\nreport,shop.b\n";
        let (found, _) = groups(&tables, &CatalogNames::default(), &parse(text).unwrap());
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
    fn a_file_that_is_not_what_it_looks_like_is_refused_at_its_line() {
        for (text, line) in [
            ("reader,table\nx,\"shop.a\ny,shop.b\nz,shop.c\n", "line 2"),
            ("reader,table,note\r\nx,shop.a,ok\r\n\r\ny,shop.b,\"open\r\nz,shop.c,\r\n", "line 4"),
            ("reader,table\nx,\"shop.a\ny,shop.b\nz,\"shop.c\n", "line 2"),
            ("\"reader,table\nx,shop.a\n", "line 1"),
            ("reader,table\rx,shop.a\r\ry,\r", "line 4"),
            ("\n\nreader,table\n\n\nx,\n", "line 6"),
            ("reader,table,Table\nx,a,b\n", "line 1"),
            ("reader,table\nr, \"shop.b\"\n", "line 2"),
            ("reader,table\n\u{1b}[31mr,shop.b\n", "line 2"),
            ("reader,table\nr,shop.\u{200b}b\n", "line 2"),
            ("reader,table\nok,shop.a,\ndaily, sales,shop.a\n", "line 3"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(line), "{text:?}: {error}");
        }
        assert_eq!(parse("reader,table,note\nx,y,\"two\nlines\"\n12\" screen,y,\n").unwrap().len(), 2);
    }

    fn told(tables: &[(&str, &str)], catalogs: &CatalogNames, text: &str) -> Vec<(Vec<usize>, String, String)> {
        let idents: Vec<_> = tables.iter().map(|(source, target)| (table(source), table(target))).collect();
        let tables: Vec<_> = idents.iter().map(|(source, target)| (source, target)).collect();
        let (found, _) = groups(&tables, catalogs, &parse(&format!("reader,table\n{text}")).unwrap());
        found.into_iter().map(|one| (one.tables, one.readers.join(" "), one.outside.join(" "))).collect()
    }

    #[test]
    fn the_exact_name_comes_first_and_a_third_spelling_is_either() {
        let tables = [("shop.Orders", "main.a"), ("shop.ORDERS", "main.b"), ("shop.c", "main.c")];
        let one = told(&tables, &CatalogNames::default(), "r,shop.Orders\nr,shop.c\n");
        assert!(one.contains(&(vec![0, 2], "r".into(), String::new())), "{one:?}");
        assert!(one.contains(&(vec![1], String::new(), String::new())), "{one:?}");
        let either = told(&tables, &CatalogNames::default(), "r,shop.orders\n");
        assert!(either.contains(&(vec![0, 1], "r".into(), String::new())), "{either:?}");
    }

    #[test]
    fn a_catalog_says_which_side_is_meant() {
        let tables = [("shop.b", "shop.x"), ("shop.a", "shop.b"), ("shop.c", "shop.c")];
        let catalogs = CatalogNames { source: vec!["Lake".into()], target: vec!["main".into()] };
        for (name, expected) in [("main.shop.b", 1), ("lake.shop.b", 0), ("shop.b", 0), ("other.shop.b", 0)] {
            let found = told(&tables, &catalogs, &format!("r,{name}\nr,shop.c\n"));
            assert!(found.contains(&(vec![expected, 2], "r".into(), String::new())), "{name}: {found:?}");
        }
        // No table of the target's is called so, and one of the source's is: too large a wave harms nobody.
        let larger = told(&tables, &catalogs, "r,main.shop.a\nr,x.main.shop.c\n");
        assert!(larger.contains(&(vec![1, 2], "r".into(), String::new())), "{larger:?}");
    }

    #[test]
    fn what_stands_with_its_catalog_and_without_is_one_thing() {
        let tables = [("shop.a", "m.a"), ("shop.b", "m.b")];
        let found = told(&tables, &CatalogNames::default(), "main.bi.v,shop.a\nbi.V,shop.b\nx,bi.v\n");
        assert_eq!(found, [(vec![0, 1], "main.bi.v x".into(), String::new())]);
        let apart = told(&tables, &CatalogNames::default(), "one.bi.v,shop.a\ntwo.bi.v,shop.b\n");
        assert_eq!(apart.len(), 2, "{apart:?}");
    }

    #[test]
    fn a_long_chain_of_readers_is_no_deep_recursion() {
        let names = [table("s.t0"), table("s.t1")];
        let tables: Vec<_> = names.iter().map(|one| (one, one)).collect();
        let of = |reader: String, table: String| Dependency { reader, table };
        let mut all: Vec<_> = (0..50_000).map(|n| of(format!("v{}", n + 1), format!("v{n}"))).collect();
        all.push(of("v0".into(), "s.t0".into()));
        all.push(of("v50000".into(), "s.t1".into()));
        assert_eq!(groups(&tables, &CatalogNames::default(), &all).0.len(), 1);
    }
}
