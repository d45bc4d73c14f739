//! The journal: entries are appended, never changed, and each carries the hash of the one before.

use crate::kinds::AUDIT_EXPORTED;
use crate::row::row;
use crate::{Store, Write, failure, from_json, now, to_json, views};
use icebridge_model::journal::{Entry, GENESIS, canonical, entry_hash, first_break};
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::{Value, json};

/// Entries read at a time, so that a long journal does not fill the memory.
const PAGE: i64 = 500;
/// Entries in one transaction, so that others get their turn to write.
const APPENDED_AT_ONCE: usize = 1000;

row! {
    struct Row {
        sequence: i64,
        at: String,
        run_id: String,
        ident: String,
        kind: String,
        body: String,
        previous_hash: String,
        hash: String,
    }
}

impl TryFrom<Row> for Entry {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            sequence: u64::try_from(row.sequence).map_err(|_| failure::unreadable("a journal entry"))?,
            at: row.at,
            run_id: row.run_id,
            table: row.ident,
            kind: row.kind,
            body: from_json(&row.body, "a journal entry")?,
            previous_hash: row.previous_hash,
            hash: row.hash,
        })
    }
}

/// A fraction may read back as its neighbour, and then the hash would no longer hold: write such numbers as text.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(map) => map.values().any(has_fraction),
        _ => false,
    }
}

/// The last entry, after which the next one comes.
struct Tail {
    sequence: i64,
    hash: String,
}

impl Tail {
    async fn of(write: &mut Write<'_>) -> Result<Self> {
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1")
                .fetch_optional(&mut *write.transaction)
                .await
                .map_err(|e| failure::of(e, "append to the journal"))?;
        let (sequence, hash) = last.unwrap_or_else(|| (0, GENESIS.to_string()));
        Ok(Self { sequence, hash })
    }

    /// The entry that comes next; it is the tail then.
    fn next(&mut self, run_id: &str, table: &str, kind: &str, body: Value) -> Result<Entry> {
        if has_fraction(&body) {
            return Err(Error::internal("a journal entry holds a fraction").about(kind));
        }
        let mut entry = Entry {
            sequence: u64::try_from(self.sequence).map_err(|_| failure::unreadable("the journal"))? + 1,
            at: now(),
            run_id: run_id.to_string(),
            table: table.to_string(),
            kind: kind.to_string(),
            body,
            previous_hash: self.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry_hash(&entry);
        self.sequence += 1;
        self.hash.clone_from(&entry.hash);
        Ok(entry)
    }
}

/// An entry that stands or falls with what else the transaction writes.
pub(crate) async fn append_in(
    write: &mut Write<'_>,
    run_id: &str,
    table: &str,
    kind: &str,
    body: Value,
) -> Result<Entry> {
    let mut tail = Tail::of(write).await?;
    append_after(write, &mut tail, run_id, table, (kind, body)).await
}

async fn append_after(
    write: &mut Write<'_>,
    tail: &mut Tail,
    run_id: &str,
    table: &str,
    (kind, body): (&str, Value),
) -> Result<Entry> {
    let entry = tail.next(run_id, table, kind, body)?;
    insert(write, std::slice::from_ref(&entry)).await?;
    views::follow(write, run_id, table, kind, &entry.body).await?;
    Ok(entry)
}

async fn insert(write: &mut Write<'_>, entries: &[Entry]) -> Result<()> {
    // A body is kept as the text that was hashed.
    let rows: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!([
                entry.sequence,
                entry.at,
                entry.run_id,
                entry.table,
                entry.kind,
                canonical(&entry.body),
                entry.previous_hash,
                entry.hash
            ])
        })
        .collect();
    sqlx::query(
        "INSERT INTO journal (sequence, at, run_id, ident, kind, body, previous_hash, hash)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
         FROM json_each(?)",
    )
    .bind(to_json(&rows)?)
    .execute(&mut *write.transaction)
    .await
    .map_err(|e| failure::of(e, "append to the journal"))?;
    Ok(())
}

impl Store {
    /// Entries of many tables in few transactions, in this order. If it fails, those before are kept.
    pub async fn append_all(&self, run_id: &str, kind: &str, entries: Vec<(TableIdent, Value)>) -> Result<()> {
        let mut entries = entries.into_iter().peekable();
        while entries.peek().is_some() {
            let mut write = self.write().await?;
            let mut tail = Tail::of(&mut write).await?;
            let batch = entries.by_ref().take(APPENDED_AT_ONCE);
            let batch = batch.map(|(table, body)| tail.next(run_id, &table.to_string(), kind, body));
            let batch = batch.collect::<Result<Vec<_>>>()?;
            insert(&mut write, &batch).await?;
            views::follow_all(&mut write, run_id, kind, &batch).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// `run` and `table` may be empty: see [`Entry`]. Durable against the death of the process when it returns.
    pub async fn append(&self, run_id: &str, table: &str, kind: &str, body: Value) -> Result<Entry> {
        let mut write = self.write().await?;
        let entry = append_in(&mut write, run_id, table, kind, body).await?;
        write.commit().await?;
        Ok(entry)
    }

    /// The entries of one run, in order.
    pub async fn entries(&self, run_id: &str) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM journal WHERE run_id = ? ORDER BY sequence")
            .bind(run_id)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the journal"))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The entries of one table in a run, in order.
    pub async fn entries_of(&self, run_id: &str, table: &TableIdent) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM journal WHERE run_id = ? AND ident = ? ORDER BY sequence")
            .bind(run_id)
            .bind(table.to_string())
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the journal").about(table))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The last entries of a kind about one table in a run, in order.
    pub async fn last_entries_of(&self, run_id: &str, table: &TableIdent, kind: &str, most: u32) -> Result<Vec<Entry>> {
        let mut rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM journal WHERE run_id = ? AND ident = ? AND kind = ? ORDER BY sequence DESC LIMIT ?",
        )
        .bind(run_id)
        .bind(table.to_string())
        .bind(kind)
        .bind(most)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal").about(table))?;
        rows.reverse();
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The first entry of one of these kinds about a run as a whole.
    pub async fn first_entry(&self, run_id: &str, kinds: &[&str]) -> Result<Option<Entry>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT * FROM journal WHERE run_id = ? AND ident = '' AND kind IN (SELECT value FROM json_each(?))
             ORDER BY sequence LIMIT 1",
        )
        .bind(run_id)
        .bind(to_json(&kinds)?)
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal"))?;
        row.map(TryInto::try_into).transpose()
    }

    /// The last entry of a kind for each table, in any run of a plan.
    pub async fn last_of_plan(&self, plan_hash: &str, kind: &str) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM journal WHERE sequence IN (
                 SELECT max(sequence) FROM journal
                 WHERE kind = ? AND run_id IN (SELECT run_id FROM runs WHERE plan_hash = ?) GROUP BY ident)",
        )
        .bind(kind)
        .bind(plan_hash)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal"))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The run of the last entry of a kind.
    pub async fn last_run_with(&self, kind: &str) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT run_id FROM journal WHERE kind = ? ORDER BY sequence DESC LIMIT 1")
            .bind(kind)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the journal"))
    }

    /// The last entry of a kind about one table, in any run of a plan, whose body has a value in a field.
    pub async fn last_with(
        &self,
        plan_hash: &str,
        kind: &str,
        table: &TableIdent,
        (field, value): (&str, &str),
    ) -> Result<Option<Entry>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT * FROM journal WHERE ident = ? AND kind = ? AND body ->> ('$.' || ?) = ?
             AND run_id IN (SELECT run_id FROM runs WHERE plan_hash = ?) ORDER BY sequence DESC LIMIT 1",
        )
        .bind(table.to_string())
        .bind(kind)
        .bind(field)
        .bind(value)
        .bind(plan_hash)
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal").about(table))?;
        row.map(TryInto::try_into).transpose()
    }

    /// When the last audit bundle of a run was exported.
    pub async fn exported_at(&self, run_id: &str) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT at FROM journal WHERE run_id = '' AND ident = '' AND kind = ? AND body ->> '$.run_id' = ?
             ORDER BY sequence DESC LIMIT 1",
        )
        .bind(AUDIT_EXPORTED)
        .bind(run_id)
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal"))
    }

    /// Entries of a kind that are of no run and name this under `field`, the newest first.
    pub async fn entries_about(&self, kind: &str, field: &str, name: &str) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM journal WHERE run_id = '' AND ident = '' AND kind = ? AND body ->> ('$.' || ?) = ?
             ORDER BY sequence DESC",
        )
        .bind(kind)
        .bind(field)
        .bind(name)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal"))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// When the journal got its newest entry of this kind about a target, if that is since its catalog was saved. Saving it
    /// anew forgets what was learned of it.
    pub async fn learned(&self, kind: &str, target: &str) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT at FROM journal WHERE kind = ? AND body ->> '$.target' = ?
             AND at >= (SELECT saved_at FROM catalogs WHERE name = ?) ORDER BY sequence DESC LIMIT 1",
        )
        .bind(kind)
        .bind(target)
        .bind(target)
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the journal"))
    }

    /// A page of the whole journal: up to some hundreds of entries after `sequence` (0: from the first). Empty at the end.
    pub async fn entries_after(&self, sequence: u64) -> Result<Vec<Entry>> {
        let after = i64::try_from(sequence).unwrap_or(i64::MAX);
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?")
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the journal"))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The sequence and hash of the last entry: `(0, GENESIS)` of an empty journal.
    pub async fn journal_head(&self) -> Result<(u64, String)> {
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1")
                .fetch_optional(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read the journal"))?;
        Ok(last.map_or_else(|| (0, GENESIS.to_string()), |(n, hash)| (n.unsigned_abs(), hash)))
    }

    /// Follows the chain from its beginning. Returns the number of entries.
    pub async fn verify_journal(&self) -> Result<u64> {
        self.follow((0, GENESIS.to_string())).await.map(|(entries, _)| entries)
    }

    /// As [`Store::verify_journal`], but entries that this process has checked before are not read again.
    pub async fn check_journal(&self) -> Result<()> {
        let mut checked = self.checked.lock().await;
        *checked = self.follow(checked.clone()).await?;
        Ok(())
    }

    /// Follows the chain from an entry (sequence and hash) to its end.
    async fn follow(&self, (mut sequence, mut previous): (u64, String)) -> Result<(u64, String)> {
        loop {
            let page = self.entries_after(sequence).await?;
            if let Some((broken, why)) = first_break(previous.clone(), sequence, &page) {
                return Err(Error::new(Code::StateBroken, format!("the journal is broken: {why}"))
                    .about(format!("journal entry {broken}"))
                    .with_hint(
                        "The state file was changed outside IceBridge. Restore it from a backup; audit bundles that were \
                         exported before still hold the true entries.",
                    ));
            }
            match page.last() {
                Some(last) => (sequence, previous) = (last.sequence, last.hash.clone()),
                None => return Ok((sequence, previous)),
            }
        }
    }
}
