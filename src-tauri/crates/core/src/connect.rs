//! Catalogs as the person names them: save, check, remove.
