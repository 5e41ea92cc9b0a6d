//! What the tests of this folder and the fuzz target share.

#![allow(dead_code, reason = "each test is a crate of its own and uses a part of this one")]
#![allow(unreachable_pub, reason = "each test is a crate of its own")]

/// What must come of any bytes, without sockets and without the server.
#[path = "../../../protocol/tests/support/exchange.rs"]
pub mod exchange;
pub mod whole_connection;
