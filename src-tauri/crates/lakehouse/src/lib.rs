//! Iceberg itself: catalogs, reader, digest, writers
