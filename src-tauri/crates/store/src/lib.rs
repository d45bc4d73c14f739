//! Local state: SQLite, migrations, the journal
