//! Carries bytes between a peer and an application that took over the connection.
//!
//! Needed where the socket itself can't be handed over: the peer speaks TLS, or bytes that it
//! sent behind its request have been read already. One thread for each such connection.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use socket2::Socket;

use crate::sys;
use crate::tls::TlsSession;

/// Bytes that may wait in one direction before its source is no longer read.
const BUFFER_BYTES: usize = 64 * 1024;

/// Starts to carry bytes between `peer`, whose `early` bytes were read already and for whom
/// `output` waits, and the application. Returns the application's end, which blocks.
///
/// # Errors
/// There is no room for the descriptors or the thread.
pub(crate) fn start(peer: OwnedFd, tls: Option<TlsSession>, early: Vec<u8>, output: Vec<u8>) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let relay = Relay {
        peer: Socket::from(peer),
        tls,
        app: ours,
        to_app: Way { bytes: early, ..Way::default() },
        to_peer: Way { bytes: output, ..Way::default() },
    };
    thread::Builder::new().name("uncork-relay".into()).stack_size(256 * 1024).spawn(move || relay.run())?;
    Ok(theirs.into())
}

struct Relay {
    peer: Socket,
    tls: Option<TlsSession>,
    app: UnixStream,
    to_app: Way,
    to_peer: Way,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    bytes: Vec<u8>,
    /// Whether its source has ended.
    has_ended: bool,
    /// Whether its sink was told of that, or is gone.
    is_closed: bool,
}

impl Way {
    fn has_room(&self) -> bool {
        !self.has_ended && self.bytes.len() < BUFFER_BYTES
    }

    fn must_close(&self) -> bool {
        self.has_ended && self.bytes.is_empty() && !self.is_closed
    }

    /// Writes what the sink takes.
    fn flush(&mut self, sink: &mut impl Write) {
        while !self.bytes.is_empty() {
            match sink.write(&self.bytes) {
                Ok(written) if written > 0 => drop(self.bytes.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {
                    *self = Self { bytes: Vec::new(), has_ended: true, is_closed: true };
                    return;
                }
            }
        }
    }
}

impl Relay {
    fn run(mut self) {
        let mut room = vec![0; 16 * 1024];
        while !(self.to_app.is_closed && self.to_peer.is_closed) {
            let is_drained = self.read_peer(&mut room);
            self.read_app(&mut room);
            self.to_app.flush(&mut self.app);
            self.to_peer.flush(&mut self.peer);
            self.close_ended();
            // Where reading stopped for want of room, TLS may hold plain bytes that no news of the
            // socket would bring to light.
            if !is_drained && self.to_app.has_room() {
                continue;
            }
            let interest = [
                (self.peer.as_raw_fd(), self.to_app.has_room(), !self.to_peer.bytes.is_empty()),
                (self.app.as_raw_fd(), self.to_peer.has_room(), !self.to_app.bytes.is_empty()),
            ];
            let has_interest = interest.iter().any(|(_, read, write)| *read || *write);
            if has_interest && sys::wait_for_either(interest).is_err() {
                return;
            }
        }
    }

    /// Reads what there is room for; `true` when nothing is left to be read.
    fn read_peer(&mut self, room: &mut [u8]) -> bool {
        while self.to_app.has_room() {
            let result = match &mut self.tls {
                Some(tls) => {
                    let result = tls.read(&mut self.peer, room);
                    // What the session has to say goes out with the next flush.
                    if tls.take_records(&mut self.to_peer.bytes).is_err() {
                        self.to_app.has_ended = true;
                    }
                    result
                }
                None => self.peer.read(room),
            };
            match result {
                Ok(0) => self.to_app.has_ended = true,
                Ok(length) => self.to_app.bytes.extend_from_slice(&room[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(_) => self.to_app.has_ended = true,
            }
        }
        self.to_app.has_ended
    }

    fn read_app(&mut self, room: &mut [u8]) {
        while self.to_peer.has_room() {
            match self.app.read(room) {
                Ok(0) => self.to_peer.has_ended = true,
                Ok(length) => {
                    let result = match &mut self.tls {
                        Some(tls) => tls.write(&room[..length], &mut self.to_peer.bytes),
                        None => {
                            self.to_peer.bytes.extend_from_slice(&room[..length]);
                            Ok(())
                        }
                    };
                    self.to_peer.has_ended |= result.is_err();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.to_peer.has_ended = true,
            }
        }
    }

    fn close_ended(&mut self) {
        if self.to_app.must_close() {
            self.to_app.is_closed = true;
            // It fails where the application has closed its end, which is as good.
            let _ = self.app.shutdown(Shutdown::Write);
        }
        if self.to_peer.must_close() {
            self.to_peer.is_closed = true;
            if let Some(tls) = &mut self.tls {
                let mut goodbye = Vec::new();
                // A peer that has gone needs no goodbye.
                let _ = tls.end(&mut goodbye).and_then(|()| self.peer.write_all(&goodbye));
            }
            let _ = self.peer.shutdown(Shutdown::Write);
            // The application has closed its end: nobody reads what the peer still sends.
            self.to_app = Way { bytes: Vec::new(), has_ended: true, is_closed: true };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn connected() -> (TcpStream, OwnedFd) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        (client, accepted.into())
    }

    #[test]
    fn early_bytes_come_first_and_both_ways_are_carried() {
        let (mut client, peer) = connected();
        let mut app = UnixStream::from(start(peer, None, b"early ".to_vec(), b"output ".to_vec()).unwrap());
        client.write_all(b"later").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        app.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "early later");
        let long = "x".repeat(1_000_000);
        app.write_all(long.as_bytes()).unwrap();
        drop(app);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("output x") && answer.len() == 7 + long.len());
    }

    #[test]
    fn a_peer_that_goes_ends_the_application_s_side() {
        let (client, peer) = connected();
        let mut app = UnixStream::from(start(peer, None, b"e".to_vec(), Vec::new()).unwrap());
        drop(client);
        let mut heard = Vec::new();
        app.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"e");
    }
}
