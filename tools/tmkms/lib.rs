//! Empty: the package beside this exists for its Cargo.lock, which pins every crate that tmkms is built from.
