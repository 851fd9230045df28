#!/bin/sh
# rustdoc as on nightly Rust, which alone may write JSON.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
