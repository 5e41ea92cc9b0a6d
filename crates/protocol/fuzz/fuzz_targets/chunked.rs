//! Chunks are decoded alike however they are cut, and encode to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/mod.rs"]
mod support;

fuzz_target!(|data: &[u8]| support::invariants::chunked(data));
