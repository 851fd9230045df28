//! What decides the bytes of an object, in one place for all who ask whether it can be had without making it.
//!
//! There are two answers. A [`Key`] is for objects of any build: one hash, in which paths count for nothing; the cache
//! finds objects by it. A `Fingerprint` is for the objects of one build directory, where paths are what they were: a
//! hash for each kind of input, so that it can be said what changed, and cheap to make again for a file that nobody has
//! touched; incremental runs remember it. Both read the same files that options name (`files`), know the same inline
//! assembly that reads others, and the same program that compiles (`program`).

mod assembly;
pub(crate) mod contents;
pub(crate) mod files;
mod key;
mod parts;
pub(crate) mod program;
mod remembered;
mod uncacheable;

pub use key::Key;
pub(crate) use key::{Keys, Read};
pub use parts::Change;
pub(crate) use parts::Fingerprint;
pub(crate) use remembered::{FOLDER as HASHES, RememberedHashes};
pub use uncacheable::Uncacheable;
