//! The access log: one line for each answered request.
//!
//! ```text
//!   thread that ends an answer ── Entry ─▶ Queue ── records ─▶ writer ── whole lines ─▶ Sink
//! ```
//!
//! Whoever ends an answer packs what is known of it into a queue, and goes on. One thread makes
//! lines of that and writes them; a full disk or a pipe that nobody reads holds up nobody else,
//! unless the operator wants it so.

mod basic_user;
mod escape;
mod line;
mod queue;
mod record;
mod sink;

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use self::line::LogFormat;
use self::line::{LineMaker, Widths};
use self::queue::{Errand, Loss, Queue};
use self::record::unpack;
pub(crate) use self::record::{Asked, Entry};
use self::sink::Sink;
use crate::sys;
use crate::trouble::Trouble;

/// How an access log is kept.
#[derive(Debug, Clone, Copy)]
pub struct AccessLogSettings {
    /// Where lines are written; it stays the caller's.
    pub descriptor: RawFd,
    pub format: LogFormat,
    /// Whether serving waits when lines can't be written as fast as they come; else they are lost.
    pub waits_when_full: bool,
}

/// One worker's part in the access log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    queue: Arc<Queue>,
    format: LogFormat,
}

impl AccessLog {
    /// A log whose writer is yet to be started.
    ///
    /// # Errors
    /// The descriptor is not open, or there is no room for another.
    pub(crate) fn new(settings: AccessLogSettings) -> io::Result<Self> {
        let queue = Queue::new(settings.waits_when_full);
        queue.change_target(sys::duplicate(settings.descriptor)?);
        Ok(Self { queue: Arc::new(queue), format: settings.format })
    }

    /// Starts the writer. Losses that it notices go to `tell`.
    ///
    /// # Errors
    /// The thread can't be started.
    pub(crate) fn start(&self, tell: impl Fn(Trouble) + Send + 'static) -> io::Result<()> {
        let (queue, format) = (Arc::clone(&self.queue), self.format);
        let write = move || {
            sys::keep_broken_pipes_from_this_thread();
            Writer { lines: LineMaker::new(format, std::process::id()), queue, tell }.run();
        };
        thread::Builder::new().name("uncork-log".into()).spawn(write).map(drop)
    }

    /// Logs a request. Returns a loss that is due to be told.
    pub(crate) fn push(&self, entry: &Entry<'_>) -> Option<Trouble> {
        self.queue.push(entry).map(Trouble::from)
    }

    /// Writes to `descriptor` from now on, and closes what it wrote to before.
    ///
    /// # Errors
    /// As `new`.
    pub(crate) fn reopen(&self, descriptor: RawFd) -> io::Result<()> {
        self.queue.change_target(sys::duplicate(descriptor)?);
        Ok(())
    }

    /// From here on, lines are lost where serving would have to wait.
    pub(crate) fn hurry(&self) {
        self.queue.hurry();
    }

    /// Writes what there is, for up to `timeout`, and ends; returns what was lost.
    pub(crate) fn end(&self, timeout: Duration) -> Option<Trouble> {
        self.queue.end(timeout).map(Trouble::from)
    }
}

impl From<Loss> for Trouble {
    fn from(loss: Loss) -> Self {
        Self::LogLinesLost { lines: loss.lines, error: loss.error }
    }
}

struct Writer<Tell> {
    lines: LineMaker,
    queue: Arc<Queue>,
    tell: Tell,
}

impl<Tell: Fn(Trouble)> Writer<Tell> {
    fn run(mut self) {
        let (mut records, mut out) = (Vec::new(), Vec::new());
        let mut sink = None;
        loop {
            let mut target = None;
            match self.queue.next(&mut records, &mut target) {
                Errand::Write => {}
                Errand::Tell => {
                    self.tell_loss();
                    continue;
                }
                Errand::End => return self.queue.note_end(),
            }
            if let Some(target) = target {
                sink = Some(Sink::new(target));
            }
            if let Some(sink) = &mut sink {
                self.write(&records, &mut out, sink);
            }
            self.tell_loss();
        }
    }

    /// Makes lines of `records` and writes them, as many at a time as `sink` takes whole.
    fn write(&mut self, mut records: &[u8], out: &mut Vec<u8>, sink: &mut Sink) {
        // When the scoreboard's clock began, by the clock of the day as it is now.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let base_wall = wall.saturating_sub(Duration::from_nanos(sys::monotonic_ns()));
        let mut count = 0;
        out.clear();
        while let Some((record, length)) = unpack(records) {
            records = &records[length..];
            let start = out.len();
            let wall = base_wall + record.arrived;
            self.lines.push(out, &record, wall, Widths::FULL);
            if sink.is_narrow() && out.len() - start > sink.most_bytes {
                out.truncate(start);
                self.lines.push(out, &record, wall, Widths::NARROW);
            }
            if out.len() > sink.most_bytes && start > 0 {
                self.queue.settle(count, sink.write(&out[..start]));
                out.drain(..start);
                count = 0;
            }
            count += 1;
        }
        self.queue.settle(count, sink.write(out));
    }

    fn tell_loss(&self) {
        if let Some(loss) = self.queue.due_loss(Instant::now()) {
            (self.tell)(loss.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use super::*;
    use crate::connection::ConnectionInfo;
    use crate::listener::ListenerInfo;

    /// Longer than any test takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn log_to_pipe(waits_when_full: bool) -> (Arc<AccessLog>, UnixStream) {
        let (reader, writer) = UnixStream::pair().unwrap();
        let descriptor = writer.as_raw_fd();
        let settings = AccessLogSettings { descriptor, format: LogFormat::Combined, waits_when_full };
        (Arc::new(AccessLog::new(settings).unwrap()), reader)
    }

    fn push(log: &AccessLog, target: &[u8]) -> Option<Trouble> {
        let listener = ListenerInfo { server_name: "h".to_owned(), server_port: "80".to_owned(), is_tls: false };
        let info = ConnectionInfo { peer: None, listener: Arc::new(listener) };
        let now = sys::monotonic_ns();
        let line = [b"GET ", target, b" HTTP/1.1\r\n"].concat();
        log.push(&Entry {
            asked: Asked::Bytes(&line),
            info: &info,
            status: 200,
            body_bytes: 1,
            is_aborted: false,
            arrived_ns: now,
            called_ns: 0,
            ended_ns: now,
            id: None,
        })
    }

    fn lost(trouble: Option<Trouble>) -> u64 {
        match trouble {
            Some(Trouble::LogLinesLost { lines, .. }) => lines,
            _ => 0,
        }
    }

    #[test]
    fn what_was_logged_is_written_before_the_end() {
        let (log, mut reader) = log_to_pipe(false);
        log.start(|_| ()).unwrap();
        for number in 0..100 {
            assert!(push(&log, format!("/{number}").as_bytes()).is_none());
        }
        assert!(log.end(PATIENCE).is_none());
        drop(log);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let targets: Vec<_> = text.lines().map(|line| line.split(' ').nth(6).unwrap().to_owned()).collect();
        assert_eq!(targets, (0..100).map(|number| format!("/{number}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_pipe_is_given_no_line_that_it_would_cut_up() {
        let (log, mut reader) = log_to_pipe(false);
        log.start(|_| ()).unwrap();
        let reading = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        for _ in 0..20 {
            push(&log, &[b'/'; 9000]);
        }
        assert!(log.end(PATIENCE).is_none());
        drop(log);
        let text = reading.join().unwrap().unwrap();
        assert_eq!(text.lines().count(), 20);
        assert!(text.lines().all(|line| line.len() < 4096 && line.contains("//... HTTP/1.1\" 200")), "{text}");
    }

    #[test]
    fn what_nobody_reads_is_lost_and_counted() {
        let (log, reader) = log_to_pipe(false);
        let (tell, told) = mpsc::channel();
        log.start(move |trouble| tell.send(lost(Some(trouble))).unwrap()).unwrap();
        let target = [b'/'; 8000];
        let mut reported = 0;
        for _ in 0..2000 {
            reported += lost(push(&log, &target));
        }
        assert_eq!(reported, 1, "the first loss is told at once, and then nothing for a while");
        reported += lost(log.end(Duration::from_millis(50)));
        reported += told.try_iter().sum::<u64>();
        // What the pipe has taken by now, and nothing else, is not among the losses.
        let taken = 2000 - reported;
        assert!((1..500).contains(&taken), "{taken} of 2000");
        drop(reader);
    }

    #[test]
    fn who_is_to_wait_waits_until_there_is_room_or_the_end() {
        let (log, mut reader) = log_to_pipe(true);
        log.start(|_| ()).unwrap();
        let pushing = thread::spawn({
            let log = Arc::clone(&log);
            move || (0..2000).map(|_| lost(push(&log, &[b'/'; 8000]))).sum::<u64>()
        });
        let reading = thread::spawn(move || {
            let mut text = Vec::new();
            reader.read_to_end(&mut text).map(|_| text)
        });
        assert_eq!(pushing.join().unwrap(), 0);
        assert!(log.end(PATIENCE).is_none());
        drop(log);
        let text = reading.join().unwrap().unwrap();
        assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), 2000);

        let (log, _reader) = log_to_pipe(true);
        log.start(|_| ()).unwrap();
        let pushing = thread::spawn({
            let log = Arc::clone(&log);
            move || (0..2000).map(|_| lost(push(&log, &[b'/'; 8000]))).sum::<u64>()
        });
        log.hurry();
        assert!(pushing.join().unwrap() > 0);
    }

    #[test]
    fn a_reopened_log_goes_on_elsewhere_and_lets_go_of_where_it_was() {
        let (log, mut first) = log_to_pipe(false);
        log.start(|_| ()).unwrap();
        push(&log, b"/1");
        let mut text = [0; 5];
        first.read_exact(&mut text).unwrap();
        let (mut second, writer) = UnixStream::pair().unwrap();
        log.reopen(writer.as_raw_fd()).unwrap();
        drop(writer);
        let mut rest = String::new();
        first.read_to_string(&mut rest).unwrap();
        push(&log, b"/2");
        log.end(PATIENCE);
        drop(log);
        second.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("GET /1 ") && rest.contains("GET /2 "), "{rest}");
    }

    #[test]
    fn what_can_not_be_written_is_lost_with_the_reason() {
        let (log, reader) = log_to_pipe(false);
        drop(reader);
        log.start(|_| ()).unwrap();
        push(&log, b"/1");
        let told = log.end(PATIENCE).map(|trouble| trouble.to_string());
        // Unless the writer was first, and has told it.
        assert!(told.is_none_or(|told| told.contains("1 line of the access log") && told.contains("roken pipe")));
    }
}
