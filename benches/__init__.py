"""How fast the copies are, against tools that people use today: `cargo xtask bench`."""
