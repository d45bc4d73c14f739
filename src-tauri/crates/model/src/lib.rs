//! The nouns and pure rules, shared with the UI
