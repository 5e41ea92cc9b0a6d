//! Serves requests to one application: sockets, time, threads and files, and no Python.
//!
//! ```text
//!   Server ── threads ─▶ leader ─▶ EventLoop ─▶ Connection ─▶ Application ─▶ Responder
//!                │                    ▲                            │
//!                └ sentinel ──────────┘ takes the lead from a leader that is held up
//! ```
//!
//! One thread at a time leads: it drives the event loop, and calls the application itself.
//! `leadership` says who leads, `event_loop` what a leader does, `connection` what one peer
//! is at.

// Under the model checker (`--cfg loom`) only the two protocols between threads are built.
mod leadership;
mod sync;
mod turns;

#[cfg(not(loom))]
mod access_log;
#[cfg(not(loom))]
mod app;
#[cfg(not(loom))]
mod body_buffer;
#[cfg(not(loom))]
mod body_stream;
#[cfg(not(loom))]
mod connection;
#[cfg(not(loom))]
mod date;
#[cfg(not(loom))]
mod event_loop;
#[cfg(not(loom))]
mod held;
#[cfg(not(loom))]
mod late_calls;
#[cfg(not(loom))]
mod listener;
#[cfg(not(loom))]
mod local_authority;
#[cfg(not(loom))]
mod logging;
#[cfg(not(loom))]
mod relay;
#[cfg(not(loom))]
mod request_id;
#[cfg(not(loom))]
mod responder;
#[cfg(not(loom))]
mod scoreboard;
#[cfg(not(loom))]
mod scorer;
#[cfg(not(loom))]
mod sentinel;
#[cfg(not(loom))]
mod server;
#[cfg(not(loom))]
mod settings;
#[cfg(not(loom))]
mod slots;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod timers;
#[cfg(not(loom))]
mod tls;
#[cfg(not(loom))]
mod transport;
#[cfg(not(loom))]
mod trouble;
#[cfg(not(loom))]
pub use access_log::{AccessLogSettings, LogFormat};
#[cfg(not(loom))]
pub use app::{Application, Request, RequestBody};
#[cfg(not(loom))]
pub use body_buffer::{BodyBuffer, BodyReader};
#[cfg(not(loom))]
pub use body_stream::{BodyError, BodyWait, Received};
#[cfg(not(loom))]
pub use connection::ConnectionInfo;
#[cfg(not(loom))]
pub use late_calls::LateCall;
#[cfg(not(loom))]
pub use listener::ListenerInfo;
#[cfg(not(loom))]
pub use local_authority::{LOCAL_DOMAINS, PemPair, Validity, check_issued, issue, make_authority, may_sign_for};
#[cfg(not(loom))]
pub use request_id::{IdText, OwnId, RequestId, given_id};
#[cfg(not(loom))]
pub use responder::{Responder, SendError};
#[cfg(not(loom))]
pub use scoreboard::{BOUNDS_NS, Place, ScoreboardRow, layout, running_requests};
#[cfg(not(loom))]
pub use server::Server;
#[cfg(not(loom))]
pub use settings::ServerSettings;
#[cfg(not(loom))]
pub use sys::SharedMemory;
#[cfg(not(loom))]
pub use tls::{TlsConfig, TlsProblem, self_signed_certificate};
#[cfg(not(loom))]
pub use trouble::Trouble;
