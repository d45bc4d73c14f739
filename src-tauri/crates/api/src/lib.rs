//! The operations of the model, carried out on core
