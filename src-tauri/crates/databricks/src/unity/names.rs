//! Names in SQL.

/// Each part in backticks, as a literal: IDENTIFIER() is a syntax error in some of the statements we need.
pub fn quoted<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().map(|part| format!("`{}`", part.replace('`', "``"))).collect::<Vec<_>>().join(".")
}

/// Users, groups and service principals are quoted as other names are.
pub fn quoted_principal(name: &str) -> String {
    quoted([name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(quoted(["a", "b`; DROP TABLE x; --"]), "`a`.`b``; DROP TABLE x; --`");
    }
}
