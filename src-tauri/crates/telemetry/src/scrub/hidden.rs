/// What stands in place of a secret.
pub const HIDDEN: &str = "***";
