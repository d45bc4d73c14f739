//! Folders for tables about to be made.

use icebridge_model::TableIdent;
use sha2::{Digest, Sha256};

/// `<warehouse>/<namespace>/<table>-<token>`. Names that would not be safe as a folder on every system (and in every
/// engine's path parsing) are spelled with what is, and get a mark of their own, so that two tables never share a folder:
/// not even `A` and `a` on a disk that does not tell them apart.
pub(in crate::catalog) fn staged(warehouse: &str, table: &TableIdent, token: &str) -> String {
    let mut altered = false;
    let mut folder = |name: &str| {
        let safe = safe(name);
        altered |= safe != name;
        safe
    };
    let namespace: Vec<_> = table.namespace.iter().map(|part| folder(part)).collect();
    let mut name = folder(&table.name);
    if altered {
        let mark = hex::encode(&Sha256::digest(table.to_string().as_bytes())[..4]);
        name = format!("{name}-{mark}");
    }
    let mut parts = vec![warehouse.trim_end_matches('/').to_string()];
    parts.extend(namespace);
    parts.push(format!("{name}-{}", safe(token)));
    parts.join("/")
}

fn safe(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| match c {
            'A'..='Z' => c.to_ascii_lowercase(),
            'a'..='z' | '0'..='9' | '_' | '-' => c,
            '.' => '.',
            _ => '_',
        })
        .take(100)
        .collect();
    // A leading dot or underscore hides a folder from engines; Windows drops a dot at the end.
    if safe.starts_with(['.', '_']) {
        safe.insert(0, 'x');
    }
    while safe.ends_with('.') {
        safe.pop();
    }
    const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];
    if safe.is_empty() || DEVICES.contains(&safe.split('.').next().unwrap_or_default()) {
        safe.insert_str(0, "x_");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(namespace: &[&str], name: &str) -> String {
        staged("file:///w/", &TableIdent::new(namespace.iter().copied(), name), "0123abcd")
    }

    #[test]
    fn plain_names_are_kept() {
        assert_eq!(of(&["sales", "eu"], "orders_2024"), "file:///w/sales/eu/orders_2024-0123abcd");
    }

    #[test]
    fn odd_names_get_safe_folders_of_their_own() {
        let names = ["A", "a", "a b", "a_b", "a#b", "../x", "", "ü", "_x", ".x", "con", "a.", &"n".repeat(300)];
        let places: std::collections::BTreeSet<_> = names.iter().map(|n| of(&["s"], n)).collect();
        assert_eq!(places.len(), names.len());
        for place in &places {
            let folder = place.strip_prefix("file:///w/s/").unwrap();
            assert!(folder.len() < 160 && !folder.contains('/') && !folder.starts_with(['.', '_']), "{folder}");
            assert!(
                folder.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c)),
                "{folder}"
            );
        }
        assert_ne!(of(&["A"], "t"), of(&["a"], "t"));
        assert_ne!(of(&["a b"], "t"), of(&["a_b"], "t"));
    }
}
