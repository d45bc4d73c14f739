//! Google Cloud Storage.

mod account;

pub(super) use account::Account;
