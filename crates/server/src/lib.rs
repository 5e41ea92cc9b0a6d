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

mod app;
mod body_buffer;
mod connection;
mod date;
mod event_loop;
mod leadership;
mod listener;
mod responder;
mod server;
mod settings;
mod slots;
mod sync;
mod sys;
mod timers;
mod tls;
mod transport;

pub use app::{Application, Request};
pub use body_buffer::{BodyBuffer, BodyReader};
pub use connection::ConnectionInfo;
pub use listener::ListenerInfo;
pub use responder::{Responder, SendError};
pub use server::Server;
pub use settings::ServerSettings;
pub use tls::{TlsConfig, TlsProblem, self_signed_certificate};
