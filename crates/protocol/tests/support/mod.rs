//! What the tests of this folder and the fuzz targets share.

#![allow(dead_code, reason = "each test is a crate of its own and uses a part of this one")]
#![allow(unreachable_pub, reason = "each test is a crate of its own")]

pub mod exchange;
pub mod invariants;
