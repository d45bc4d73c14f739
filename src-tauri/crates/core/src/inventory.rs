//! What a source holds, captured table by table.
