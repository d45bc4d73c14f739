use super::*;
use icebridge_model::secret::Secret;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn secrets_go_and_the_rest_stays() {
    for (before, after) in [
        ("connecting to postgresql://me:pw@db:5432/x failed", "connecting to postgresql://***@db:5432/x failed"),
        ("http://h:8181/a@b", "http://h:8181/a@b"),
        ("https://u:p/q@h/x", "https://***@h/x"),
        (
            "GET https://b.s3.amazonaws.com/k?X-Amz-Credential=AK%2F1&X-Amz-Signature=abc&x=1",
            "GET https://b.s3.amazonaws.com/k?X-Amz-Credential=***&X-Amz-Signature=***&x=1",
        ),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("\"authorization\": \"Bearer abc\", \"x\": 1", "\"authorization\": \"***\", \"x\": 1"),
        ("sent bearer abcdefgh to h", "sent bearer *** to h"),
        ("Basic dTpwdw== was refused", "Basic *** was refused"),
        ("a basic operation failed", "a basic operation failed"),
        ("{\"client_secret\":\"a\\\"b\",\"grant_type\":\"x\"}", "{\"client_secret\":\"***\",\"grant_type\":\"x\"}"),
        ("body {\\\"token\\\":\\\"abc\\\",\\\"n\\\":1}", "body {\\\"token\\\":\\\"***\\\",\\\"n\\\":1}"),
        ("Options { token: Some(\"a b c\"), retries: 3 }", "Options { token: Some(\"***\"), retries: 3 }"),
        ("{\"token\": [\"abc\", \"def\"], \"x\": \"y\"}", "{\"token\": [\"***\", \"***\"], \"x\": \"y\"}"),
        ("{\"token\":\"abc\",\"x\":\"y\"}", "{\"token\":\"***\",\"x\":\"y\"}"),
        ("password=hunter2 user=me", "password=*** user=me"),
        ("s3.secret-access-key=ab/c+d= s3.region=eu", "s3.secret-access-key=*** s3.region=eu"),
        ("token dapi0123456789abcdef0123456789abcdef-2 is over", "token *** is over"),
        ("/callback?code=abc&state=def HTTP/1.1", "/callback?code=***&state=*** HTTP/1.1"),
        ("redirect=https%3A%2F%2Fh%3Ftoken%3Dabc%26x%3D1", "redirect=https%3A%2F%2Fh%3Ftoken%3D***%26x%3D1"),
        ("Cookie: a=1; b=2", "Cookie: ***"),
        ("the token is renewed", "the token is renewed"),
        ("code: credentials-rejected", "code: credentials-rejected"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nnext", "***\nnext"),
        ("sales.orders: 12 rows, 3 files", "sales.orders: 12 rows, 3 files"),
    ] {
        assert_eq!(text(before), after, "{before}");
        assert_eq!(text(after), after, "scrubbed again, nothing changes: {after}");
    }
}

#[test]
fn json_is_scrubbed_by_its_names_and_by_its_texts() {
    let mut value = json!({
        "uri": "http://u:p@h/", "properties": {"s3.secret-access-key": "abc", "s3.region": "eu"}, "secrets": ["token"],
        "credential": {"id": "x", "key": 5}, "password": "", "token": null,
        "conf": [{"key": "fs.s3a.secret.key", "value": "abc"}, {"key": "fs.s3a.endpoint", "value": "h"}],
    });
    json(&mut value);
    assert_eq!(
        value,
        json!({
            "uri": "http://***@h/", "properties": {"s3.secret-access-key": "***", "s3.region": "eu"}, "secrets": ["token"],
            "credential": {"id": "***", "key": "***"}, "password": "", "token": null,
            "conf": [{"key": "fs.s3a.secret.key", "value": "***"}, {"key": "fs.s3a.endpoint", "value": "h"}],
        })
    );
}

#[test]
fn a_secret_that_was_read_is_hidden_in_every_form() {
    let secret = "kn0wn s3cr3t/\"value\"";
    learn(&Secret::new(format!("client-id:{secret}")));
    let encoded = "kn0wn%20s3cr3t%2F%22value%22";
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret);
    for form in [secret, encoded, "kn0wn+s3cr3t%2F%22value%22", "kn0wn s3cr3t/\\\"value\\\"", &base64] {
        assert_eq!(text(&format!("the server said <{form}>")), "the server said <***>", "{form}");
    }
    assert_eq!(text("client-id is known"), "client-id is known");
    learn(&Secret::new("abc"));
    assert_eq!(text("abc"), "abc", "too short to be told from a word");
}

#[test]
fn names_that_mean_a_secret() {
    for name in ["Authorization", "client_secret", "accessToken", "X-Amz-Signature", "db.password", "Set-Cookie"] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ["table", "run", "secrets", "token_endpoint", "message", "code", "state"] {
        assert!(!is_secret_name(name), "{name}");
    }
}

/// A secret as servers and people make them: long enough not to be part of another word, without what ends it where it is
/// not quoted.
fn secret() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$*+./:=?@^_|~-]{12,40}".prop_filter("hidden means ***", |s| !s.contains("***"))
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "password",
        "client_secret",
        "token",
        "access_token",
        "refresh_token",
        "s3.secret-access-key",
        "s3.session-token",
        "AccessKey",
        "apiKey",
        "X-Amz-Security-Token",
        "x-amz-credential",
        "jdbc.Password",
        "spark.hadoop.fs.s3a.secret.key",
        "credential",
        "client_assertion",
        "code_verifier",
        "private_key",
    ])
}

proptest! {
    #[test]
    fn named_secrets_never_stay(name in name(), secret in secret(), around in "[a-z ]{0,20}") {
        for before in [
            format!("{around}{name}={secret}"),
            format!("{around} {name}: {secret} {around}"),
            format!("https://h/p?a=1&{name}={secret}&b=2"),
            format!("{{\"{name}\": \"{secret}\", \"x\": \"{around}\"}}"),
            format!("{{\\\"{name}\\\":\\\"{secret}\\\"}}"),
            format!("{{\\\\\\\"{name}\\\\\\\":\\\\\\\"{secret}\\\\\\\"}}"),
            format!("Config {{ {name}: Some(\"{secret}\"), x: 1 }}"),
            format!("[(\"{name}\", \"{secret}\")]"),
            format!("{name} = '{secret}'"),
            format!("{{\"{name}\": [\"{secret}\", \"{secret}\"]}}"),
        ] {
            let after = text(&before);
            prop_assert!(!after.contains(&secret), "{before} -> {after}");
            prop_assert_eq!(text(&after), after.clone(), "again");
        }
    }

    /// A quoted value may hold anything; quotes in it are escaped as JSON does, twice as well.
    #[test]
    fn quoted_secrets_never_stay(name in name(), secret in "[ -~äß\n\t]{8,40}") {
        let marked = format!("canary7{secret}canary8");
        let once = json!({name: marked.clone(), "x": 1}).to_string();
        let twice = Value::from(once.clone()).to_string();
        let debug = format!("Config {{ {name}: {marked:?}, x: 1 }}");
        for before in [once, twice, debug] {
            let after = text(&before);
            prop_assert!(!after.contains("canary7") && !after.contains("canary8"), "{before} -> {after}");
        }
        let mut value = json!({"deep": [{name: marked, "x": 1}]});
        json(&mut value);
        prop_assert!(!value.to_string().contains("canary"), "{value}");
    }

    #[test]
    fn headers_never_stay(scheme in "Bearer|bearer|BEARER|Basic|Digest|Negotiate|AWS4-HMAC-SHA256 Credential=a,", secret in secret()) {
        for before in [
            format!("Authorization: {scheme} {secret}"),
            format!("proxy-authorization={scheme} {secret}\nnext"),
            format!("{{\"authorization\": \"{scheme} {secret}\"}}"),
        ] {
            let after = text(&before);
            prop_assert!(!after.contains(&secret), "{before} -> {after}");
        }
    }

    #[test]
    fn bearer_tokens_never_stay(secret in "[A-Za-z0-9._~+/=-]{12,60}") {
        let after = text(&format!("it was sent with Bearer {secret} and refused"));
        prop_assert!(!after.contains(&secret), "{after}");
    }

    #[test]
    fn users_in_addresses_never_stay(user in "[a-z]{1,8}", secret in "[A-Za-z0-9!$*+.:=?@^_|~/-]{12,30}", path in "[a-z/]{0,10}") {
        let secret = format!("Q{secret}");
        let before = format!("cannot reach postgresql://{user}:{secret}@host:5432/{path}");
        let after = text(&before);
        prop_assert!(!after.contains(&secret), "{before} -> {after}");
        prop_assert!(after.contains("@host:5432/"), "{after}");
    }

    #[test]
    fn tokens_are_known_by_their_shape(hex in "[0-9a-f]{32}", around in "[a-z ]{0,10}") {
        for token in [format!("dapi{hex}"), format!("dose{hex}"), format!("dapi{hex}-3"), format!("AKIA{}", hex[..16].to_uppercase()), format!("eyJ{hex}.eyJ{hex}.{hex}")] {
            let after = text(&format!("{around} {token} {around}"));
            prop_assert!(!after.contains(&token), "{after}");
            prop_assert!(!after.contains(&hex[..16]), "{after}");
        }
    }

    /// It neither panics nor takes plain words away.
    #[test]
    fn any_text_is_taken(any in "\\PC{0,200}") {
        text(&any);
        let mut value = json!({any.clone(): any.clone()});
        json(&mut value);
    }

    #[test]
    fn plain_words_stay(words in "[a-z]{1,12}( [a-z]{1,12}){0,8}") {
        prop_assume!(!words.contains("bearer") && !words.contains("basic"));
        prop_assert_eq!(text(&words), words);
    }
}
