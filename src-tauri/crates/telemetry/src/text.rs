//! A line as people read it.

use icebridge_model::format::visible;
use icebridge_model::logs::LogLine;
use serde_json::Value;
use std::fmt::Write;

/// `2026-01-31 10:00:00.123 INFO  run=… table=… step=… what happened field=value`, without control characters: a name in it
/// must not reach the terminal as a command.
pub fn one_line(line: &LogLine) -> String {
    let at = line.at.get(..23).unwrap_or(&line.at).replace('T', " ");
    let mut text = format!("{at} {:<5}", line.level.as_str().to_ascii_uppercase());
    for (name, value) in [("run", &line.run), ("table", &line.table), ("step", &line.step)] {
        if let Some(value) = value {
            field(&mut text, name, value);
        }
    }
    let _ = write!(text, " {}", line.message);
    for (name, value) in &line.fields {
        match value {
            Value::String(value) => field(&mut text, name, value),
            other => field(&mut text, name, &other.to_string()),
        }
    }
    visible(&text)
}

fn field(text: &mut String, name: &str, value: &str) {
    let quote = if value.is_empty() || value.contains(char::is_whitespace) { "\"" } else { "" };
    // Writing to a string does not fail.
    let _ = write!(text, " {name}={quote}{value}{quote}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::logs::LogLevel;

    #[test]
    fn ids_come_first_and_nothing_reaches_the_terminal() {
        let line = LogLine {
            at: "2026-01-31T10:00:00.123456Z".into(),
            level: LogLevel::Info,
            process: 1,
            target: "icebridge_core::run".into(),
            message: "table state".into(),
            run: Some("0199".into()),
            table: Some("sales.`new\u{1b}[31m orders`".into()),
            step: None,
            span: "run:table".into(),
            fields: [("attempt".to_string(), Value::from(2)), ("state".to_string(), Value::from("copying"))].into(),
        };
        assert_eq!(
            one_line(&line),
            "2026-01-31 10:00:00.123 INFO  run=0199 table=\"sales.`new [31m orders`\" table state attempt=2 state=copying"
        );
    }
}
