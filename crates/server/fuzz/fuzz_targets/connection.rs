//! A server and its application make of a connection's bytes what the parser alone makes of them.

#![no_main]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/mod.rs"]
mod support;

static ECHO: LazyLock<support::whole_connection::Echo> = LazyLock::new(support::whole_connection::Echo::start);

fuzz_target!(|data: &[u8]| {
    // A place that depends on the data alone, so that a failure can be repeated.
    let sum = data.iter().fold(0_usize, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    ECHO.check(data, sum % (data.len() + 1));
});
