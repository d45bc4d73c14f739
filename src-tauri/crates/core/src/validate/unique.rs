//! Identifier fields that the target does not take: that their values identify a row is checked in their place.

use icebridge_lakehouse::Table;
use icebridge_lakehouse::digest::uniqueness::{Uniqueness, uniqueness};
use icebridge_model::Result;
use icebridge_model::check::{CheckKind, CheckName};
use icebridge_model::conversion::ColumnAt;
use icebridge_model::validation::Check;
use tokio_util::sync::CancellationToken;

/// Of the source: that the copy has the same rows is what the digest says.
pub(super) async fn check(
    source: &Table,
    snapshot_id: Option<i64>,
    columns: &[ColumnAt],
    rows: u64,
    cancel: &CancellationToken,
) -> Result<Check> {
    let found = uniqueness(source, snapshot_id, columns, rows, cancel).await?;
    Ok(of(columns, found))
}

fn of(columns: &[ColumnAt], found: Uniqueness) -> Check {
    let paths: Vec<&str> = columns.iter().map(|column| column.path.as_str()).collect();
    let (passed, source, detail) = match found {
        Uniqueness::Counted { repeated: 0 } => (true, "unique".to_string(), String::new()),
        Uniqueness::Counted { repeated } => (
            false,
            format!("{repeated} rows repeat an identifier"),
            "the source\'s identifier fields do not identify its rows: drop them there (ALTER TABLE … DROP IDENTIFIER FIELDS) if \
             that is as it should be, take the inventory again and plan anew"
                .to_string(),
        ),
        Uniqueness::TooLarge { most_rows } => {
            (true, "not checked".to_string(), format!("more than {most_rows} rows: their identifiers were not compared"))
        }
    };
    Check { name: CheckName::of(CheckKind::Unique, paths.join(", ")), passed, source, target: String::new(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_identifiers_fail_and_too_many_rows_are_said_not_to_be_checked() {
        let columns = [ColumnAt { ids: vec![1], path: "id".into() }, ColumnAt { ids: vec![2, 3], path: "s.x".into() }];
        let unique = of(&columns, Uniqueness::Counted { repeated: 0 });
        assert!(unique.passed && unique.name == "unique:id, s.x");
        let repeated = of(&columns, Uniqueness::Counted { repeated: 2 });
        assert!(!repeated.passed && repeated.source.contains("2 rows"));
        let large = of(&columns, Uniqueness::TooLarge { most_rows: 9 });
        assert!(large.passed && large.source == "not checked" && large.detail.contains("9 rows"));
    }
}
