//! Requests are read alike however they are cut, and none is ambiguous.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/mod.rs"]
mod support;

fuzz_target!(|data: &[u8]| support::invariants::requests(data));
