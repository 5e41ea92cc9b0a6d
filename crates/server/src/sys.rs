//! The calls to the operating system that need `unsafe`, and nothing else.

use std::any::Any;
use std::io;
use std::ops::Deref;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::scoreboard;

/// Waits until `descriptor` takes bytes, or has failed. Returns `false` when `timeout` ran out.
///
/// # Errors
/// poll(2) failed for another reason than a signal.
pub(crate) fn wait_until_writable(descriptor: RawFd, timeout: Duration) -> io::Result<bool> {
    wait_for(descriptor, libc::POLLOUT, timeout)
}

/// Waits until `descriptor` has bytes or has failed, or, with `wants_room`, takes bytes. Returns
/// `false` when `timeout` ran out.
///
/// # Errors
/// poll(2) failed for another reason than a signal.
pub(crate) fn wait_until_ready(descriptor: RawFd, wants_room: bool, timeout: Duration) -> io::Result<bool> {
    wait_for(descriptor, libc::POLLIN | if wants_room { libc::POLLOUT } else { 0 }, timeout)
}

fn wait_for(descriptor: RawFd, events: libc::c_short, timeout: Duration) -> io::Result<bool> {
    let milliseconds = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    let mut entry = [libc::pollfd { fd: descriptor, events, revents: 0 }];
    poll(&mut entry, milliseconds).map(|count| count > 0)
}

/// Waits until one of two descriptors can do what it is asked for: `(descriptor, read, write)`.
/// One that is asked for nothing is not looked at, so that its end does not wake for ever.
///
/// # Errors
/// poll(2) failed for another reason than a signal.
pub(crate) fn wait_for_either(entries: [(RawFd, bool, bool); 2]) -> io::Result<()> {
    let mut entries = entries.map(|(descriptor, read, write)| libc::pollfd {
        fd: if read || write { descriptor } else { -1 },
        events: if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 },
        revents: 0,
    });
    poll(&mut entries, -1).map(drop)
}

fn poll(entries: &mut [libc::pollfd], milliseconds: libc::c_int) -> io::Result<libc::c_int> {
    loop {
        // SAFETY: the pointer and the count are those of a slice of valid pollfds.
        let count = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) };
        if count >= 0 {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
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

/// Sends up to `length` bytes of `file` from `offset` on; returns how many.
///
/// # Errors
/// `WouldBlock` when the socket takes nothing now, `Unsupported` where there is no such call.
pub(crate) fn send_file(socket: RawFd, file: RawFd, offset: u64, length: usize) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let mut offset = libc::off_t::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: `offset` outlives the call; the descriptors are only numbers to the kernel.
        let sent = unsafe { libc::sendfile(socket, file, &raw mut offset, length) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, file, offset, length);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Sends what the kernel holds back of a TCP socket for more to come: to switch off Nagle's
/// algorithm, which is off, does that (tcp(7)).
pub(crate) fn push(socket: RawFd) {
    set_option(socket, libc::TCP_NODELAY, 1);
}

/// An error means that the peer has gone, and needs nothing, or that the system can't do it, and
/// serves as well without.
fn set_option(socket: RawFd, option: libc::c_int, value: libc::c_int) {
    // SAFETY: the pointer and the length are those of an int that outlives the call.
    unsafe {
        libc::setsockopt(
            socket,
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        );
    }
}

/// Has a TCP listener keep a connection back until its first bytes have come, or a second has
/// passed, when the kernel asks the peer once more (TCP_DEFER_ACCEPT, tcp(7)). Who is accepted
/// then has mostly sent its request; 1 is what nginx's `deferred` sets.
pub(crate) fn defer_accept(listener: RawFd) {
    #[cfg(target_os = "linux")]
    set_option(listener, libc::TCP_DEFER_ACCEPT, 1);
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// Bytes that the kernel holds for the peer of a stream socket, sent and not confirmed or not
/// sent (SIOCOUTQ, tcp(7)); `None` where it does not tell.
pub(crate) fn unconfirmed(socket: RawFd) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one int to `bytes`, which outlives the call.
    let result = unsafe { libc::ioctl(socket, libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// Holds glibc to two heaps for all threads, instead of eight for each processor: memory that one
/// thread has freed is not kept from the others, and the process does not grow for hours. Unless
/// the operator has said otherwise (mallopt(3)).
pub(crate) fn share_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() && std::env::var_os("GLIBC_TUNABLES").is_none() {
        // SAFETY: only sets a limit for heaps that are made later.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
    }
}

/// The time of day, up to a few milliseconds late, which costs less than one to the nanosecond.
pub(crate) fn seconds_since_epoch() -> u64 {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_REALTIME_COARSE;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_REALTIME;
    read_clock(CLOCK).map_or(0, |time| time.as_secs())
}

/// A moment as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CalendarTime {
    pub(crate) year: i32,
    /// From 1 on, as the day.
    pub(crate) month: i32,
    pub(crate) day: i32,
    pub(crate) hour: i32,
    pub(crate) minute: i32,
    pub(crate) second: i32,
    /// East of Greenwich.
    pub(crate) offset_seconds: i64,
}

/// What is `second` seconds after the epoch, by local time or by UTC.
pub(crate) fn calendar(second: u64, is_local: bool) -> CalendarTime {
    let time = libc::time_t::try_from(second).unwrap_or(0);
    // SAFETY: a `tm` is numbers and a pointer that nobody follows here; zeros are valid.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; a failure leaves `parts` as it is.
    unsafe {
        if is_local {
            libc::localtime_r(&raw const time, &raw mut parts);
        } else {
            libc::gmtime_r(&raw const time, &raw mut parts);
        }
    }
    CalendarTime {
        year: parts.tm_year + 1900,
        month: parts.tm_mon + 1,
        day: parts.tm_mday,
        hour: parts.tm_hour,
        minute: parts.tm_min,
        second: parts.tm_sec,
        offset_seconds: parts.tm_gmtoff,
    }
}

/// A write of the calling thread to a pipe that nobody reads any more is an error and no signal,
/// also where the application has asked for the signal.
pub(crate) fn keep_broken_pipes_from_this_thread() {
    // SAFETY: zeros are a valid set until `sigemptyset` makes one, and both outlive the calls.
    unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
    }
}

fn read_clock(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec and outlives the call; a bad clock is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// A clock of CPU time, of one thread or of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// The CPU time of the whole process.
    pub(crate) const PROCESS: Self = Self(libc::CLOCK_PROCESS_CPUTIME_ID);
    /// The CPU time of the thread that asks.
    pub(crate) const THIS_THREAD: Self = Self(libc::CLOCK_THREAD_CPUTIME_ID);

    /// The clock of the calling thread, for other threads to read; where the system has no such
    /// clocks, one that can't be read.
    pub(crate) fn of_this_thread() -> Self {
        #[cfg(target_os = "linux")]
        {
            let mut clock = 0;
            // SAFETY: pthread_self is always valid, and `clock` outlives the call.
            if unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } == 0 {
                return Self(clock);
            }
        }
        Self(libc::clockid_t::MAX)
    }

    /// The number by which `from_number` finds the clock again.
    pub(crate) fn number(self) -> i64 {
        i64::from(self.0)
    }

    pub(crate) fn from_number(number: i64) -> Self {
        Self(libc::clockid_t::try_from(number).unwrap_or(libc::clockid_t::MAX))
    }

    /// Whether the thread whose clock this is runs, or would if it were given a processor; `false`
    /// where that can't be known. Opens a file.
    pub(crate) fn is_thread_runnable(self) -> bool {
        #[cfg(target_os = "linux")]
        {
            // As the kernel makes the clocks of threads (include/linux/posix-timers.h).
            let thread = !(self.0 >> 3);
            // The name may hold anything, and ends with the last bracket (proc_pid_stat(5)).
            std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"))
                .is_ok_and(|text| text.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('R')))
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// The time on this clock; `None` when its thread has ended.
    pub(crate) fn now(self) -> Option<Duration> {
        read_clock(self.0)
    }
}

/// The time of the clock that Python calls `time.monotonic_ns`.
pub(crate) fn monotonic_ns() -> u64 {
    #[cfg(target_os = "macos")]
    const CLOCK: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
    #[cfg(not(target_os = "macos"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    read_clock(CLOCK).map_or(0, |time| time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos()))
}

/// As `monotonic_ns`, up to a few milliseconds earlier, which costs less.
pub(crate) fn coarse_monotonic_ns() -> u64 {
    #[cfg(target_os = "linux")]
    return read_clock(libc::CLOCK_MONOTONIC_COARSE)
        .map_or(0, |time| time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos()));
    #[cfg(not(target_os = "linux"))]
    monotonic_ns()
}

/// What Python calls `threading.get_native_id()`; zero where there is no such number.
pub(crate) fn native_thread_id() -> u64 {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: gettid(2) touches no memory and never fails.
        u64::try_from(unsafe { libc::gettid() }).unwrap_or(0)
    }
    #[cfg(target_os = "macos")]
    {
        let mut id = 0;
        // SAFETY: zero stands for the calling thread, and `id` outlives the call.
        unsafe { libc::pthread_threadid_np(0, &raw mut id) };
        id
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    0
}

/// What Python calls `threading.get_ident()`.
pub(crate) fn thread_ident() -> u64 {
    // SAFETY: pthread_self(3) touches no memory and never fails.
    unsafe { libc::pthread_self() as u64 }
}

/// Memory that others, also in other processes, may read and write meanwhile, in words that are
/// atomics to all of them.
#[derive(Debug, Clone)]
pub struct SharedMemory {
    start: NonNull<u8>,
    length: usize,
    /// Keeps the memory where it is.
    _owner: Arc<dyn Owner>,
}

trait Owner: Send + Sync {}

impl<T: Send + Sync> Owner for T {}

impl std::fmt::Debug for dyn Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the memory's owner")
    }
}

/// What may lie in such memory.
///
/// # Safety
/// It consists of `AtomicU64` and of arrays of it, so that all bytes are valid.
pub(crate) unsafe trait OfWords {}

// SAFETY: as its declaration says, field by field.
unsafe impl OfWords for scoreboard::Row {}
// SAFETY: likewise.
unsafe impl OfWords for scoreboard::Head {}

// SAFETY: of the memory, only atomics are made use of; its owner can go to any thread.
unsafe impl Send for SharedMemory {}
// SAFETY: likewise.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Takes `length` bytes from `start` on for shared memory; `None` where they don't begin at a
    /// multiple of 64.
    ///
    /// # Safety
    /// They can be read and written for as long as `owner` lives. Nobody in this process uses them
    /// otherwise than in words that are atomics, or that the machine moves as a whole.
    pub unsafe fn new(start: *mut u8, length: usize, owner: impl Any + Send + Sync) -> Option<Self> {
        let start = NonNull::new(start).filter(|start| start.as_ptr().addr() % 64 == 0)?;
        Some(Self { start, length, _owner: Arc::new(owner) })
    }

    /// Memory of this process alone, all zeros.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn private(length: usize) -> io::Result<Self> {
        struct Mapping(NonNull<u8>, usize);
        impl Drop for Mapping {
            fn drop(&mut self) {
                // SAFETY: what `mmap` gave, and nobody refers to it any more.
                unsafe { libc::munmap(self.0.as_ptr().cast(), self.1) };
            }
        }
        // SAFETY: only a number, and the mapping belongs to the process.
        unsafe impl Send for Mapping {}
        // SAFETY: likewise.
        unsafe impl Sync for Mapping {}
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: a new mapping, wherever the kernel likes it, touches nothing that is there.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length, _owner: Arc::new(Mapping(start, length)) })
    }

    /// What lies `offset` bytes from the start; `None` where the memory ends before it does.
    pub(crate) fn view<T: OfWords>(&self, offset: usize) -> Option<&T> {
        self.at(offset).map(|place| {
            // SAFETY: within the memory, aligned, and all bytes are valid (`OfWords`).
            unsafe { place.as_ref() }
        })
    }

    /// `count` words from `offset` on.
    pub(crate) fn words(&self, offset: usize, count: usize) -> Option<&[AtomicU64]> {
        let is_inside = offset.checked_add(count.checked_mul(8)?)? <= self.length && offset % 8 == 0;
        // SAFETY: within the memory and aligned, and any bytes are words.
        is_inside.then(|| unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(offset).cast(), count) })
    }

    /// As `view`, for as long as the caller likes.
    pub(crate) fn place<T: OfWords>(&self, offset: usize) -> Option<Placed<T>> {
        self.at(offset).map(|place| Placed { place, _memory: self.clone() })
    }

    fn at<T: OfWords>(&self, offset: usize) -> Option<NonNull<T>> {
        let is_inside = offset.checked_add(size_of::<T>())? <= self.length;
        // SAFETY: the sum is within the memory.
        let place: NonNull<T> = is_inside.then(|| unsafe { self.start.add(offset) })?.cast();
        place.is_aligned().then_some(place)
    }
}

/// Something in shared memory.
pub(crate) struct Placed<T> {
    place: NonNull<T>,
    _memory: SharedMemory,
}

impl<T> std::fmt::Debug for Placed<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Placed").field(&self.place).finish()
    }
}

// SAFETY: it gives out shared references to atomics only, and keeps their memory.
unsafe impl<T: OfWords> Send for Placed<T> {}
// SAFETY: likewise.
unsafe impl<T: OfWords> Sync for Placed<T> {}

impl<T: OfWords> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `SharedMemory::at` has checked it, and the memory is kept.
        unsafe { self.place.as_ref() }
    }
}
