//! What a leader does: waits for sockets, moves bytes, keeps deadlines, finds the next request.
//!
//! Whoever has the lead has the one `&mut EventLoop`. It calls no application: `next` hands a
//! request out, and its connection with it, and comes to the rest of the ready events at the
//! next call, whoever makes that.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Registry, Token, Waker};
use uncork_protocol::{HeadBuffers, PeerError};

use crate::connection::{Connection, ConnectionInfo, Progress, Surroundings};
use crate::date::DateCache;
use crate::held::HeldSockets;
use crate::late_calls::{CallList, LateCall, Taken};
use crate::listener::Listener;
use crate::logging::{Answered, Logging};
use crate::scoreboard::{Phase, ScoreboardRow};
use crate::settings::ServerSettings;
use crate::slots::{News, SlotKey, Slots};
use crate::timers::Timers;
use crate::tls::TlsConfig;
use crate::transport::{Asked, Transport};
use crate::trouble::{Trouble, Troubles, is_out_of_descriptors};

/// Tokens of the loop's own; those of connections stay below.
const WAKER: Token = Token(usize::MAX);
const FIRST_LISTENER: usize = usize::MAX - 1;

/// Bytes read in one call. 64 KiB is where larger reads stop paying on loopback and 10 GbE.
const SCRATCH_BYTES: usize = 64 * 1024;

const EVENTS_PER_POLL: usize = 256;

/// How long a connection may have been idle at a drain: the next request of one that is busy is
/// on its way, and would be lost. It is answered, and told that it was the last.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// How long accepting pauses when the process or the machine is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the loop sleeps at the most while somebody watches it: the beat shows that it turns.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Between two looks at the calls, at the most: later moments are out of some clocks' range.
const LONGEST_LOOK: Duration = Duration::from_secs(24 * 3600);

/// One of so many connections is closed, with others, when there is no room for a new one.
const IDLE_SHARE_CLOSED: usize = 256;

/// A connection that comes back from a thread, and what it was answered.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) connection: Box<Connection>,
    pub(crate) answered: Answered,
}

/// How far the loop's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// It serves.
    No,
    /// It accepts nothing more, and ends when the last connection has.
    Draining,
    /// It ends now.
    Now,
}

/// The outside of the loop, as far as a turn of it needs that.
pub(crate) trait Outside {
    /// Whether threads have given connections back.
    fn has_returned(&self) -> bool;
    /// The connections that threads have given back since the last call.
    fn take_returned(&self, into: &mut Vec<Returned>);
    /// Called before the loop blocks; `false` when it must not, since something came in.
    fn may_block(&self) -> bool;
    /// Called when the loop has blocked.
    fn has_blocked(&self);
    fn ending(&self) -> Ending;
    /// Whether the caretaker should give the lead back.
    fn is_lead_wanted(&self) -> bool;
    /// A thread is inside a call for which nobody waits any more. Returns whether another one may
    /// serve in its place.
    fn replace_late_thread(&self) -> bool;
}

/// What the leader is to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Answer the request of this connection, which is the caller's until `take_back`.
    Call(Box<Connection>),
    /// The operator must know of this.
    Tell(Trouble),
    /// These calls were late; their peers have been told.
    Late(Vec<LateCall>),
    /// Caretaker only: somebody else can lead.
    PassLead,
    /// The loop has ended, for good.
    Ended,
}

/// The one event loop of a worker.
#[derive(Debug)]
pub(crate) struct EventLoop {
    poll: Poll,
    events: Events,
    /// Events of the last poll that are not dealt with, in order.
    ready: VecDeque<(Token, News)>,
    /// Connections that could have gone on, and do so behind the events of the next poll.
    turns: Vec<SlotKey>,
    /// Requests that are complete and wait for a thread, in the order in which they became so.
    queue: VecDeque<Box<Connection>>,
    listeners: Vec<Listener>,
    accept_again_at: Option<Instant>,
    slots: Slots,
    timers: Timers<SlotKey>,
    scratch: Vec<u8>,
    spare: HeadBuffers,
    returned: Vec<Returned>,
    date: DateCache,
    troubles: Troubles,
    now: Instant,
    /// `now`, on the scoreboard's clock.
    now_ns: u64,
    settings: Arc<ServerSettings>,
    tls: Option<TlsConfig>,
    row: Arc<ScoreboardRow>,
    logging: Logging,
    calls: Arc<CallList>,
    /// What has been answered, and may wait for more answers until the turn ends.
    held: Arc<HeldSockets>,
    /// When to look at them; `None` where no call has a limit.
    look_at_calls: Option<Instant>,
    late: Vec<LateCall>,
    ending: Ending,
    /// Whether whoever drives the loop now will call nothing.
    has_caretaker: bool,
}

impl EventLoop {
    /// A loop that accepts from `listeners`, a waker for it, and its registry.
    pub(crate) fn new(
        mut listeners: Vec<Listener>,
        settings: Arc<ServerSettings>,
        tls: Option<TlsConfig>,
        row: Arc<ScoreboardRow>,
        logging: Logging,
        calls: Arc<CallList>,
        held: Arc<HeldSockets>,
    ) -> io::Result<(Self, Waker, Registry)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(FIRST_LISTENER - index))?;
        }
        let event_loop = Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_POLL),
            ready: VecDeque::with_capacity(EVENTS_PER_POLL),
            turns: Vec::new(),
            queue: VecDeque::new(),
            listeners,
            accept_again_at: None,
            slots: Slots::default(),
            timers: Timers::new(),
            scratch: vec![0; SCRATCH_BYTES],
            spare: HeadBuffers::default(),
            returned: Vec::new(),
            date: DateCache::new(),
            troubles: Troubles::default(),
            now: Instant::now(),
            now_ns: 0,
            look_at_calls: settings.shortest_call_limit_ns().map(|_| Instant::now()),
            settings,
            tls,
            row,
            logging,
            calls,
            held,
            late: Vec::new(),
            ending: Ending::No,
            has_caretaker: false,
        };
        let registry = event_loop.poll.registry().try_clone()?;
        Ok((event_loop, waker, registry))
    }

    /// Drives the loop until there is something for the caller to do. Blocks, without the GIL.
    ///
    /// A caretaker is given no calls; requests then wait in the queue, up to its limit.
    pub(crate) fn next(&mut self, outside: &impl Outside, is_caretaker: bool) -> Next {
        self.has_caretaker = is_caretaker;
        loop {
            self.take_returned(outside);
            if let Some(trouble) = self.troubles.take() {
                return Next::Tell(trouble);
            }
            if !self.late.is_empty() {
                return Next::Late(std::mem::take(&mut self.late));
            }
            if is_caretaker {
                if outside.is_lead_wanted() {
                    return Next::PassLead;
                }
            } else if let Some(connection) = self.queue.pop_front() {
                if self.has_waited_too_long(&connection) {
                    self.refuse_as_busy(connection);
                    continue;
                }
                return Next::Call(connection);
            }
            if let Some((token, news)) = self.ready.pop_front() {
                self.on_event(token, news);
                continue;
            }
            self.keep_deadlines();
            if self.look_at_calls.is_some_and(|at| at <= self.now) {
                self.look_at_calls(outside);
            }
            if self.has_ended(outside.ending()) {
                return Next::Ended;
            }
            if !self.queue.is_empty() && !is_caretaker {
                continue;
            }
            self.wait_for_events(outside);
        }
    }

    /// Requests and events, which may be requests, that the leader comes to before it blocks.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() + self.ready.len()
    }

    /// When the events that it deals with were told, on the scoreboard's clock.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// When the connection's request was complete, on that clock.
    pub(crate) fn complete_ns(&self, connection: &Connection) -> u64 {
        let complete = connection.waiting_since;
        if complete == self.now { self.now_ns } else { self.row.ns(complete) }
    }

    /// Takes back what `next` handed out. The caller still has the lead.
    pub(crate) fn take_back(&mut self, returned: Returned) {
        let Returned { mut connection, answered } = returned;
        let progress = connection.after_answer(answered, &mut self.surroundings());
        self.settle(connection, progress);
    }

    fn take_returned(&mut self, outside: &impl Outside) {
        if !outside.has_returned() {
            return;
        }
        let mut returned = std::mem::take(&mut self.returned);
        outside.take_returned(&mut returned);
        for one in returned.drain(..) {
            self.take_back(one);
        }
        self.returned = returned;
    }

    fn wait_for_events(&mut self, outside: &impl Outside) {
        self.held.push_all();
        let may_block = outside.may_block() && self.turns.is_empty();
        let timeout = if may_block { self.poll_timeout() } else { Some(Duration::ZERO) };
        self.row.note_load(self.slots.len(), self.queue.len());
        let result = self.poll.poll(&mut self.events, timeout);
        outside.has_blocked();
        self.now = Instant::now();
        self.now_ns = self.row.ns(self.now);
        self.row.beat(self.now_ns);
        if let Err(error) = result {
            // EINTR is all that can happen here that is not a fault of ours.
            debug_assert_eq!(error.kind(), io::ErrorKind::Interrupted, "poll: {error}");
            return;
        }
        for event in &self.events {
            let news = News {
                is_readable: event.is_readable(),
                is_writable: event.is_writable(),
                is_ended: event.is_read_closed() || event.is_write_closed() || event.is_error(),
            };
            self.ready.push_back((event.token(), news));
        }
        let turn = News { is_writable: true, ..News::default() };
        self.ready.extend(self.turns.drain(..).map(|key| (key.token(), turn)));
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let moment = match (self.accept_again_at, self.look_at_calls) {
            (Some(accept), Some(look)) => Some(accept.min(look)),
            (accept, look) => accept.or(look),
        };
        let moment = moment.map(|when| when.saturating_duration_since(self.now));
        let queue = self.queue.front().map(|first| {
            // A little later, so that it has passed when the loop looks.
            (first.waiting_since + self.settings.queue_timeout).saturating_duration_since(self.now)
                + Duration::from_millis(1)
        });
        let beat = self.row.is_watched().then_some(LONGEST_SLEEP);
        [self.timers.poll_timeout(self.now), moment, queue, beat].into_iter().flatten().min()
    }

    /// Takes from calls that are late what their peers wait for.
    fn look_at_calls(&mut self, outside: &impl Outside) {
        let looked = self.calls.look(self.now_ns, || outside.replace_late_thread());
        self.row.note_stuck(looked.stuck);
        // A call that begins, or goes on, after this is not late before that time.
        let earliest = self.settings.shortest_call_limit_ns().map(|limit| self.now_ns.saturating_add(limit));
        let next_ns = [looked.next_ns, earliest].into_iter().flatten().min();
        // A little later, so that the time has come when the loop looks.
        self.look_at_calls = next_ns.map(|at| {
            self.now + Duration::from_nanos(at.saturating_sub(self.now_ns)).min(LONGEST_LOOK) + Duration::from_millis(1)
        });
        for taken in looked.taken {
            self.end_late_call(taken);
        }
    }

    fn end_late_call(&mut self, mut taken: Taken) {
        let transport = std::mem::replace(&mut taken.transport, Transport::gone());
        let (info, timeout) = (taken.info.clone(), self.settings.head_timeout);
        // The slot that its thread had it from.
        let mut connection = Box::new(Connection::new(taken.key, info, transport, self.now, timeout));
        let progress = connection.end_late_call(&taken, &mut self.surroundings());
        self.settle(connection, progress);
        self.late.push(taken.call);
    }

    fn on_event(&mut self, token: Token, news: News) {
        if token == WAKER {
            return;
        }
        if token.0 > FIRST_LISTENER - self.listeners.len() {
            return self.accept(FIRST_LISTENER - token.0);
        }
        let key = SlotKey::from_token(token);
        if self.slots.note(key, news) {
            return;
        }
        if let Some(mut connection) = self.slots.take(key) {
            let progress = connection.on_news(news, &mut self.surroundings());
            self.settle(connection, progress);
        }
    }

    /// Puts a connection where its progress says.
    fn settle(&mut self, connection: Box<Connection>, progress: Progress) {
        match progress {
            Progress::Over => self.close(connection),
            // Only a caretaker lets requests wait; a leader is about to call the application.
            Progress::Ready if !self.has_caretaker || self.queue.len() < self.settings.max_queue => {
                self.queue.push_back(connection);
            }
            Progress::Ready => self.refuse_as_busy(connection),
            Progress::Waiting => self.wait_on(connection),
        }
    }

    /// Whether a request in the queue is better refused than answered this late. Nearly all have
    /// become complete in this very turn.
    fn has_waited_too_long(&self, connection: &Connection) -> bool {
        self.now > connection.waiting_since && self.now - connection.waiting_since > self.settings.queue_timeout
    }

    fn refuse_as_busy(&mut self, mut connection: Box<Connection>) {
        let busy = PeerError::new(503, "too many requests are waiting (RFC 9110 §15.6.4)");
        let progress = connection.refuse(&busy, &mut self.surroundings());
        self.settle(connection, progress);
    }

    fn wait_on(&mut self, mut connection: Box<Connection>) {
        if self.ending >= Ending::Draining && connection.is_idle() {
            connection.deadline = connection.deadline.min(connection.waiting_since + LAST_CHANCE);
            if connection.deadline <= self.now {
                return self.close_idle(connection);
            }
        }
        let wanted = if connection.transport.has_output() { Asked::InputAndRoom } else { Asked::Input };
        if connection.transport.ask_for(wanted, self.poll.registry(), connection.key.token()).is_err() {
            return self.close(connection);
        }
        if let Some(armed) = self.slots.armed(connection.key) {
            self.timers.arm(connection.key, connection.deadline, armed);
        }
        // What was said while a thread had it will not be said again.
        let key = connection.key;
        let news = self.slots.take_news(key);
        if std::mem::take(&mut connection.wants_turn) {
            self.turns.push(key);
        }
        self.slots.put_back(connection);
        if news.is_any() {
            self.ready.push_back((key.token(), news));
        }
    }

    /// Closes a connection between two requests: its peer is told that nothing more follows.
    fn close_idle(&mut self, mut connection: Box<Connection>) {
        connection.transport.say_goodbye();
        self.close(connection);
    }

    fn close(&mut self, mut connection: Box<Connection>) {
        // Its number may come to mean another socket.
        self.held.push_all();
        connection.log_end(&mut self.surroundings());
        self.slots.remove(connection.key);
        let slots = &mut self.slots;
        self.timers.tidy(slots.len(), |when, key| slots.armed(key).is_some_and(|armed| *armed == Some(when)));
        // A pause was for want of room, of which there is some now.
        if self.accept_again_at.is_some() {
            self.accept_again_at = Some(self.now);
        }
    }

    fn keep_deadlines(&mut self) {
        while let Some((when, key)) = self.timers.pop_due(self.now) {
            match self.slots.armed(key) {
                Some(armed) if *armed == Some(when) => *armed = None,
                _ => continue,
            }
            let Some(mut connection) = self.slots.take(key) else {
                continue;
            };
            let progress = if connection.deadline <= self.now {
                connection.on_timeout(&mut self.surroundings())
            } else {
                Progress::Waiting
            };
            self.settle(connection, progress);
        }
        while self.queue.front().is_some_and(|first| self.has_waited_too_long(first)) {
            if let Some(connection) = self.queue.pop_front() {
                self.refuse_as_busy(connection);
            }
        }
        if self.accept_again_at.is_some_and(|when| when <= self.now) {
            self.accept_again_at = None;
            for index in 0..self.listeners.len() {
                self.accept(index);
            }
        }
    }

    /// Accepts all that wait at one listener.
    fn accept(&mut self, index: usize) {
        let mut has_made_room = false;
        loop {
            // One is over the limit already, until somebody falls idle for longer than it takes
            // who has just been accepted to say what is wanted.
            if self.slots.len() > self.settings.max_connections && !self.close_longest_idle(ACCEPT_PAUSE) {
                self.accept_again_at = Some(self.now + ACCEPT_PAUSE);
                return;
            }
            match self.listeners[index].accept() {
                Ok((stream, peer)) => {
                    has_made_room = false;
                    // Only now is it known that somebody wants in. Where nobody is idle, this one
                    // is over the limit, and the next one waits.
                    if self.slots.len() >= self.settings.max_connections {
                        self.close_longest_idle(Duration::ZERO);
                    }
                    let info = ConnectionInfo { peer, listener: Arc::clone(&self.listeners[index].info) };
                    let tls = self.tls.as_ref().filter(|_| info.listener.is_tls).map(TlsConfig::accept);
                    // Without memory for it, the connection is dropped, and the next one tried.
                    if let Ok(tls) = tls.transpose() {
                        self.welcome(Transport::new(stream, tls), info);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_of_one_connection(&error) => {}
                // Linux looks for a descriptor first, and only then whether anybody is there.
                Err(_) if !self.listeners[index].has_waiting() => return,
                Err(error) => {
                    let can_make_room = is_out_of_descriptors(&error) && !has_made_room;
                    self.troubles.note(Trouble::Accepting(error), self.now);
                    // Somebody else may take what was freed: then it is not tried again at once.
                    has_made_room = can_make_room && self.close_longest_idle(Duration::ZERO);
                    if !has_made_room {
                        self.accept_again_at = Some(self.now + ACCEPT_PAUSE);
                        return;
                    }
                }
            }
        }
    }

    /// Makes room for new connections: idle ones would lock everybody else out. Closes some at
    /// once where there are many, since it has to look at all. `false` when none has been idle
    /// for `at_least`.
    fn close_longest_idle(&mut self, at_least: Duration) -> bool {
        let mut idle = self.slots.idle();
        idle.retain(|(since, _)| self.now.saturating_duration_since(*since) >= at_least);
        idle.sort_unstable();
        idle.truncate((self.slots.len() / IDLE_SHARE_CLOSED).max(1));
        for (_, key) in &idle {
            if let Some(connection) = self.slots.take(*key) {
                self.close_idle(connection);
            }
        }
        !idle.is_empty()
    }

    fn welcome(&mut self, transport: Transport, info: ConnectionInfo) {
        let (now, timeout) = (self.now, self.settings.head_timeout);
        let key = self.slots.insert(|key| Box::new(Connection::new(key, info, transport, now, timeout)));
        let Some(mut connection) = self.slots.take(key) else {
            return;
        };
        // The request is often here already, and asking costs less than being told; and where
        // the connection ends behind the answer, the loop need not be told of it at all.
        let progress = connection.on_news(News::READABLE, &mut self.surroundings());
        self.settle(connection, progress);
    }

    /// Follows the server's ending; `true` when the loop has nothing left to do.
    fn has_ended(&mut self, ending: Ending) -> bool {
        if ending > self.ending {
            self.ending = ending;
            self.row.enter(Phase::Draining);
            for mut listener in self.listeners.drain(..) {
                // It is closed in any case, which takes it out as well.
                let _ = listener.deregister(self.poll.registry());
            }
            self.accept_again_at = None;
            for key in self.slots.here() {
                if let Some(connection) = self.slots.take(key) {
                    match ending {
                        Ending::Now if connection.is_idle() => self.close_idle(connection),
                        Ending::Now => self.close(connection),
                        _ => self.wait_on(connection),
                    }
                }
            }
        }
        let has_ended = match self.ending {
            Ending::No => false,
            Ending::Draining => self.slots.len() == 0,
            Ending::Now => true,
        };
        if has_ended {
            self.row.enter(Phase::Ended);
        }
        has_ended
    }

    fn surroundings(&mut self) -> Surroundings<'_> {
        Surroundings {
            settings: &self.settings,
            scratch: &mut self.scratch,
            spare: &mut self.spare,
            date: &mut self.date,
            troubles: &mut self.troubles,
            row: &self.row,
            logging: &self.logging,
            now: self.now,
            is_draining: self.ending >= Ending::Draining,
        }
    }
}

/// Whether an error of accept(2) concerns the one connection only, so that the next may do:
/// it was reset before it was accepted, or its network has failed (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPROTO
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::EPERM
        )
    )
}
