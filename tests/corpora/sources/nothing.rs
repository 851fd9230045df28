//! Nothing: cargo wants a target, and this package exists for its dependencies' sources.
