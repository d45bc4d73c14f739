//! Compares source and target and says what that proves.
