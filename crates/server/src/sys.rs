//! The calls to the operating system that need `unsafe`, and nothing else.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Waits until `descriptor` takes bytes, or has failed. Returns `false` when `timeout` ran out.
///
/// # Errors
/// poll(2) failed for another reason than a signal.
pub(crate) fn wait_until_writable(descriptor: RawFd, timeout: Duration) -> io::Result<bool> {
    wait_for(descriptor, libc::POLLOUT, timeout)
}

fn wait_for(descriptor: RawFd, events: libc::c_short, timeout: Duration) -> io::Result<bool> {
    let milliseconds = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    let mut entry = libc::pollfd { fd: descriptor, events, revents: 0 };
    loop {
        // SAFETY: `entry` is one valid pollfd and outlives the call.
        match unsafe { libc::poll(&raw mut entry, 1, milliseconds) } {
            0 => return Ok(false),
            1.. => return Ok(true),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// A new descriptor for what `descriptor` stands for, closed on exec.
///
/// # Errors
/// `descriptor` is not open, or there is no room for another.
pub(crate) fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC touches no memory; a bad descriptor is an error, not a fault.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
