//! The scoreboard: what each worker does and has done, in memory that other processes read.
//!
//! ```text
//!   Board │ Head: what workers that are gone have done
//!         │ Row, one for each worker │ beat, connections, queue, counters of the loop
//!         │                          │ Cell, one for each application thread │ counters
//!         │                          │                                       │ its request
//! ```
//!
//! Every word is an atomic, and has one writer at a time: of the head and of a row's first words
//! the supervisor, of the rest of a row's own words who leads, of a cell its thread. So a count
//! is a load and a store. `LAYOUT` names each word for those who do not read Rust.

use std::mem::offset_of;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Instant;

use crate::request_id::{LONGEST, RequestId};
use crate::sync::lock;
use crate::sys::{self, Placed, SharedMemory};

/// Cells of a row. Threads for which there is none share the row's last counters: there are some
/// hundred threads at the most, but for those of connections that were handed over.
pub(crate) const CELLS: usize = 1024;

/// Bytes of a request's target that are shown.
const TARGET_WORDS: usize = 16;
const METHOD_WORDS: usize = 2;
/// Those of the longest id that a client may give.
const ID_WORDS: usize = LONGEST / 8;

/// Upper bounds of the histograms' buckets in nanoseconds; the last bucket has none.
pub const BOUNDS_NS: [u64; 13] = {
    const MS: u64 = 1_000_000;
    const S: u64 = 1000 * MS;
    [MS, 25 * MS / 10, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 25 * S / 10, 5 * S, 10 * S]
};
const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// What is common to all rows; behind it, the rows begin.
#[repr(C, align(64))]
pub(crate) struct Head {
    row_count: AtomicU64,
    /// Odd while counters of a row are moved to `gone`.
    fold_sequence: AtomicU64,
    gone: Counters,
}

/// One worker.
#[repr(C, align(64))]
pub(crate) struct Row {
    // The supervisor writes these; a row is free where there is no generation.
    pid: AtomicU64,
    generation: AtomicU64,
    index: AtomicU64,
    // The worker writes what follows.
    phase: AtomicU64,
    /// When the loop has last come back from the kernel.
    beat_ns: AtomicU64,
    connections: AtomicU64,
    queue: AtomicU64,
    /// Cells that were ever used: those from there on are all zero.
    cells_used: AtomicU64,
    /// Threads that have no cell.
    threads_without_cell: AtomicU64,
    /// Those of them that are inside the application.
    busy_without_cell: AtomicU64,
    /// Threads whose call was over its time, and has not ended since.
    stuck_threads: AtomicU64,
    /// Since when it is waited for the interpreter; zero: it answered.
    interpreter_asked_ns: AtomicU64,
    /// Requests that the loop has answered itself.
    loop_counters: Counters,
    /// Requests of threads that have no cell.
    shared_counters: Counters,
    cells: [Cell; CELLS],
}

/// What was done, by one thread or by several.
#[repr(C, align(64))]
pub(crate) struct Counters {
    begun: AtomicU64,
    /// All of `responses`, and `aborted`.
    ended: AtomicU64,
    /// By class, from 1xx to 5xx. A connection that was handed over is 1xx when it has ended.
    responses: [AtomicU64; 5],
    aborted: AtomicU64,
    bytes_sent: AtomicU64,
    /// From the complete request to the end of the call.
    latency: [AtomicU64; BUCKETS],
    latency_ns: AtomicU64,
    /// From the complete request to the begin of the call.
    queue_time: [AtomicU64; BUCKETS],
    queue_time_ns: AtomicU64,
}

/// One application thread.
#[repr(C, align(64))]
pub(crate) struct Cell {
    pub(crate) counters: Counters,
    running: Running,
}

/// The request that a thread is at.
#[repr(C, align(64))]
struct Running {
    /// Odd while the rest is written; `state` alone may change without it.
    sequence: AtomicU64,
    state: AtomicU64,
    /// Which of its cell's requests it is, from 1 on.
    number: AtomicU64,
    start_ns: AtomicU64,
    native_thread: AtomicU64,
    python_thread: AtomicU64,
    /// 0 for none, as on a unix socket, else 4 or 6.
    client_family: AtomicU64,
    client_port: AtomicU64,
    client_address: [AtomicU64; 2],
    /// An id of ours: of the worker, plus `IS_OWN`, and of the request. A worker names each of its
    /// requests or none, so that zero means none.
    own_id: [AtomicU64; 2],
    /// Of an id that the client gave; zero: it did not.
    id_length: AtomicU64,
    method_length: AtomicU64,
    method: [AtomicU64; METHOD_WORDS],
    /// That of the whole target, of which less may be here.
    target_length: AtomicU64,
    target: [AtomicU64; TARGET_WORDS],
    id: [AtomicU64; ID_WORDS],
}

/// Set beside a worker's part of an id.
const IS_OWN: u64 = 1 << 32;

const RUNNING_WORDS: usize = size_of::<Running>() / 8;

/// A row's phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    Serving = 1,
    Draining = 2,
    Ended = 3,
}

/// What an application thread is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Activity {
    /// The cell has no thread.
    Free = 0,
    /// It waits to be needed, or leads.
    Idle = 1,
    InApp = 2,
    /// It is inside the application, and waits for the peer.
    WaitingForPeer = 3,
    /// It speaks to the peer by itself, for as long as it likes.
    HandedOver = 4,
}

/// A name, the offset in bytes from the start of what holds it, the bytes of one, and how many.
pub type Place = (&'static str, usize, usize, usize);

macro_rules! places {
    ($holder:ident, $prefix:literal: $($field:ident $count:expr),+ $(,)?) => {
        [$((concat!($prefix, ".", stringify!($field)), offset_of!($holder, $field), 8, $count)),+]
    };
}

/// Where everything is.
pub fn layout() -> Vec<Place> {
    let mut places: Vec<Place> = vec![
        ("board.rows", size_of::<Head>(), size_of::<Row>(), 0),
        ("board.gone", offset_of!(Head, gone), size_of::<Counters>(), 1),
        ("row.loop_counters", offset_of!(Row, loop_counters), size_of::<Counters>(), 1),
        ("row.shared_counters", offset_of!(Row, shared_counters), size_of::<Counters>(), 1),
        ("row.cells", offset_of!(Row, cells), size_of::<Cell>(), CELLS),
        ("cell.counters", offset_of!(Cell, counters), size_of::<Counters>(), 1),
        ("cell.running", offset_of!(Cell, running), size_of::<Running>(), 1),
    ];
    places.extend(places!(Head, "board": row_count 1, fold_sequence 1));
    places.extend(places!(Row, "row": pid 1, generation 1, index 1, phase 1, beat_ns 1, connections 1, queue 1,
        cells_used 1, threads_without_cell 1, busy_without_cell 1, stuck_threads 1, interpreter_asked_ns 1));
    places.extend(places!(Counters, "counters": begun 1, ended 1, responses 5, aborted 1, bytes_sent 1,
        latency BUCKETS, latency_ns 1, queue_time BUCKETS, queue_time_ns 1));
    places.extend(places!(Running, "running": sequence 1, state 1, number 1, start_ns 1, native_thread 1,
        python_thread 1, client_family 1, client_port 1, client_address 2, own_id 2, id_length 1,
        method_length 1, method METHOD_WORDS, target_length 1, target TARGET_WORDS, id ID_WORDS));
    places
}

/// The row of this process, and what it takes to write to it.
#[derive(Debug)]
pub struct ScoreboardRow {
    row: Placed<Row>,
    /// Whether somebody looks at it.
    is_watched: bool,
    /// A moment on both clocks.
    epoch: (Instant, u64),
    /// The cells that have a thread.
    taken: Mutex<Vec<bool>>,
}

impl ScoreboardRow {
    /// The row with that number; `None` where the memory has none.
    pub fn on(board: SharedMemory, row: usize) -> Option<Self> {
        let offset = row.checked_mul(size_of::<Row>())?.checked_add(size_of::<Head>())?;
        board.place(offset).map(|row| Self::at(row, true))
    }

    /// A row that nobody else sees.
    ///
    /// # Errors
    /// There is no memory.
    pub(crate) fn private() -> std::io::Result<Self> {
        let memory = SharedMemory::private(size_of::<Row>())?;
        let row = memory.place(0).ok_or(std::io::ErrorKind::OutOfMemory)?;
        Ok(Self::at(row, false))
    }

    fn at(row: Placed<Row>, is_watched: bool) -> Self {
        let epoch = (Instant::now(), sys::monotonic_ns());
        Self { row, is_watched, epoch, taken: Mutex::new(Vec::new()) }
    }

    /// Whether somebody looks at it, and must see that the loop turns.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// A moment, on the clock that the scoreboard's readers have.
    pub(crate) fn ns(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.epoch.0);
        self.epoch.1 + since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.row.phase.store(phase as u64, Ordering::Relaxed);
    }

    /// The loop has come back from the kernel. By who leads, as all that follows.
    pub(crate) fn beat(&self, now_ns: u64) {
        self.row.beat_ns.store(now_ns, Ordering::Relaxed);
    }

    pub(crate) fn note_load(&self, connections: usize, queue: usize) {
        self.row.connections.store(connections as u64, Ordering::Relaxed);
        self.row.queue.store(queue as u64, Ordering::Relaxed);
    }

    /// The loop has answered a request itself.
    pub(crate) fn note_refusal(&self, status: u16, bytes: usize) {
        let counters = &self.row.loop_counters;
        bump(&counters.begun, 1);
        counters.end(Outcome::Status(status), bytes as u64, None, bump);
    }

    /// The loop has answered a request that is late inside the application, or has broken off its
    /// answer.
    pub(crate) fn note_late(&self, outcome: Outcome, bytes: usize, age_ns: u64) {
        self.row.loop_counters.end(outcome, bytes as u64, Some(age_ns), bump);
    }

    /// So many threads are late, and do not come to an end.
    pub(crate) fn note_stuck(&self, threads: usize) {
        self.row.stuck_threads.store(threads as u64, Ordering::Relaxed);
    }

    /// It is waited for the interpreter since then; zero: it has answered.
    pub(crate) fn note_interpreter_asked(&self, since_ns: u64) {
        self.row.interpreter_asked_ns.store(since_ns, Ordering::Relaxed);
    }

    /// Takes a cell for the calling thread; `None`: there is none, see `without_cell`.
    pub(crate) fn take_cell(&self) -> Option<usize> {
        let mut taken = lock(&self.taken);
        let free = taken.iter().position(|is_taken| !is_taken).or_else(|| {
            (taken.len() < CELLS).then(|| {
                taken.push(false);
                self.row.cells_used.store(taken.len() as u64, Ordering::Relaxed);
                taken.len() - 1
            })
        });
        let Some(index) = free else {
            self.row.threads_without_cell.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        taken[index] = true;
        let running = &self.row.cells[index].running;
        running.write(|| {
            running.native_thread.store(sys::native_thread_id(), Ordering::Relaxed);
            running.python_thread.store(sys::thread_ident(), Ordering::Relaxed);
            running.state.store(Activity::Idle as u64, Ordering::Relaxed);
        });
        Some(index)
    }

    /// Gives back what `take_cell` gave.
    pub(crate) fn leave_cell(&self, index: Option<usize>) {
        let Some(index) = index else {
            self.row.threads_without_cell.fetch_sub(1, Ordering::Relaxed);
            return;
        };
        self.row.cells[index].running.state.store(Activity::Free as u64, Ordering::Relaxed);
        lock(&self.taken)[index] = false;
    }

    pub(crate) fn cell(&self, index: usize) -> &Cell {
        &self.row.cells[index]
    }

    /// The counters of threads that have no cell, and how many of them are busy.
    pub(crate) fn without_cell(&self) -> (&Counters, &AtomicU64) {
        (&self.row.shared_counters, &self.row.busy_without_cell)
    }
}

/// How a request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    /// The peer has not got a whole answer.
    Aborted,
    /// The application spoke to the peer by itself.
    HandedOver,
}

/// Adds to a word that has one writer.
pub(crate) fn bump(word: &AtomicU64, by: u64) {
    word.store(word.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

/// Adds to a word that has several.
pub(crate) fn bump_shared(word: &AtomicU64, by: u64) {
    word.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn begin(&self, queue_ns: u64, add: impl Fn(&AtomicU64, u64)) {
        add(&self.begun, 1);
        add(&self.queue_time[bucket(queue_ns)], 1);
        add(&self.queue_time_ns, queue_ns);
    }

    pub(crate) fn end(&self, outcome: Outcome, bytes: u64, latency_ns: Option<u64>, add: impl Fn(&AtomicU64, u64)) {
        if let Some(ns) = latency_ns {
            add(&self.latency[bucket(ns)], 1);
            add(&self.latency_ns, ns);
        }
        add(&self.bytes_sent, bytes);
        match outcome {
            Outcome::Aborted => add(&self.aborted, 1),
            Outcome::HandedOver => add(&self.responses[0], 1),
            // Whoever makes up a class of his own has failed.
            Outcome::Status(status) => add(&self.responses[usize::from(status / 100).clamp(1, 5) - 1], 1),
        }
        add(&self.ended, 1);
    }
}

fn bucket(ns: u64) -> usize {
    BOUNDS_NS.iter().position(|bound| ns <= *bound).unwrap_or(BOUNDS_NS.len())
}

/// A request, as it is shown.
pub(crate) struct Shown<'a> {
    pub(crate) start_ns: u64,
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) client: Option<SocketAddr>,
    pub(crate) id: Option<RequestId<'a>>,
}

impl Cell {
    pub(crate) fn show(&self, request: &Shown<'_>) {
        let running = &self.running;
        running.write(|| {
            bump(&running.number, 1);
            running.start_ns.store(request.start_ns, Ordering::Relaxed);
            let (family, port) = match request.client {
                None => (0, 0),
                Some(SocketAddr::V4(client)) => {
                    let word = u64::from_le(u32::from_le_bytes(client.ip().octets()).into());
                    running.client_address[0].store(word, Ordering::Relaxed);
                    (4, client.port())
                }
                Some(SocketAddr::V6(client)) => {
                    store_text(&running.client_address, &client.ip().octets());
                    (6, client.port())
                }
            };
            running.client_family.store(family, Ordering::Relaxed);
            running.client_port.store(u64::from(port), Ordering::Relaxed);
            if let Some(id) = request.id {
                running.store_id(id);
            }
            running.method_length.store(request.method.len() as u64, Ordering::Relaxed);
            store_text(&running.method, request.method);
            running.target_length.store(request.target.len() as u64, Ordering::Relaxed);
            store_text(&running.target, request.target);
            running.state.store(Activity::InApp as u64, Ordering::Relaxed);
        });
    }

    pub(crate) fn note_activity(&self, activity: Activity) {
        self.running.state.store(activity as u64, Ordering::Relaxed);
    }
}

/// Stores what there is room for, and leaves the words behind it as they were.
fn store_text(words: &[AtomicU64], text: &[u8]) {
    for (word, bytes) in words.iter().zip(text.chunks(8)) {
        let value = match bytes.try_into() {
            Ok(bytes) => u64::from_ne_bytes(bytes),
            // Not by a copy, which would be a call for three bytes.
            Err(_) => u64::from_le(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))),
        };
        word.store(value, Ordering::Relaxed);
    }
}

impl Running {
    fn store_id(&self, id: RequestId<'_>) {
        match id {
            RequestId::Given(text) => {
                self.id_length.store(text.len() as u64, Ordering::Relaxed);
                store_text(&self.id, text);
            }
            RequestId::Own(id) => {
                self.id_length.store(0, Ordering::Relaxed);
                self.own_id[0].store(IS_OWN | u64::from(id.worker), Ordering::Relaxed);
                self.own_id[1].store(id.number, Ordering::Relaxed);
            }
        }
    }

    /// Has `store` write, so that no reader takes a half for the whole (Boehm, "Can seqlocks get
    /// along with programming language memory models?").
    fn write(&self, store: impl FnOnce()) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        store();
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// All words, of one moment; `None` while they are written.
    fn read(&self, words: &[AtomicU64]) -> Option<[u64; RUNNING_WORDS]> {
        let before = self.sequence.load(Ordering::Acquire);
        if before & 1 == 1 {
            return None;
        }
        let mut copy = [0; RUNNING_WORDS];
        for (to, from) in copy.iter_mut().zip(words) {
            *to = from.load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        (self.sequence.load(Ordering::Relaxed) == before).then_some(copy)
    }
}

/// Looks at an entry that is being written before it is passed over: a writer that was stopped
/// in the middle, or killed, does not come to its end.
const LOOKS: usize = 1000;

/// The requests that run in a row: the number of each one's cell, and its words.
pub fn running_requests(board: &SharedMemory, row: usize) -> Option<Vec<(usize, [u64; RUNNING_WORDS])>> {
    let offset = row.checked_mul(size_of::<Row>())?.checked_add(size_of::<Head>())?;
    let row = board.view::<Row>(offset)?;
    let used = (row.cells_used.load(Ordering::Relaxed) as usize).min(CELLS);
    let mut found = Vec::new();
    for (index, cell) in row.cells[..used].iter().enumerate() {
        let start = offset + offset_of!(Row, cells) + index * size_of::<Cell>() + offset_of!(Cell, running);
        let words = board.words(start, RUNNING_WORDS)?;
        let copy = (0..LOOKS).find_map(|_| cell.running.read(words));
        let state = offset_of!(Running, state) / 8;
        found.extend(copy.filter(|copy| copy[state] > Activity::Idle as u64).map(|copy| (index, copy)));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::request_id::OwnId;

    const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3)), 4000);

    fn shown<'a>(target: &'a [u8], start_ns: u64) -> Shown<'a> {
        Shown { start_ns, method: b"GET", target, client: Some(CLIENT), id: None }
    }

    #[test]
    fn the_layout_names_every_word_once() {
        for (prefix, size) in [
            ("running.", offset_of!(Running, id) + ID_WORDS * 8),
            ("counters.", (11 + 2 * BUCKETS) * 8),
            ("row.", offset_of!(Row, cells) + CELLS * size_of::<Cell>()),
            ("cell.", size_of::<Cell>()),
        ] {
            let mut places: Vec<_> = layout().into_iter().filter(|(name, ..)| name.starts_with(prefix)).collect();
            places.sort_by_key(|(_, at, ..)| *at);
            let mut end = 0usize;
            for (name, at, bytes, count) in places {
                // What is made of cache lines begins at one.
                let padded = if bytes > 8 { end.next_multiple_of(64) } else { end };
                assert_eq!(at, padded, "{name}");
                end = at + bytes * count;
            }
            assert_eq!(end, size, "{prefix}");
        }
        assert_eq!((size_of::<Counters>(), size_of::<Running>(), size_of::<Cell>()), (320, 448, 768));
        assert_eq!(size_of::<Row>() % 64, 0);
    }

    #[test]
    fn a_bucket_has_what_is_at_its_bound() {
        assert_eq!([0, 1_000_000, 1_000_001, 2_500_000].map(bucket), [0, 0, 1, 1]);
        assert_eq!([10_000_000_000, 10_000_000_001, u64::MAX].map(bucket), [12, 13, 13]);
    }

    #[test]
    fn a_thread_takes_the_first_cell_that_is_free_and_goes_on_counting_there() {
        let row = ScoreboardRow::private().unwrap();
        assert_eq!([row.take_cell(), row.take_cell()], [Some(0), Some(1)]);
        row.cell(0).counters.begin(0, bump);
        row.leave_cell(Some(0));
        assert_eq!(row.take_cell(), Some(0));
        row.cell(0).counters.begin(0, bump);
        assert_eq!(row.cell(0).counters.begun.load(Ordering::Relaxed), 2);
        assert_eq!(row.row.cells_used.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn threads_without_a_cell_are_counted_together() {
        let row = ScoreboardRow::private().unwrap();
        let cells: Vec<_> = (0..CELLS + 2).map(|_| row.take_cell()).collect();
        assert_eq!(cells.iter().filter(|cell| cell.is_none()).count(), 2);
        assert_eq!(row.row.threads_without_cell.load(Ordering::Relaxed), 2);
        row.leave_cell(None);
        assert_eq!(row.row.threads_without_cell.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn only_requests_that_run_are_told_and_a_long_target_is_cut() {
        let memory = SharedMemory::private(size_of::<Head>() + 2 * size_of::<Row>()).unwrap();
        let row = ScoreboardRow::on(memory.clone(), 1).unwrap();
        row.take_cell();
        let cell = row.take_cell().unwrap();
        assert_eq!(running_requests(&memory, 1).unwrap(), []);
        let long = [b'x'; 200];
        row.cell(cell).show(&shown(&long, 77));
        let found = running_requests(&memory, 1).unwrap();
        let [(index, words)] = found[..] else { panic!("{found:?}") };
        let word = |offset: usize| words[offset / 8];
        assert_eq!(index, 1);
        assert_eq!(word(offset_of!(Running, number)), 1);
        assert_eq!(word(offset_of!(Running, start_ns)), 77);
        assert_eq!(word(offset_of!(Running, target_length)), 200);
        assert_eq!(word(offset_of!(Running, target) + 15 * 8), u64::from_ne_bytes([b'x'; 8]));
        assert_eq!(word(offset_of!(Running, client_address)).to_ne_bytes()[..4], [10, 1, 2, 3]);
        row.cell(cell).note_activity(Activity::Idle);
        assert_eq!(running_requests(&memory, 1).unwrap(), []);
        assert!(running_requests(&memory, 0).unwrap().is_empty() && running_requests(&memory, 2).is_none());
    }

    #[test]
    fn a_request_is_shown_with_what_it_is_called() {
        let memory = SharedMemory::private(size_of::<Head>() + size_of::<Row>()).unwrap();
        let row = ScoreboardRow::on(memory.clone(), 0).unwrap();
        let cell = row.take_cell().unwrap();
        let show = |id| {
            row.cell(cell).show(&Shown { id: Some(id), ..shown(b"/", 1) });
            running_requests(&memory, 0).unwrap()[0].1
        };
        let at = |field: usize| field / 8;
        let own = show(RequestId::Own(OwnId { worker: 7, number: 9 }));
        assert_eq!(own[at(offset_of!(Running, own_id))..][..3], [IS_OWN | 7, 9, 0]);
        let given = show(RequestId::Given(b"from-nginx"));
        assert_eq!(given[at(offset_of!(Running, id_length))], 10);
        let text: Vec<_> = given[at(offset_of!(Running, id))..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(text[..10], *b"from-nginx");
        assert_eq!(show(RequestId::Own(OwnId { worker: 7, number: 9 })), {
            let mut same = given;
            same[at(offset_of!(Running, id_length))] = 0;
            same[at(offset_of!(Running, sequence))] += 2;
            same[at(offset_of!(Running, number))] += 1;
            same
        });
    }

    #[test]
    fn no_reader_sees_half_of_an_entry() {
        let memory = SharedMemory::private(size_of::<Head>() + size_of::<Row>()).unwrap();
        let row = std::sync::Arc::new(ScoreboardRow::on(memory.clone(), 0).unwrap());
        let cell = row.take_cell().unwrap();
        let has_ended = std::sync::Arc::new(AtomicBool::new(false));
        let writer = std::thread::spawn({
            let (row, has_ended) = (row.clone(), has_ended.clone());
            move || {
                let mut turn = 0u64;
                while !has_ended.load(Ordering::Relaxed) {
                    turn += 1;
                    row.cell(cell).show(&shown(&[(turn % 251) as u8; 128], turn % 251));
                }
                turn
            }
        });
        let mut seen = 0;
        while seen < 20_000 {
            for (_, words) in running_requests(&memory, 0).unwrap() {
                let turn = words[offset_of!(Running, start_ns) / 8];
                let target = &words[offset_of!(Running, target) / 8..][..TARGET_WORDS];
                assert!(target.iter().all(|word| *word == u64::from_ne_bytes([turn as u8; 8])), "{turn} {target:?}");
                seen += 1;
            }
        }
        has_ended.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 1);
    }
}
