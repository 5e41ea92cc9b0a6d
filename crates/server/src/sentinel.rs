//! Decides when a leader is held up, and what that calls for.
//!
//! A leader that waits, for a database or a lock, costs others their turn, and loses the lead at
//! once. A leader that computes has the interpreter to itself: another thread could not compute
//! beside it, and would only put requests out of their order; it loses the lead when it goes on
//! for so long that the interpreter would switch threads anyway.

use std::time::{Duration, Instant};

use crate::leadership::{LastLook, Leadership, Watch};
use crate::sys::CpuClock;

/// Between two looks; a leader that waits for longer than this loses the lead.
const TICK: Duration = Duration::from_micros(200);

/// Between two looks, at the most, while calls follow each other and each look sees another one: a
/// look takes the processor from the leader for some microseconds.
const LONG_TICK: Duration = Duration::from_millis(1);

/// How much later the next look may be for each call that the last one saw, and how late at the
/// most: the shorter the calls, the less likely is a long one next.
const TICK_FOR_A_CALL: Duration = Duration::from_micros(30);
const LONGEST_TICK: Duration = Duration::from_millis(4);

/// How much CPU time a leader may use. Whoever leads then waits for the interpreter as long again
/// as CPython lets a thread keep it, 5 ms (`sys.getswitchinterval`).
const COMPUTING_PATIENCE: Duration = Duration::from_micros(2500);

/// For how long after a leader has computed for too long the lead may be passed on before calls,
/// even though the process is busy: short calls then wait beside the long ones, not behind them.
const LONG_CALLS: Duration = Duration::from_millis(250);

/// Over how long the process's own load is measured.
const LOAD_WINDOW: Duration = Duration::from_millis(2);

/// From which share on the process is busy. On a machine that others use too, it is given no more
/// than a part of what it could use.
const BUSY_SHARE: f64 = 0.75;

/// What the sentinel's thread is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Watch again.
    Nothing,
    /// It took the lead, and must pass it on.
    TookLead,
    /// It was given the lead, and must be the caretaker.
    HasLead,
    /// Its thread is to end.
    Leave,
}

/// What the sentinel remembers from look to look.
#[derive(Debug)]
pub(crate) struct Sentinel {
    last: LastLook,
    tick: Duration,
    leader: Sample,
    process: Sample,
    long_calls_until: Instant,
}

/// A reading of a CPU clock.
#[derive(Debug, Clone, Copy)]
struct Sample {
    clock: CpuClock,
    at: Instant,
    cpu: Duration,
}

impl Sentinel {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            last: LastLook::default(),
            tick: TICK,
            leader: Sample::take(CpuClock::PROCESS, now),
            process: Sample::take(CpuClock::PROCESS, now),
            long_calls_until: now,
        }
    }

    /// Waits for the next look, and looks. `leader_clock` names the clock of who leads now.
    pub(crate) fn watch(&mut self, leadership: &Leadership, leader_clock: impl Fn() -> CpuClock) -> Judgement {
        let watch = leadership.watch(&mut self.last, self.tick);
        let now = Instant::now();
        if leadership.are_calls_slow() && now > self.long_calls_until && self.is_process_computing(now) {
            leadership.forget_slow_calls();
        }
        match watch {
            Watch::Care => Judgement::HasLead,
            Watch::Leave => Judgement::Leave,
            Watch::Again { calls } => {
                self.tick = if calls > 0 { (2 * self.tick).min(longest_tick(calls)) } else { TICK };
                self.leader = Sample::take(leader_clock(), now);
                Judgement::Nothing
            }
            Watch::Inside { call } => {
                self.tick = TICK;
                let sample = Sample::take(leader_clock(), now);
                // One from which others take the processor would compute, and waits for nothing else.
                let is_computing = self.leader.share_until(sample) > 0.5 || sample.clock.is_thread_runnable();
                if is_computing && self.leader.cpu_until(sample) < COMPUTING_PATIENCE {
                    self.tick = LONG_TICK;
                    return Judgement::Nothing;
                }
                if !leadership.usurp(call) {
                    return Judgement::Nothing;
                }
                if is_computing {
                    self.long_calls_until = now + LONG_CALLS;
                }
                leadership.note_slow_call();
                Judgement::TookLead
            }
        }
    }

    /// Whether the process has kept a processor busy of late, so that more threads are no help.
    fn is_process_computing(&mut self, now: Instant) -> bool {
        if now - self.process.at < LOAD_WINDOW {
            return false;
        }
        let sample = Sample::take(CpuClock::PROCESS, now);
        let share = self.process.share_until(sample);
        self.process = sample;
        share > BUSY_SHARE
    }
}

/// How late the next look may be, after one that has seen so many calls begin.
fn longest_tick(calls: u64) -> Duration {
    (LONG_TICK + TICK_FOR_A_CALL * u32::try_from(calls).unwrap_or(u32::MAX).min(1000)).min(LONGEST_TICK)
}

impl Sample {
    fn take(clock: CpuClock, at: Instant) -> Self {
        Self { clock, at, cpu: clock.now().unwrap_or(Duration::ZERO) }
    }

    /// The part of the time from `self` to `later` that was spent computing.
    fn share_until(&self, later: Self) -> f64 {
        if later.at <= self.at {
            return 0.0;
        }
        self.cpu_until(later).as_secs_f64() / (later.at - self.at).as_secs_f64()
    }

    /// The CPU time from `self` to `later`; zero when the two are of different clocks.
    fn cpu_until(&self, later: Self) -> Duration {
        if self.clock == later.clock { later.cpu.saturating_sub(self.cpu) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch_until(sentinel: &mut Sentinel, leadership: &Leadership, clock: CpuClock, until: Instant) -> Judgement {
        while Instant::now() < until {
            let judgement = sentinel.watch(leadership, || clock);
            if judgement != Judgement::Nothing {
                return judgement;
            }
        }
        Judgement::Nothing
    }

    #[test]
    fn a_leader_that_waits_loses_the_lead_at_once_and_is_slow() {
        let leadership = Leadership::new(2);
        let mut sentinel = Sentinel::new();
        // A clock of a thread that does nothing: that of one which has ended.
        let clock = std::thread::spawn(CpuClock::of_this_thread).join().unwrap();
        let call = leadership.enter_call();
        let deadline = Instant::now() + Duration::from_secs(5);
        assert_eq!(watch_until(&mut sentinel, &leadership, clock, deadline), Judgement::TookLead);
        assert!(!leadership.leave_call(call));
        assert!(leadership.are_calls_slow());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_computes_is_runnable_and_one_that_waits_is_not() {
        let (send, clocks) = std::sync::mpsc::channel();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let waiting = std::thread::spawn({
            let send = send.clone();
            move || {
                send.send(CpuClock::of_this_thread()).unwrap();
                let _ = wait.recv();
            }
        });
        let clock = clocks.recv().unwrap();
        assert!(CpuClock::of_this_thread().is_thread_runnable());
        let deadline = Instant::now() + Duration::from_secs(5);
        while clock.is_thread_runnable() {
            assert!(Instant::now() < deadline, "it never began to wait");
            std::thread::yield_now();
        }
        drop(done);
        waiting.join().unwrap();
        assert!(!clock.is_thread_runnable());
    }

    #[test]
    fn a_leader_that_computes_is_given_time() {
        let leadership = std::sync::Arc::new(Leadership::new(2));
        let (send, clock) = std::sync::mpsc::channel();
        let computing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let leader = std::thread::spawn({
            let (leadership, computing) = (leadership.clone(), computing.clone());
            move || {
                let call = leadership.enter_call();
                send.send(CpuClock::of_this_thread()).unwrap();
                while computing.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                leadership.leave_call(call)
            }
        });
        let clock = clock.recv().unwrap();
        let start = Instant::now();
        let mut sentinel = Sentinel::new();
        let judgement = watch_until(&mut sentinel, &leadership, clock, start + Duration::from_secs(5));
        computing.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(judgement, Judgement::TookLead);
        assert!(!leader.join().unwrap());
        // A busy machine may take the processor from the leader, which then looks like waiting.
        assert!(start.elapsed() >= COMPUTING_PATIENCE || sentinel.long_calls_until <= start);
    }
}
