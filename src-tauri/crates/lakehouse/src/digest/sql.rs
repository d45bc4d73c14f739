//! The row digest as one statement of Databricks SQL, by built-in functions alone, so that a warehouse computes it: docs/digest.md.
//!
//! It says the same as `spark/row_digest.py`, which runs on clusters, but for the session's time zone: a warehouse has one of
//! its own, so nothing here depends on it.

use icebridge_model::schema::{Field, Primitive, Schema, Type};
use icebridge_model::{Code, Error, Result};

const LANES: usize = 4;
/// Sums of 32-bit halves stay within a bigint up to this many rows of a group.
const GROUP_ROWS: u64 = (1 << 31) - 1;
/// The table's alias: without it, a struct column of the table's own name would be taken for the table.
const ROWS: &str = "icebridge_rows";
/// The service takes 16 MiB; what comes near it would take hours to plan.
const MAX_STATEMENT: usize = 4 << 20;

/// What reads a whole table once, and gives at most 256 rows for [`add_up`]. `table`: its name, as SQL has it.
///
/// `asked` is another text each time, so that no answer of before is given in place of a reading.
pub fn statement(table: &str, schema: &Schema, asked: &str) -> Result<String> {
    let mut sums = String::new();
    for half in 0..2 * LANES {
        let digits = format!("substring(h, {}, 8)", half * 8 + 1);
        sums += &format!(", sum(cast(conv({digits}, 16, 10) AS BIGINT)) AS s{half}");
    }
    let row = row(&schema.fields)?;
    let statement = format!(
        "SELECT substring(h, 63, 2) AS g, count(1) AS n{sums}, '{asked}' AS asked \
         FROM (SELECT sha2({row}, 256) AS h FROM {table} AS {ROWS}) GROUP BY substring(h, 63, 2)"
    );
    if statement.len() > MAX_STATEMENT {
        return Err(Error::new(Code::Unsupported, "the table's columns are nested too deep for a digest in SQL")
            .with_hint("Its proof stays what IceBridge's own reader makes it."));
    }
    Ok(statement)
}

/// The rows and the digest of a table, from what its statement gave.
pub fn add_up(groups: &[Vec<Option<String>>]) -> Result<(u64, String)> {
    let broken = || Error::new(Code::JudgeUnavailable, "the warehouse's answer is no digest");
    let mut rows = 0_u64;
    let mut lanes = [0_u64; LANES];
    for group in groups {
        let number = |at: usize| -> Option<u64> { group.get(at)?.as_deref()?.parse().ok() };
        let count = number(1).ok_or_else(broken)?;
        if count > GROUP_ROWS {
            return Err(Error::new(Code::Unsupported, "the table has more rows than a digest in SQL can take"));
        }
        rows = rows.checked_add(count).ok_or_else(broken)?;
        for (at, lane) in lanes.iter_mut().enumerate() {
            let (high, low) = (number(2 + 2 * at).ok_or_else(broken)?, number(3 + 2 * at).ok_or_else(broken)?);
            *lane = lane.wrapping_add(high.wrapping_shl(32)).wrapping_add(low);
        }
    }
    Ok((rows, lanes.iter().map(|lane| format!("{lane:016x}")).collect()))
}

fn row(fields: &[Field]) -> Result<String> {
    let parts = by_name(fields)
        .into_iter()
        .map(|field| {
            tagged(&field.field_type, &format!("{ROWS}.{}", quoted(&field.name)), 0)
                .map_err(|e| e.about(format!("column {}", field.name)))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(concat(&parts))
}

fn by_name(fields: &[Field]) -> Vec<&Field> {
    let mut sorted: Vec<&Field> = fields.iter().collect();
    sorted.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    sorted
}

fn concat(parts: &[String]) -> String {
    if parts.is_empty() { "X''".into() } else { format!("concat({})", parts.join(", ")) }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `depth` names the variables of lambdas.
fn tagged(of: &Type, value: &str, depth: usize) -> Result<String> {
    if *of == Type::Primitive(Primitive::Unknown) {
        return Ok("X'00'".into());
    }
    Ok(format!("if({value} IS NULL, X'00', concat(X'01', {}))", payload(of, value, depth)?))
}

fn payload(of: &Type, value: &str, depth: usize) -> Result<String> {
    Ok(match of {
        Type::Primitive(primitive) => return scalar(primitive, value),
        Type::Struct(fields) => {
            let parts = by_name(fields)
                .into_iter()
                .map(|field| tagged(&field.field_type, &format!("{value}.{}", quoted(&field.name)), depth + 1))
                .collect::<Result<Vec<_>>>()?;
            concat(&parts)
        }
        Type::List(list) => {
            let item = format!("x{depth}");
            let element = tagged(&list.element, &item, depth + 1)?;
            joined(value, &format!("transform({value}, {item} -> hex({element}))"))
        }
        Type::Map(map) => {
            let entry = format!("x{depth}");
            let key = tagged(&map.key, &format!("{entry}.key"), depth + 1)?;
            let item = tagged(&map.value, &format!("{entry}.value"), depth + 1)?;
            let entries = format!("transform(map_entries({value}), {entry} -> hex(concat({key}, {item})))");
            // Hexadecimal capitals sort as their bytes do.
            joined(value, &format!("array_sort({entries})"))
        }
    })
}

fn scalar(primitive: &Primitive, value: &str) -> Result<String> {
    Ok(match primitive {
        Primitive::Boolean => format!("if({value}, X'01', X'00')"),
        Primitive::Int | Primitive::Long => long(value),
        Primitive::Float | Primitive::Double => double(value),
        Primitive::Decimal { .. } => sized(&format!("cast({} AS BINARY)", decimal_text(value))),
        Primitive::Date => long(&format!("unix_date({value})")),
        Primitive::Timestamptz => long(&format!("unix_micros({value})")),
        // By parts: a cast to a timestamp would ask the session for its time zone.
        Primitive::Timestamp => long(&format!(
            "(unix_date(cast({value} AS DATE)) * 86400000000L + extract(HOUR FROM {value}) * 3600000000L + \
             extract(MINUTE FROM {value}) * 60000000L + cast(extract(SECOND FROM {value}) * 1000000 AS BIGINT))"
        )),
        Primitive::String => sized(&format!("cast({value} AS BINARY)")),
        Primitive::Binary | Primitive::Fixed(_) => sized(value),
        Primitive::Time
        | Primitive::Uuid
        | Primitive::TimestampNs
        | Primitive::TimestamptzNs
        | Primitive::Unknown
        | Primitive::Other(_) => {
            return Err(Error::new(Code::Unsupported, format!("SQL has no digest of the type {primitive}")));
        }
    })
}

/// Count, then the pieces as text: appending binaries one by one would cost the square of them.
fn joined(value: &str, pieces: &str) -> String {
    format!("concat({}, unhex(array_join({pieces}, '')))", int4(&format!("cardinality({value})")))
}

fn long(number: &str) -> String {
    format!("unhex(lpad(hex(cast({number} AS BIGINT)), 16, '0'))")
}

fn int4(number: &str) -> String {
    format!("unhex(lpad(hex(cast({number} AS BIGINT)), 8, '0'))")
}

fn sized(data: &str) -> String {
    format!("concat({}, {data})", int4(&format!("octet_length({data})")))
}

/// Plain text. Outside ANSI mode Spark writes small numbers as -5E-10, which is unfolded here.
fn decimal_text(value: &str) -> String {
    let text = format!("cast({value} AS STRING)");
    // An engine may compute a branch that it does not take.
    let zeros = format!("repeat('0', try_cast(substring_index({text}, 'E-', -1) AS INT) - 1)");
    let digits = format!("replace(replace(substring_index({text}, 'E', 1), '.', ''), '-', '')");
    format!("if(instr({text}, 'E') > 0, concat(if({value} < 0, '-', ''), '0.', {zeros}, {digits}), {text})")
}

/// The bits of a double by arithmetic that is exact at every step: SQL has no function that shows them. Why it is right stands in
/// `spark/row_digest.py`.
fn double(value: &str) -> String {
    const TWO_52: &str = "4503599627370496D";
    const LEAST_NORMAL: &str = "2.2250738585072014E-308D";
    const GREATEST: &str = "1.7976931348623157E308D";
    const SIGN_BIT: &str = "(-9223372036854775807L - 1L)";
    let x = format!("cast({value} AS DOUBLE)");
    let a = format!("abs({x})");
    let ordinary = format!("if({a} BETWEEN {LEAST_NORMAL} AND {GREATEST}, {a}, 1D)");
    let exponent = format!("cast(floor(log2({ordinary})) AS INT)");
    let m = format!("({ordinary} * pow(2D, -({exponent})))");
    let fraction = format!(
        "CASE WHEN {m} >= 2D THEN {m} * 2251799813685248D WHEN {m} < 1D THEN (2D * {m} - 2D) * {TWO_52} \
         ELSE ({m} - 1D) * {TWO_52} END"
    );
    let normal = format!("((cast({exponent} AS BIGINT) + 1023L) * 4503599627370496L + cast({fraction} AS BIGINT))");
    let subnormal = format!("cast(if({a} < {LEAST_NORMAL}, {a}, 0D) * pow(2D, 537) * pow(2D, 537) AS BIGINT)");
    let magnitude = format!(
        "CASE WHEN {a} > {GREATEST} THEN 9218868437227405312L WHEN {a} < {LEAST_NORMAL} THEN {subnormal} ELSE {normal} END"
    );
    long(&format!(
        "CASE WHEN isnan({x}) THEN 9221120237041090560L \
         WHEN {x} = 0D THEN if(cast({x} AS STRING) = '-0.0', {SIGN_BIT}, 0L) \
         WHEN {x} < 0D THEN {magnitude} + {SIGN_BIT} ELSE {magnitude} END"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(fields: serde_json::Value) -> Schema {
        serde_json::from_value(json!({"schema-id": 0, "fields": fields})).unwrap()
    }

    #[test]
    fn columns_go_by_name_and_nothing_can_break_out_of_one() {
        let schema = schema(json!([
            {"id": 1, "name": "b`) FROM x --", "required": false, "type": "boolean"},
            {"id": 2, "name": "B", "required": false, "type": "string"},
        ]));
        let sql = statement("`c`.`s`.`t`", &schema, "x").unwrap();
        let (first, second) = (sql.find("`B`").unwrap(), sql.find("`b``) FROM x --`").unwrap());
        assert!(first < second);
        assert!(sql.ends_with("FROM `c`.`s`.`t` AS icebridge_rows) GROUP BY substring(h, 63, 2)"), "{sql}");
        assert!(!sql.contains("timezone") && !sql.contains("AS TIMESTAMP"));
    }

    #[test]
    fn what_sql_cannot_show_is_refused() {
        for kind in ["uuid", "time", "timestamp_ns", "variant", "geometry"] {
            let wrong = schema(json!([{"id": 1, "name": "v", "required": false, "type": kind}]));
            assert_eq!(statement("t", &wrong, "x").unwrap_err().code, Code::Unsupported, "{kind}");
        }
        // Each level of a list repeats what is in it.
        let mut deep = json!("double");
        for level in 0..40 {
            deep = json!({"type": "list", "element-id": level + 2, "element-required": false, "element": deep});
        }
        let deep = schema(json!([{"id": 1, "name": "v", "required": false, "type": deep}]));
        assert!(statement("t", &deep, "x").is_ok_and(|sql| sql.len() < MAX_STATEMENT));
    }

    #[test]
    fn groups_add_up_modulo_two_to_the_64() {
        let cell = |text: &str| Some(text.to_string());
        let group = |n: &str, high: &str, low: &str| {
            let mut row = vec![cell("a0"), cell(n)];
            for _ in 0..LANES {
                row.extend([cell(high), cell(low)]);
            }
            row
        };
        let (rows, digest) = add_up(&[group("3", "4294967295", "4294967295"), group("2", "0", "2")]).unwrap();
        assert_eq!((rows, digest), (5, "0000000000000001".repeat(4)));
        assert_eq!(add_up(&[]).unwrap(), (0, "0".repeat(64)));
        let mut torn = group("1", "0", "0");
        torn[4] = None;
        for wrong in [torn, vec![cell("a0"), cell("-1")], Vec::new()] {
            assert!(add_up(&[wrong]).is_err());
        }
        assert_eq!(add_up(&[group("2147483648", "0", "0")]).unwrap_err().code, Code::Unsupported);
    }
}
