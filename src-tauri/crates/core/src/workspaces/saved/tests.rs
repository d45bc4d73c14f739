use super::*;
use crate::secrets::{MemorySecrets, SecretStore};
use std::sync::Arc;

fn spec(name: &str, host: &str, sign_in: SignInMethod) -> WorkspaceSpec {
    WorkspaceSpec {
        name: name.into(),
        host: host.into(),
        account_id: None,
        workspace_id: None,
        sign_in,
        ca_file: None,
        proxy: None,
        secrets: Vec::new(),
    }
}

fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    pairs.iter().map(|(key, text)| (key.to_string(), Secret::new(*text))).collect()
}

#[test]
fn what_cannot_work_or_would_leak_is_refused() {
    let none = BTreeMap::new();
    let browser = || SignInMethod::Browser { client_id: None };
    for mut bad in [
        spec("a/b", "h.example", browser()),
        spec("x", "http://h.example", browser()),
        spec("x", "", browser()),
        spec("x", "https://me:canary@h.example", browser()),
        spec("x", "h.example", SignInMethod::Machine { client_id: " ".into() }),
        spec("x", "", SignInMethod::Profile { name: String::new() }),
        WorkspaceSpec { proxy: Some("http://me:canary@p:1".into()), ..spec("x", "h.example", browser()) },
        WorkspaceSpec { proxy: Some("canary p".into()), ..spec("x", "h.example", browser()) },
        WorkspaceSpec { secrets: vec!["password".into()], ..spec("x", "h.example", browser()) },
    ] {
        let error = check_spec(&mut bad, &none).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput, "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let mut good = spec("x", "H.example/?o=1", browser());
    check_spec(&mut good, &none).unwrap();
    assert_eq!(good.host, "https://h.example");
    check_spec(&mut spec("x", "", SignInMethod::Environment), &none).unwrap();
}

#[tokio::test]
async fn secrets_follow_the_way_of_signing_in() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Arc::new(MemorySecrets::default());
    let local = LocalState::open(folder.path(), kept.clone()).await.unwrap();
    let token = || spec("prod", "h.example", SignInMethod::Token);
    let missing = save(&local, SaveWorkspace { spec: token(), secrets: BTreeMap::new() }).await.unwrap_err();
    assert_eq!(missing.code, Code::CredentialsMissing);
    let saved = save(&local, SaveWorkspace { spec: token(), secrets: secrets(&[("token", "canary")]) }).await.unwrap();
    assert_eq!(saved.secrets, ["token"]);
    // Saved again without it, it stays; as another way of signing in, it goes.
    let saved = save(&local, SaveWorkspace { spec: token(), secrets: BTreeMap::new() }).await.unwrap();
    assert_eq!(saved.secrets, ["token"]);
    let browser = spec("prod", "h.example", SignInMethod::Browser { client_id: None });
    let saved = save(&local, SaveWorkspace { spec: browser, secrets: BTreeMap::new() }).await.unwrap();
    assert!(saved.secrets.is_empty());
    assert_eq!(kept.get("workspace/prod", "token").unwrap(), None);
    assert_eq!(remove(&local, "prod").await.unwrap(), SignedOut::NothingThere);
    assert!(list(&local).await.unwrap().is_empty());
}
