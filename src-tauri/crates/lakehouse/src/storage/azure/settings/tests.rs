use super::*;

fn settings(properties: &[(&str, &str)], secrets: &[(&str, &str)]) -> Settings {
    let properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let secrets = secrets.iter().map(|(k, v)| (k.to_string(), Secret::new(*v))).collect();
    Settings::new(&properties, &secrets).unwrap()
}

fn container(text: &str) -> Container {
    Container::parse(text).unwrap()
}

fn endpoint(properties: &[(&str, &str)], secrets: &[(&str, &str)], path: &str) -> String {
    let settings = settings(properties, secrets);
    let container = container(path);
    let account = settings.account(&container).unwrap();
    settings.endpoint(&container, &account)
}

/// What was given, in words.
fn given(properties: &[(&str, &str)], secrets: &[(&str, &str)], account: &str) -> String {
    match settings(properties, secrets).given(account).unwrap() {
        Given::Key(key) => format!("key {}", key.expose()),
        Given::Sas(sas) => format!("sas {}", sas.expose()),
        Given::Token(token) => format!("token {}", token.expose()),
        Given::Client { tenant, id, secret } => format!("client {tenant} {id} {}", secret.expose()),
        Given::Nothing => "nothing".into(),
    }
}

const LAKE: &str = "c@lake.dfs.core.windows.net";
const AZURITE: &str = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5==;\
                       BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;";

#[test]
fn the_path_names_the_endpoint_unless_the_settings_do() {
    assert_eq!(endpoint(&[], &[], LAKE), "https://lake.blob.core.windows.net");
    assert_eq!(endpoint(&[], &[], "c@lake.blob.core.chinacloudapi.cn"), "https://lake.blob.core.chinacloudapi.cn");
    assert_eq!(endpoint(&[("adls.account-name", "lake")], &[], "c"), "https://lake.blob.core.windows.net");
    let emulator = ("adls.endpoint", "http://127.0.0.1:10000/devstoreaccount1/");
    assert_eq!(endpoint(&[emulator], &[], LAKE), "http://127.0.0.1:10000/devstoreaccount1");
    assert_eq!(
        endpoint(&[emulator, ("adls.account-name", "other")], &[], LAKE),
        "https://lake.blob.core.windows.net",
        "the endpoint of one account is not another's"
    );
    let host = ("adls.account-host", "LAKE.dfs.core.usgovcloudapi.net");
    assert_eq!(endpoint(&[host], &[], "c@lake"), "https://lake.blob.core.usgovcloudapi.net");
    let authority = [("adls.blob-storage-authority", "127.0.0.1:1"), ("adls.blob-storage-scheme", "http")];
    assert_eq!(endpoint(&authority, &[], "c@lake"), "http://127.0.0.1:1/lake");
    assert_eq!(endpoint(&[("adls.blob-storage-authority", ".x.y")], &[], "c@lake"), "https://lake.x.y");
    assert_eq!(endpoint(&[], &[("adls.connection-string", AZURITE)], "c"), "http://127.0.0.1:10000/devstoreaccount1");
    let suffix = "AccountName=lake;AccountKey=a2V5;EndpointSuffix=core.cloudapi.de";
    assert_eq!(endpoint(&[], &[("adls.connection-string", suffix)], "c@lake"), "https://lake.blob.core.cloudapi.de");
    let lent = ("adls.connection-string.lake.dfs.core.windows.net", "http://127.0.0.1:2/lake");
    assert_eq!(endpoint(&[lent], &[], LAKE), "http://127.0.0.1:2/lake");
}

#[test]
fn one_way_to_sign_in_is_chosen_and_a_key_is_for_its_account_alone() {
    assert_eq!(given(&[], &[], "lake"), "nothing");
    assert_eq!(given(&[], &[("adls.account-key", "k")], "lake"), "key k");
    assert_eq!(given(&[], &[("adls.auth.shared-key.account.key", "k")], "lake"), "key k");
    let own = ("adls.account-name", "Lake");
    assert_eq!(given(&[own], &[("adls.account-key", "k")], "lake"), "key k");
    assert_eq!(given(&[own], &[("adls.account-key", "k")], "other"), "nothing");
    assert_eq!(given(&[own], &[("adls.sas-token", "s")], "other"), "nothing");
    let two = [("adls.sas-token.lake.dfs.core.windows.net", "one"), ("adls.sas-token.other", "two")];
    assert_eq!(given(&[], &two, "lake"), "sas one");
    assert_eq!(given(&[], &two, "other"), "sas two");
    assert_eq!(given(&[], &two, "third"), "nothing");
    assert_eq!(given(&[], &[("adls.sas-token", "s"), ("adls.account-key", "k")], "lake"), "sas s");
    assert_eq!(given(&[], &[("adls.token", "t"), ("adls.account-key", "k")], "lake"), "token t");
    assert_eq!(given(&[], &[("adls.connection-string", AZURITE)], "devstoreaccount1"), "key a2V5==");
    assert_eq!(given(&[], &[("adls.connection-string", AZURITE)], "lake"), "nothing");
    let signature = "BlobEndpoint=https://lake.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%2B";
    assert_eq!(given(&[], &[("adls.connection-string", signature)], "lake"), "sas sv=1&sig=a%2B");
    let principal = [("adls.tenant-id", "t"), ("adls.client-id", "i")];
    assert_eq!(given(&principal, &[("adls.client-secret", "s")], "lake"), "client t i s");
    assert_eq!(given(&[("adls.client-id", "i")], &[], "lake"), "nothing", "it chooses a managed identity");
}

#[test]
fn halves_and_nonsense_are_refused_without_the_secret() {
    let half = settings(&[("adls.client-id", "i")], &[("adls.client-secret", "hidden")]).given("lake");
    assert_eq!(half.err().unwrap().code, Code::CredentialsMissing);
    for text in ["hidden", "AccountName=lake", "AccountName=lake;hidden;AccountKey=k"] {
        let secrets = BTreeMap::from([("adls.connection-string".to_string(), Secret::new(text))]);
        let error = Settings::new(&BTreeMap::new(), &secrets).err().unwrap();
        assert!(error.code == Code::InvalidInput && !format!("{error:?}").contains("hidden"), "{error:?}");
    }
    let broken = BTreeMap::from([("adls.endpoint".to_string(), "ftp://x".to_string())]);
    assert_eq!(Settings::new(&broken, &BTreeMap::new()).err().unwrap().code, Code::InvalidInput);
}
