//! S3 and what speaks its language.

mod account;

pub(super) use account::Account;
