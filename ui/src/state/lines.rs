//! Settings that are typed as lines of `name = value`.

use icebridge_model::secret::names_a_secret;
use std::collections::BTreeMap;

/// Name and value of each line; lines that begin with `#` and empty lines do not count.
pub fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("line {} has no “=”", i + 1));
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(format!("line {} has no name before “=”", i + 1));
        }
        if pairs.insert(name.to_string(), value.trim().to_string()).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(pairs)
}

/// Names that all have a value.
pub fn filled_pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = pairs(text)?;
    match pairs.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(format!("{name} has no value")),
        None => Ok(pairs),
    }
}

/// Principals by other names. One that is given none is left out.
pub fn principals(text: &str) -> Result<BTreeMap<String, Option<String>>, String> {
    Ok(pairs(text)?.into_iter().map(|(old, new)| (old, Some(new).filter(|new| !new.is_empty()))).collect())
}

/// Spark's settings. A plan is a file for everybody to read, so no secret may stand in it but by reference.
pub fn spark_conf(text: &str) -> Result<BTreeMap<String, String>, String> {
    let settings = filled_pairs(text)?;
    for (name, value) in &settings {
        if names_a_secret(name) && !value.starts_with("{{secrets/") {
            return Err(format!(
                "{name} is a secret: name one of the source’s below, or refer to {{{{secrets/scope/key}}}}"
            ));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_renamed_or_left_out() {
        let read =
            principals("# the old tenant\na@old.org = a@new.org\n\n interns =\ngroup with spaces=team=1").unwrap();
        let expected = [("a@old.org", Some("a@new.org")), ("group with spaces", Some("team=1")), ("interns", None)];
        assert_eq!(read, expected.map(|(old, new)| (old.into(), new.map(String::from))).into());
        assert_eq!(principals(" \n"), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, words) in [
            ("a = b\nc", "line 2 has no “=”"),
            ("= b", "line 1 has no name before “=”"),
            ("a = b\n a=c", "a is there twice"),
        ] {
            assert_eq!(principals(text).unwrap_err(), words);
        }
    }

    #[test]
    fn sparks_settings_keep_their_values_whole() {
        let read = spark_conf("spark.a = x=y z\nspark.b=1").unwrap();
        assert_eq!((read["spark.a"].as_str(), read["spark.b"].as_str()), ("x=y z", "1"));
        assert!(spark_conf("spark.a =").is_err());
    }

    #[test]
    fn secrets_stand_in_sparks_settings_by_reference_alone() {
        for name in
            ["spark.sql.catalog.src.token", "spark.hadoop.fs.s3a.secret.key", "spark.sql.catalog.s.jdbc.password"]
        {
            assert!(spark_conf(&format!("{name} = hunter2")).unwrap_err().contains("is a secret"), "{name}");
            assert!(spark_conf(&format!("{name} = {{{{secrets/lake/key}}}}")).is_ok(), "{name}");
        }
        assert!(spark_conf("spark.sql.catalog.src.token-refresh-enabled = true").is_ok());
    }
}
