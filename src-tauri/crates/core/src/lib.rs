//! The verbs: one module a stage of the journey
