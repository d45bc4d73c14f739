//! The validation tried on planted defects.

use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use icebridge_model::Result;
use icebridge_model::selftest::SelftestReport;

pub async fn run(output: &Output) -> Result<Ended> {
    let report = icebridge_api::selftest().await?;
    output.result(&report, told)?;
    Ok(Ended::done_if(report.passed))
}

fn told(report: &SelftestReport) -> String {
    let mut grid =
        Grid::new(&["defect", "promised by", "schema", "count", "aggregates", "digest", "records", "SQL EXCEPT", ""]);
    for defect in &report.defects {
        let mark = |seen: bool| if seen { "seen" } else { "" }.to_string();
        grid.row([
            defect.name.clone(),
            defect.promised.as_str().to_string(),
            mark(defect.schema),
            mark(defect.count),
            mark(defect.aggregates),
            mark(defect.digest),
            mark(defect.records),
            mark(defect.except),
            if defect.is_seen() { "" } else { "NOT SEEN" }.to_string(),
        ]);
    }
    let mut text = format!("{grid}\n");
    for copy in &report.sound {
        let alarms = if copy.alarms.is_empty() {
            "no alarm".into()
        } else {
            format!("FALSE ALARM by {}", copy.alarms.join(", "))
        };
        text.push_str(&format!("sound copy, {}: {alarms}\n", copy.name));
    }
    let seen = report.defects.iter().filter(|defect| defect.is_seen()).count();
    let others = report.defects.iter().filter(|defect| defect.except).count();
    text.push_str(&format!(
        "{seen} of {} seen by the level that promises it; row counts alone see {}, EXCEPT sees {others}",
        words::count(report.defects.len(), "defect is", "defects are"),
        report.defects.iter().filter(|defect| defect.count).count()
    ));
    text
}
