//! Makes the plan file from inventory, mapping and settings.
