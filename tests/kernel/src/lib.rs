//! Linux kernels as ThinLTO links: what `make test-kernel` builds and compares, and `make bench` measures.

pub mod oracle;
pub mod requirements;
pub mod tree;
