//! Listening sockets, bound by somebody else, and what they say of the requests they bring.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Socket, Type};

use crate::sys;
use crate::transport::Stream;

/// What CGI wants to know of the address that a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerInfo {
    /// The address, or `localhost` for a unix socket; never empty (PEP 3333).
    pub server_name: String,
    /// The port in decimal, or `80` for a unix socket.
    pub server_port: String,
    /// Whether its peers speak TLS.
    pub is_tls: bool,
}

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: ListeningSocket,
    pub(crate) info: std::sync::Arc<ListenerInfo>,
}

#[derive(Debug)]
enum ListeningSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Makes a listener of a duplicate of `descriptor`, which stays the caller's.
    /// `is_tls` does not concern a unix socket, whose peer is a proxy on this machine.
    ///
    /// # Errors
    /// It is not a stream socket. One that does not listen fails at the first `accept`.
    pub(crate) fn duplicate(descriptor: RawFd, is_tls: bool) -> io::Result<Self> {
        let socket = Socket::from(sys::duplicate(descriptor)?);
        let refuse =
            |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {descriptor} {what}"));
        if socket.r#type()? != Type::STREAM {
            return Err(refuse("is not a stream socket"));
        }
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        if address.is_unix() {
            let info =
                ListenerInfo { server_name: "localhost".to_owned(), server_port: "80".to_owned(), is_tls: false };
            let socket = ListeningSocket::Unix(UnixListener::from_std(OwnedFd::from(socket).into()));
            return Ok(Self { socket, info: info.into() });
        }
        let address = address.as_socket().ok_or_else(|| refuse("has no internet address"))?;
        // Accepted sockets inherit it, which saves a call for each of them.
        socket.set_tcp_nodelay(true)?;
        sys::defer_accept(socket.as_raw_fd());
        let info =
            ListenerInfo { server_name: address.ip().to_string(), server_port: address.port().to_string(), is_tls };
        let socket = ListeningSocket::Tcp(TcpListener::from_std(socket.into()));
        Ok(Self { socket, info: info.into() })
    }

    /// Accepts a connection; the peer's address is `None` on a unix socket.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match &self.socket {
            ListeningSocket::Tcp(listener) => listener.accept().map(|(stream, peer)| (Stream::Tcp(stream), Some(peer))),
            ListeningSocket::Unix(listener) => listener.accept().map(|(stream, _)| (Stream::Unix(stream), None)),
        }
    }

    /// Whether a connection waits to be accepted.
    pub(crate) fn has_waiting(&self) -> bool {
        let descriptor = match &self.socket {
            ListeningSocket::Tcp(listener) => listener.as_raw_fd(),
            ListeningSocket::Unix(listener) => listener.as_raw_fd(),
        };
        // Where it can't be known, the caller has to try.
        sys::wait_until_ready(descriptor, false, Duration::ZERO).unwrap_or(true)
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().register(registry, token, Interest::READABLE)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }

    fn source(&mut self) -> &mut dyn Source {
        match &mut self.socket {
            ListeningSocket::Tcp(listener) => listener,
            ListeningSocket::Unix(listener) => listener,
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn scene() -> (Listener, TcpStream) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Listener::duplicate(socket.as_raw_fd(), false).unwrap();
        (listener, TcpStream::connect(socket.local_addr().unwrap()).unwrap())
    }

    fn wait_until_waiting(listener: &Listener) {
        let ListeningSocket::Tcp(socket) = &listener.socket else { unreachable!("it was made so") };
        assert!(sys::wait_until_ready(socket.as_raw_fd(), false, Duration::from_secs(10)).unwrap());
    }

    #[test]
    fn a_connection_is_accepted_with_its_first_bytes() {
        let (listener, mut peer) = scene();
        assert!(!listener.has_waiting());
        peer.write_all(b"G").unwrap();
        wait_until_waiting(&listener);
        listener.accept().unwrap();
    }

    #[test]
    fn a_connection_without_bytes_is_accepted_a_little_later() {
        let (listener, _peer) = scene();
        wait_until_waiting(&listener);
        listener.accept().unwrap();
    }
}
