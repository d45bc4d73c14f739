use super::*;
use crate::SecretStore;
use crate::secrets::MemorySecrets;

fn spec(kind: CatalogKind, role: Role, uri: &str) -> CatalogSpec {
    CatalogSpec {
        name: "lake".into(),
        role,
        kind,
        uri: uri.into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    pairs.iter().map(|(k, v)| (k.to_string(), Secret::new(*v))).collect()
}

async fn workspace() -> (tempfile::TempDir, LocalState, Arc<MemorySecrets>) {
    let folder = tempfile::tempdir().unwrap();
    let kept = Arc::new(MemorySecrets::default());
    let local = LocalState::open(folder.path(), kept.clone()).await.unwrap();
    (folder, local, kept)
}

#[test]
fn what_cannot_work_or_would_leak_is_refused() {
    use CatalogKind::*;
    for (kind, role, uri) in [
        (Rest, Role::Source, "lake.example.com"),
        (Rest, Role::Source, "ftp://lake.example.com"),
        (Rest, Role::Source, "https://me:pw@lake.example.com"),
        (Rest, Role::Source, "https://lake.example.com?token=abc"),
        (Sql, Role::Source, "mysql://host/db"),
        (Sql, Role::Source, "postgresql://me:pw@host/db"),
        (Sql, Role::Source, "postgresql://me@host/db?password=pw"),
        (Files, Role::Target, "/lake"),
        (Embedded, Role::Source, "/lake"),
        (Files, Role::Source, "  "),
    ] {
        let error = check_spec(&mut spec(kind, role, uri)).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput, "{uri}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
    for key in ["token", "s3.secret-access-key", "header.Authorization", "TOKEN", "adls.sas.token", "my-password"] {
        let mut leaky = spec(Files, Role::Source, "/lake");
        leaky.properties.insert(key.into(), "x".into());
        assert!(check_spec(&mut leaky).is_err(), "{key}");
    }
    let mut open = spec(Files, Role::Source, "/lake");
    for key in ["s3.endpoint", "oauth2-server-uri", "scope", "s3.path-style-access", "token-refresh-enabled"] {
        open.properties.insert(key.into(), "x".into());
    }
    check_spec(&mut open).unwrap();
    for name in ["", "-a", "a/b", "a b", "ü", &"x".repeat(65)] {
        let mut named = spec(Files, Role::Source, "/lake");
        named.name = name.into();
        assert!(check_spec(&mut named).is_err(), "{name}");
    }
}

#[test]
fn local_paths_become_absolute() {
    let here = std::env::current_dir().unwrap().display().to_string();
    for (kind, given, expected) in [
        (CatalogKind::Files, "lake/", format!("{here}/lake")),
        (CatalogKind::Files, "file:/lake", "/lake".into()),
        (CatalogKind::Files, "s3://bucket/x", "s3://bucket/x".into()),
        (CatalogKind::Sql, "sqlite:cat.db", format!("sqlite:{here}/cat.db")),
        (CatalogKind::Sql, "sqlite:///lake/cat.db", "sqlite:/lake/cat.db".into()),
        (CatalogKind::Sql, "sqlite:/lake/cat.db", "sqlite:/lake/cat.db".into()),
    ] {
        let mut spec = spec(kind, Role::Source, given);
        check_spec(&mut spec).unwrap();
        assert_eq!(spec.uri, expected);
    }
}

#[tokio::test]
async fn secrets_go_to_the_store_alone_and_leave_with_the_catalog() {
    let (folder, local, kept) = workspace().await;
    let rest = || spec(CatalogKind::Rest, Role::Source, "https://lake.example.com");
    let request = SaveCatalog { spec: rest(), secrets: secrets(&[("token", "s3cr3t-t0ken")]) };
    let saved = save(&local, request).await.unwrap();
    assert_eq!(saved.secrets, ["token"]);
    assert_eq!(kept.get("lake", "token").unwrap().unwrap().expose(), "s3cr3t-t0ken");

    // Saved again without it: kept. With empty text: removed.
    let again = save(&local, SaveCatalog { spec: rest(), secrets: secrets(&[("password", "p")]) }).await.unwrap();
    assert_eq!(again.secrets, ["password", "token"]);
    let less = save(&local, SaveCatalog { spec: rest(), secrets: secrets(&[("token", "")]) }).await.unwrap();
    assert_eq!(less.secrets, ["password"]);
    assert!(kept.get("lake", "token").unwrap().is_none());

    remove(&local, "lake").await.unwrap();
    assert!(kept.get("lake", "password").unwrap().is_none());
    assert_eq!(local.store.catalog("lake").await.unwrap_err().code, Code::CatalogNotFound);
    local.store.close().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(12).any(|w| w == b"s3cr3t-t0ken"), "a secret is in the state folder");
    }
}

#[tokio::test]
async fn unknown_and_missing_secrets_are_refused_before_anything_is_saved() {
    let (_folder, local, _) = workspace().await;
    let rest = || spec(CatalogKind::Rest, Role::Source, "https://lake.example.com");
    let odd = SaveCatalog { spec: rest(), secrets: secrets(&[("tokn", "x")]) };
    assert_eq!(save(&local, odd).await.unwrap_err().code, Code::InvalidInput);
    let mut named = rest();
    named.secrets = vec!["token".into()];
    let missing = SaveCatalog { spec: named, secrets: BTreeMap::new() };
    assert_eq!(save(&local, missing).await.unwrap_err().code, Code::CredentialsMissing);
    assert!(list(&local).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_catalog_does_not_change_sides() {
    let (_folder, local, _) = workspace().await;
    let request = |role| SaveCatalog { spec: spec(CatalogKind::Sql, role, "sqlite:/x.db"), secrets: BTreeMap::new() };
    save(&local, request(Role::Source)).await.unwrap();
    assert_eq!(save(&local, request(Role::Target)).await.unwrap_err().code, Code::InvalidInput);
}
