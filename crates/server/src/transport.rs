//! One peer's socket, and the bytes that it has not taken yet.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::SockRef;

use crate::settings::ServerSettings;
use crate::sys;
use crate::tls::TlsSession;

/// An accepted socket, whatever its family.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// It has become somebody else's; see `Transport::gone`.
    Gone,
}

/// A stream with its output buffer. Never blocks, but in `send` and only where that says so.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Stream,
    /// `None` when the peer's bytes are plain.
    tls: Option<TlsSession>,
    /// Bytes for the peer: those before `taken` have gone out. `0 <= taken <= output.len()`
    output: Vec<u8>,
    taken: usize,
    /// Bytes that the kernel has taken so far.
    sent: u64,
    /// What is sent behind the output.
    file: Option<FilePart>,
    asked: Asked,
}

/// A part of a file that is on its way.
#[derive(Debug)]
struct FilePart {
    file: OwnedFd,
    offset: u64,
    left: u64,
}

/// What the event loop is asked to tell of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    Input,
    InputAndRoom,
}

/// How far sending has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Nothing is left.
    Done,
    /// The peer takes no more now; the kernel tells when it does.
    Blocked,
    /// The peer would take more, and others have waited long enough.
    Interrupted,
}

/// When bytes are to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// At once.
    Now,
    /// With those that follow, which the caller sees to: see `sys::push`.
    Held,
}

/// Bytes of a file that are sent before others have their turn.
const FILE_BYTES_AT_ONCE: u64 = 1024 * 1024;

impl Transport {
    pub(crate) fn new(stream: Stream, tls: Option<TlsSession>) -> Self {
        Self { stream, tls, output: Vec::new(), taken: 0, sent: 0, file: None, asked: Asked::Nothing }
    }

    /// What stands in the place of a transport that was taken away; it does nothing.
    pub(crate) fn gone() -> Self {
        Self::new(Stream::Gone, None)
    }

    /// Asks the event loop for news of this stream, in place of what was asked for before.
    pub(crate) fn ask_for(&mut self, wanted: Asked, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = match wanted {
            _ if wanted == self.asked => return Ok(()),
            Asked::Nothing => return self.deregister(registry),
            Asked::Input => Interest::READABLE,
            Asked::InputAndRoom => Interest::READABLE | Interest::WRITABLE,
        };
        match self.asked {
            Asked::Nothing => self.source()?.register(registry, token, interest)?,
            Asked::Input | Asked::InputAndRoom => self.source()?.reregister(registry, token, interest)?,
        }
        self.asked = wanted;
        Ok(())
    }

    fn source(&mut self) -> io::Result<&mut dyn Source> {
        match &mut self.stream {
            Stream::Tcp(stream) => Ok(stream),
            Stream::Unix(stream) => Ok(stream),
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Reads what is there; `Ok(0)` when the peer has ended its side.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.stream.read(buffer);
        };
        let result = tls.read(&mut self.stream, buffer);
        tls.take_records(&mut self.output)?;
        self.flush()?;
        result
    }

    /// Whether bytes have come that were not read. The end of the peer's side is none.
    pub(crate) fn has_unread(&self) -> bool {
        recv(&self.stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT).is_ok_and(|(length, _)| length > 0)
    }

    /// Whether a read of `length` bytes into `room` has emptied the socket (epoll(7)).
    pub(crate) fn is_emptied_by(&self, length: usize, room: usize) -> bool {
        self.tls.is_none() && length < room
    }

    /// Bytes of the output that wait for the peer to take them.
    fn output_len(&self) -> usize {
        self.output.len() - self.taken
    }

    /// Bytes that were given to it since the connection began: the kernel has them, or they wait.
    pub(crate) fn given(&self) -> u64 {
        self.sent + self.pending()
    }

    /// Bytes that wait for the peer to take them, those of a file included.
    pub(crate) fn pending(&self) -> u64 {
        self.output_len() as u64 + self.file.as_ref().map_or(0, |part| part.left)
    }

    /// Bytes that the peer has not got yet, as far as is known: pending, or with the kernel, which
    /// tells of room to write only when there is a lot of it.
    pub(crate) fn untaken(&self) -> u64 {
        self.pending() + sys::unconfirmed(self.descriptor()).unwrap_or(0)
    }

    /// Sends as much of what is pending as the peer takes.
    ///
    /// # Errors
    /// The peer has gone, or the file has become shorter than it was.
    pub(crate) fn flush(&mut self) -> io::Result<Flush> {
        while self.output_len() > 0 {
            match self.stream.write_slices(&[IoSlice::new(&self.output[self.taken..])], Urgency::Now) {
                Ok(written) => {
                    self.taken += written;
                    self.sent += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flush::Blocked),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.taken = 0;
        // An idle connection must not sit on a megabyte.
        if self.output.capacity() > 16 * 1024 {
            self.output = Vec::new();
        }
        self.flush_file()
    }

    fn flush_file(&mut self) -> io::Result<Flush> {
        let socket = self.descriptor();
        let Some(part) = &mut self.file else {
            return Ok(Flush::Done);
        };
        let mut budget = FILE_BYTES_AT_ONCE;
        while part.left > 0 {
            if budget == 0 {
                return Ok(Flush::Interrupted);
            }
            let length = part.left.min(budget) as usize;
            match sys::send_file(socket, part.file.as_raw_fd(), part.offset, length) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(sent) => {
                    part.offset += sent as u64;
                    part.left -= sent as u64;
                    self.sent += sent as u64;
                    budget -= sent as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flush::Blocked),
                Err(error) => return Err(error),
            }
        }
        self.file = None;
        Ok(Flush::Done)
    }

    /// Sends `head` and then `length` bytes of `file` from `offset` on, as far as the peer takes
    /// them now; the rest is pending. Nothing may be sent behind it before it is gone.
    ///
    /// # Errors
    /// As `flush`.
    pub(crate) fn send_file(&mut self, head: &[u8], file: OwnedFd, offset: u64, length: u64) -> io::Result<()> {
        self.output.extend_from_slice(head);
        self.file = Some(FilePart { file, offset, left: length });
        self.flush().map(drop)
    }

    /// Whether files can be sent by the kernel alone: the peer's bytes are plain.
    pub(crate) fn takes_files(&self) -> bool {
        cfg!(target_os = "linux") && self.tls.is_none()
    }

    /// Whether bytes wait for the peer to take them.
    pub(crate) fn has_output(&self) -> bool {
        self.pending() > 0
    }

    /// Sends what can be sent of `parts` and keeps the rest as output, however much that is.
    pub(crate) fn send_or_keep(&mut self, parts: [&[u8]; 3], urgency: Urgency) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            for part in parts {
                tls.write(part, &mut self.output)?;
            }
            return self.flush().map(drop);
        }
        let mut skip = if self.flush()? == Flush::Done { self.write_parts(parts, urgency)? } else { 0 };
        for part in parts {
            let gone = skip.min(part.len());
            skip -= gone;
            self.output.extend_from_slice(&part[gone..]);
        }
        Ok(())
    }

    /// Sends `parts`, and blocks while more than the settings allow are untaken.
    ///
    /// # Errors
    /// The peer has gone, or took too little for too long (`TimedOut`).
    pub(crate) fn send(&mut self, parts: [&[u8]; 3], settings: &ServerSettings) -> io::Result<()> {
        // A large piece is kept in slices, so that the buffer's limit holds for it too.
        for part in parts {
            for slice in part.chunks(settings.output_buffer_bytes.max(1)) {
                self.wait_for_room(slice.len(), settings)?;
                self.send_or_keep([slice, b"", b""], Urgency::Now)?;
            }
        }
        Ok(())
    }

    /// Whether `parts` can be handed to `send_or_keep` without going over `buffer_bytes`.
    pub(crate) fn has_room_for(&self, parts: [&[u8]; 3], buffer_bytes: usize) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.output_len() + length <= buffer_bytes
    }

    fn wait_for_room(&mut self, length: usize, settings: &ServerSettings) -> io::Result<()> {
        let limit = settings.output_buffer_bytes.max(length);
        let least = settings.least_progress(settings.write_timeout).max(1);
        let mut deadline = Instant::now() + settings.write_timeout;
        let mut untaken = self.untaken();
        while self.output_len() + length > limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let still = self.untaken();
                if untaken.saturating_sub(still) < least {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                untaken = still;
                deadline = Instant::now() + settings.write_timeout;
                continue;
            }
            if sys::wait_until_writable(self.descriptor(), left)? {
                self.flush()?;
                self.output.drain(..self.taken);
                self.taken = 0;
            }
        }
        Ok(())
    }

    fn write_parts(&mut self, parts: [&[u8]; 3], urgency: Urgency) -> io::Result<usize> {
        let slices = parts.map(IoSlice::new);
        if parts.iter().all(|part| part.is_empty()) {
            return Ok(0);
        }
        match self.stream.write_slices(&slices, urgency) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result.inspect(|written| self.sent += *written as u64),
        }
    }

    /// Says, where the protocol can, that nothing more follows.
    pub(crate) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            // A peer that has gone needs no goodbye.
            let _ = tls.end(&mut self.output).and_then(|()| self.flush().map(drop));
        }
    }

    /// Ends our side; the peer's may go on.
    pub(crate) fn end_output(&mut self) {
        self.say_goodbye();
        // An error means that the peer has gone, which is what the caller is about to notice.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }

    /// Whether bytes can be held back for those that follow: they go to TCP as they are.
    pub(crate) fn can_hold(&self) -> bool {
        cfg!(target_os = "linux") && self.tls.is_none() && matches!(self.stream, Stream::Tcp(_))
    }

    /// Sends what was held back.
    pub(crate) fn push(&self) {
        if self.can_hold() {
            sys::push(self.descriptor());
        }
    }

    /// Whether bytes of the peer go to and fro as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.tls.is_none() && !self.has_output()
    }

    /// A second descriptor for the socket, and the TLS state and the output, which this transport
    /// then lacks.
    pub(crate) fn split_off(&mut self) -> io::Result<(OwnedFd, Option<TlsSession>, Vec<u8>)> {
        let socket = sys::duplicate(self.descriptor())?;
        let output = self.output.split_off(self.taken);
        self.output.clear();
        self.taken = 0;
        Ok((socket, self.tls.take(), output))
    }

    /// Ends the event loop's interest in this stream; any thread may call this.
    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match std::mem::replace(&mut self.asked, Asked::Nothing) {
            Asked::Nothing => Ok(()),
            Asked::Input | Asked::InputAndRoom => self.source()?.deregister(registry),
        }
    }

    /// Lets the connection end with a reset, which no peer takes for the end of an answer.
    pub(crate) fn reset_at_close(&mut self) {
        // An error means that the peer has gone already.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// The socket's number, which stays this transport's to close.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.stream.as_fd().as_raw_fd()
    }
}

/// A peer that has gone is an error, also where the application has asked for the signal.
#[cfg(target_os = "linux")]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// More follows soon, so that a packet that is not full may wait for it.
#[cfg(target_os = "linux")]
const HOLD: SendFlags = SendFlags::MORE;
#[cfg(not(target_os = "linux"))]
const HOLD: SendFlags = SendFlags::empty();

impl Stream {
    fn write_slices(&mut self, slices: &[IoSlice<'_>], urgency: Urgency) -> io::Result<usize> {
        let flags = match urgency {
            Urgency::Now => NO_SIGNAL,
            Urgency::Held => NO_SIGNAL | HOLD,
        };
        // The kernel does less for one piece, which is what most answers are.
        let (first, rest) = slices.split_at(slices.len().min(1));
        let is_one_piece = rest.iter().all(|slice| slice.is_empty());
        let written = retry_on_intr(|| {
            if is_one_piece {
                send(&*self, &first[0], flags)
            } else {
                sendmsg(&*self, slices, &mut SendAncillaryBuffer::default(), flags)
            }
        })?;
        if written == 0 && slices.iter().any(|slice| !slice.is_empty()) {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(written)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = retry_on_intr(|| recv(&*self, &mut *buffer, RecvFlags::empty()))?;
        Ok(length)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            // A number that is never a socket's: each use is refused.
            Self::Gone => rustix::fs::CWD,
        }
    }
}
