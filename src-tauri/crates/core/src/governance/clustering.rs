//! Liquid clustering in place of partitions that the target refused. The Iceberg endpoint has no word for it: two statements
//! say it afterwards, and are reported where nobody could run them.

use super::warehouse;
use icebridge_databricks::Client;
use icebridge_model::governance::{GovernanceReport, NotDone};
use icebridge_model::{Code, Error, Result, TableIdent};
use tokio_util::sync::CancellationToken;

/// A table of version 2 is clustered only with these off; one that an outside program made has no need of them.
const PROPERTIES: &str = "'delta.enableDeletionVectors' = 'false', 'delta.enableRowTracking' = 'false'";

/// `table` with its catalog. Columns are columns of the table, whatever is in their names.
pub(super) fn statements(table: &TableIdent, columns: &[String]) -> [String; 2] {
    let quoted = |name: &String| format!("`{}`", name.replace('`', "``"));
    let name = table.namespace.iter().chain([&table.name]).map(quoted).collect::<Vec<_>>().join(".");
    let columns = columns.iter().map(quoted).collect::<Vec<_>>().join(", ");
    [
        format!("ALTER TABLE {name} SET TBLPROPERTIES ({PROPERTIES})"),
        format!("ALTER TABLE {name} CLUSTER BY ({columns})"),
    ]
}

/// Both, the second only after the first. What could not be done is reported with its statement; an error: cancelled.
pub(super) async fn cluster(
    client: &Client,
    named_warehouse: Option<&str>,
    table: &TableIdent,
    columns: &[String],
    report: &mut GovernanceReport,
    cancel: &CancellationToken,
) -> Result<()> {
    let statements = statements(table, columns);
    if statements.iter().all(|statement| report.done.contains(statement)) {
        return Ok(());
    }
    let mut failed = match warehouse::choose(client, named_warehouse).await {
        Ok(Some(chosen)) => {
            let mut failed = None;
            for statement in &statements {
                match warehouse::change(client, &chosen, statement, &[], true, cancel).await {
                    Ok(()) if !report.done.contains(statement) => report.done.push(statement.clone()),
                    Ok(()) => {}
                    Err(error) if error.code == Code::Cancelled && cancel.is_cancelled() => return Err(error),
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            failed
        }
        Ok(None) => Some(no_warehouse()),
        Err(error) => Some(error),
    };
    if let Some(error) = failed.take() {
        not_done(&statements, &error.about(table), report);
    }
    Ok(())
}

/// For a target without a workspace, or whose workspace has no warehouse.
pub(super) fn no_warehouse() -> Error {
    Error::new(Code::Unsupported, "there is no SQL warehouse to cluster the table with")
        .with_hint("Run the statements yourself, or name a warehouse in the settings and resume the run.")
}

pub(super) fn not_done(statements: &[String], error: &Error, report: &mut GovernanceReport) {
    let open = statements.iter().filter(|statement| !report.done.contains(statement)).cloned().collect::<Vec<_>>();
    let entries = open.into_iter().map(|statement| NotDone { statement, error: error.clone().or_usual_hint() });
    report.not_done.extend(entries);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_whole() {
        let table = TableIdent::new(["main", "s"], "t`1");
        let [properties, cluster] = statements(&table, &["a.b".into(), "c".into()]);
        assert_eq!(cluster, "ALTER TABLE `main`.`s`.`t``1` CLUSTER BY (`a.b`, `c`)");
        assert!(
            properties.starts_with("ALTER TABLE `main`.`s`.`t``1` SET TBLPROPERTIES ('delta.enableDeletionVectors'")
        );
    }

    #[test]
    fn what_is_done_is_not_reported_as_open() {
        let both = statements(&TableIdent::new(["main", "s"], "t"), &["c".into()]);
        let mut report = GovernanceReport { done: vec![both[0].clone()], ..GovernanceReport::default() };
        not_done(&both, &no_warehouse(), &mut report);
        assert_eq!(report.not_done.iter().map(|one| one.statement.as_str()).collect::<Vec<_>>(), [both[1].as_str()]);
    }
}
