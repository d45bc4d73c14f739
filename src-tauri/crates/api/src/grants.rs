//! Grants of people in the keychain. A grant is one text of up to some 8 KiB; an entry of Windows' keychain takes 2,560
//! bytes. So a long grant is split into numbered parts, and a head says how many there are and what they add up to.
//!
//! Parts go in turn under the letters `a` and `b`: a new grant is written under the letter that the head does not name,
//! and the head, one entry, is what makes it count. A crash in between leaves the old grant, whole. Whoever reads while
//! another process writes sees by the hash that the parts are not of one grant, and looks again.

use crate::keychain::Keychain;
use async_trait::async_trait;
use icebridge_core::workspaces::{GrantKey, TokenStore};
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use icebridge_telemetry::scrub;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Who owns the entries: no catalog and no workspace has a name with this in it.
const OWNER: &str = "sign-in";
/// Windows takes 2,560 bytes, and keeps text as UTF-16.
#[cfg(windows)]
const LONGEST: usize = 1200;
#[cfg(not(windows))]
const LONGEST: usize = 16 << 10;
/// More than any grant needs: a head that says more is no head of ours.
const PARTS: usize = 64;
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(50);
const WHOLE: &str = "whole:";
const SPLIT: &str = "split:";

/// One entry each; none is larger than `longest`.
pub(crate) trait Entries: Debug + Send + Sync + 'static {
    fn read(&self, owner: &str, key: &str) -> Result<Option<Secret>>;
    fn write(&self, owner: &str, key: &str, text: &Secret) -> Result<()>;
    fn delete(&self, owner: &str, key: &str) -> Result<()>;
}

impl Entries for Keychain {
    fn read(&self, owner: &str, key: &str) -> Result<Option<Secret>> {
        self.read_entry(owner, key)
    }
    fn write(&self, owner: &str, key: &str, text: &Secret) -> Result<()> {
        self.write_entry(owner, key, text)
    }
    fn delete(&self, owner: &str, key: &str) -> Result<()> {
        self.delete_entry(owner, key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    letter: char,
    parts: usize,
    sha256: String,
}

#[derive(Debug)]
pub(crate) struct Grants<E> {
    entries: Arc<E>,
    longest: usize,
}

impl<E> Clone for Grants<E> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), longest: self.longest }
    }
}

impl<E: Entries> Grants<E> {
    pub fn new(entries: E) -> Self {
        Self { entries: Arc::new(entries), longest: LONGEST }
    }

    fn head(&self, name: &str) -> Result<Option<Secret>> {
        self.entries.read(OWNER, name)
    }

    fn load(&self, name: &str) -> Result<Option<Secret>> {
        for look in 0..LOOKS {
            if look > 0 {
                std::thread::sleep(PAUSE);
            }
            let Some(head) = self.head(name)? else { return Ok(None) };
            if let Some(text) = head.expose().strip_prefix(WHOLE) {
                let grant = Secret::new(text);
                learn_tokens(&grant);
                return Ok(Some(grant));
            }
            let Some(head) = understood(&head) else { break };
            if let Some(grant) = self.joined(name, &head)? {
                learn_tokens(&grant);
                return Ok(Some(grant));
            }
        }
        // Somebody deleted a part by hand, say. It is worth nothing: the person signs in again.
        tracing::warn!("a sign-in in the keychain is not whole and counts as none");
        Ok(None)
    }

    fn joined(&self, name: &str, head: &Head) -> Result<Option<Secret>> {
        // In one piece: a buffer that grows leaves copies behind that nobody wipes.
        let mut text = String::with_capacity(head.parts * self.longest.min(4096));
        for number in 0..head.parts {
            match self.entries.read(OWNER, &part(name, head.letter, number))? {
                Some(one) => text.push_str(one.expose()),
                None => return Ok(None),
            }
        }
        let grant = Secret::new(text);
        Ok((hash(&grant) == head.sha256).then_some(grant))
    }

    fn save(&self, name: &str, grant: &Secret) -> Result<()> {
        learn_tokens(grant);
        let before = self.head(name)?.and_then(|head| understood(&head));
        if grant.expose().len() + WHOLE.len() <= self.longest {
            let mut text = String::with_capacity(grant.expose().len() + WHOLE.len());
            text.push_str(WHOLE);
            text.push_str(grant.expose());
            self.entries.write(OWNER, name, &Secret::new(text))?;
        } else {
            let letter = if before.as_ref().is_some_and(|head| head.letter == 'a') { 'b' } else { 'a' };
            let pieces = pieces(grant.expose(), self.longest);
            if pieces.len() > PARTS {
                return Err(Error::internal("a sign-in is too long for the keychain"));
            }
            for (number, piece) in pieces.iter().enumerate() {
                self.entries.write(OWNER, &part(name, letter, number), &Secret::new(*piece))?;
            }
            let head = Head { letter, parts: pieces.len(), sha256: hash(grant) };
            let head = serde_json::to_string(&head)
                .map_err(|e| Error::internal("a sign-in cannot be written").with_cause(e))?;
            self.entries.write(OWNER, name, &Secret::new(format!("{SPLIT}{head}")))?;
        }
        if let Some(before) = before {
            self.clear(name, before.letter);
        }
        Ok(())
    }

    /// What the head no longer names. That it fails harms nobody: the next grant overwrites it.
    fn clear(&self, name: &str, letter: char) {
        let there = |number: &usize| matches!(self.entries.read(OWNER, &part(name, letter, *number)), Ok(Some(_)));
        let count = (0..PARTS).take_while(there).count();
        // From the end, so that what a crash leaves is found again.
        for number in (0..count).rev() {
            if self.entries.delete(OWNER, &part(name, letter, number)).is_err() {
                break;
            }
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        // The head first: without it the parts are no sign-in any more.
        self.entries.delete(OWNER, name)?;
        self.clear(name, 'a');
        self.clear(name, 'b');
        Ok(())
    }

    /// A keychain may ask a person to unlock it.
    async fn blocking<T: Send + 'static>(
        &self,
        key: &GrantKey,
        work: impl FnOnce(&Self, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The key itself may be long and hold any character.
        let name = hex::encode(Sha256::digest(key.as_str().as_bytes()))[..32].to_string();
        let this = self.clone();
        tokio::task::spawn_blocking(move || work(&this, &name))
            .await
            .map_err(|e| Error::internal("talking to the keychain failed").with_cause(e))?
    }
}

/// Hides a grant's tokens in the log: a server may repeat in an error what it was sent.
fn learn_tokens(grant: &Secret) {
    #[derive(Deserialize)]
    struct Tokens {
        access_token: Option<Secret>,
        refresh_token: Option<Secret>,
    }
    if let Ok(tokens) = serde_json::from_str::<Tokens>(grant.expose()) {
        tokens.access_token.iter().chain(&tokens.refresh_token).for_each(scrub::learn);
    }
}

fn understood(head: &Secret) -> Option<Head> {
    let head: Head = serde_json::from_str(head.expose().strip_prefix(SPLIT)?).ok()?;
    (head.parts <= PARTS).then_some(head)
}

fn part(name: &str, letter: char, number: usize) -> String {
    format!("{name}.{letter}{number}")
}

fn hash(text: &Secret) -> String {
    hex::encode(Sha256::digest(text.expose().as_bytes()))
}

/// Never in the middle of a character.
fn pieces(mut text: &str, longest: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > longest {
        let (piece, rest) = text.split_at(text.floor_char_boundary(longest));
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

#[async_trait]
impl<E: Entries> TokenStore for Grants<E> {
    async fn get(&self, key: &GrantKey) -> Result<Option<Secret>> {
        self.blocking(key, |this, name| this.load(name)).await
    }

    async fn put(&self, key: &GrantKey, grant: &Secret) -> Result<()> {
        let grant = grant.clone();
        self.blocking(key, move |this, name| this.save(name, &grant)).await
    }

    async fn erase(&self, key: &GrantKey) -> Result<()> {
        self.blocking(key, |this, name| this.remove(name)).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test it is the assertion")]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// A keychain that dies after so many writes.
    #[derive(Debug, Default)]
    struct Dying {
        kept: Mutex<BTreeMap<String, Secret>>,
        writes_left: Mutex<Option<usize>>,
    }

    impl Dying {
        fn alive(&self) -> Result<()> {
            match self.writes_left.lock().unwrap().as_mut() {
                Some(0) => Err(Error::internal("dead")),
                Some(left) => {
                    *left -= 1;
                    Ok(())
                }
                None => Ok(()),
            }
        }
    }

    impl Entries for Dying {
        fn read(&self, _: &str, key: &str) -> Result<Option<Secret>> {
            Ok(self.kept.lock().unwrap().get(key).cloned())
        }
        fn write(&self, _: &str, key: &str, text: &Secret) -> Result<()> {
            self.alive()?;
            assert!(text.expose().len() <= 140, "an entry of {} bytes", text.expose().len());
            self.kept.lock().unwrap().insert(key.to_string(), text.clone());
            Ok(())
        }
        fn delete(&self, _: &str, key: &str) -> Result<()> {
            self.alive()?;
            self.kept.lock().unwrap().remove(key);
            Ok(())
        }
    }

    fn grants() -> Grants<Dying> {
        Grants { entries: Arc::default(), longest: 100 }
    }

    #[test]
    fn long_and_short_grants_come_back_and_leave_nothing_behind() {
        let grants = grants();
        let long = Secret::new("ü".repeat(250));
        for grant in [&long, &Secret::new("short"), &long, &Secret::new("x".repeat(300)), &long] {
            grants.save("n", grant).unwrap();
            assert_eq!(grants.load("n").unwrap().as_ref(), Some(grant));
            let entries = grants.entries.kept.lock().unwrap().len();
            assert!(entries <= 2 + grant.expose().len() / 99, "{entries} entries");
        }
        grants.remove("n").unwrap();
        assert!(grants.entries.kept.lock().unwrap().is_empty());
        assert_eq!(grants.load("n").unwrap(), None);
    }

    #[test]
    fn the_tokens_of_a_grant_are_hidden_in_the_log_from_now_on() {
        let grants = grants();
        let grant = r#"{"access_token":"Qm9udGVtcHM4","refresh_token":"kOpAzbTq7"}"#;
        grants.save("n", &Secret::new(grant)).unwrap();
        let line = scrub::text("401: Qm9udGVtcHM4 has expired, and kOpAzbTq7 is unknown");
        assert!(!line.contains("Qm9udGVtcHM4") && !line.contains("kOpAzbTq7"), "{line}");
    }

    #[test]
    fn a_crash_at_any_write_leaves_the_old_or_the_new_grant_and_the_next_save_works() {
        let texts = [Secret::new("old".repeat(100)), Secret::new("new".repeat(150)), Secret::new("tiny")];
        for before in &texts {
            for after in &texts {
                for writes in 0..12 {
                    let grants = grants();
                    grants.save("n", before).unwrap();
                    *grants.entries.writes_left.lock().unwrap() = Some(writes);
                    let done = grants.save("n", after).is_ok();
                    *grants.entries.writes_left.lock().unwrap() = None;
                    let found = grants.load("n").unwrap().unwrap();
                    assert!(&found == after || (!done && &found == before), "after {writes} writes");
                    for next in [before, after] {
                        grants.save("n", next).unwrap();
                        assert_eq!(grants.load("n").unwrap().as_ref(), Some(next));
                    }
                    grants.remove("n").unwrap();
                    assert!(grants.entries.kept.lock().unwrap().is_empty(), "after {writes} writes");
                }
            }
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_no_grant() {
        let grants = grants();
        grants.save("n", &Secret::new("x".repeat(300))).unwrap();
        grants.entries.kept.lock().unwrap().insert("n.a1".into(), Secret::new("y".repeat(100)));
        assert_eq!(grants.load("n").unwrap(), None);
        grants.entries.kept.lock().unwrap().remove("n.a1");
        assert_eq!(grants.load("n").unwrap(), None);
        grants.save("n", &Secret::new("z".repeat(300))).unwrap();
        assert_eq!(grants.load("n").unwrap(), Some(Secret::new("z".repeat(300))));
        for head in ["split:{}", "split:", "odd"] {
            grants.entries.kept.lock().unwrap().insert("n".into(), Secret::new(head));
            assert_eq!(grants.load("n").unwrap(), None);
        }
    }

    #[test]
    fn pieces_keep_characters_whole() {
        assert_eq!(pieces("aüb", 2), ["a", "ü", "b"]);
        assert_eq!(pieces("", 2), [""]);
        assert_eq!(pieces("abcd", 2), ["ab", "cd"]);
    }
}
