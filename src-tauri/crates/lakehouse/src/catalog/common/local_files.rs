//! Whether a catalog's paths may name local files.

use crate::catalog::common::contract::Secrets;
use crate::storage::Storage;
use icebridge_model::Result;
use icebridge_model::catalog::CatalogSpec;
use std::net::IpAddr;

const ALLOW: &str = "allow-local-files";

/// A catalog on this machine sees the same disks. One on another host could have any file of ours copied into the target.
pub(in crate::catalog) fn allowed(spec: &CatalogSpec, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.is_empty()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || spec.properties.get(ALLOW).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// A storage by the catalog's own properties.
pub(in crate::catalog) fn storage(spec: &CatalogSpec, secrets: &Secrets, host: &str) -> Result<Storage> {
    Storage::new(&spec.properties, secrets)?.allowing_local_files(allowed(spec, host)).of_catalog(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::Code;
    use icebridge_model::catalog::{CatalogKind, Role};

    #[tokio::test]
    async fn only_a_catalog_of_this_machine_names_local_files() {
        let mut spec = CatalogSpec {
            name: "c".into(),
            role: Role::Source,
            kind: CatalogKind::Rest,
            uri: String::new(),
            warehouse: String::new(),
            properties: std::collections::BTreeMap::new(),
            secrets: Vec::new(),
        };
        for (host, here) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("LocalHost", true),
            ("/run/postgresql", true),
            ("polaris.example.com", false),
            ("10.0.0.7", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(allowed(&spec, host), here, "{host}");
        }
        let file = std::env::current_exe().unwrap().display().to_string();
        let far = storage(&spec, &Secrets::new(), "10.0.0.7").unwrap();
        for path in [file.clone(), format!("file:{file}")] {
            assert_eq!(far.size(&path).await.unwrap_err().code, Code::StorageDenied);
        }
        spec.properties.insert(ALLOW.into(), "true".into());
        assert!(storage(&spec, &Secrets::new(), "10.0.0.7").unwrap().size(&file).await.unwrap() > 0);
    }
}
