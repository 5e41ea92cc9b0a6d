//! What the operator must know of the machine: met by the event loop, told by somebody else.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// Between two reports: what is short stays so for a while, and one line says it.
const SILENCE: Duration = Duration::from_secs(60);

/// Something that the machine refused, and that clients have to suffer for.
#[derive(Debug)]
pub enum Trouble {
    /// Somebody waits to be accepted.
    Accepting(io::Error),
    /// A request's body had no temporary file, and the request was refused.
    KeepingBody(io::Error),
    /// So many lines are missing in the access log: nobody read it fast enough, or, with an error,
    /// they could not be written.
    LogLinesLost { lines: u64, error: Option<io::Error> },
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepting(error) if is_out_of_descriptors(error) => formatter.write_str(
                "no more files can be opened: new clients get in when idle ones have gone; \
                 the application has taken more descriptors than are left beside `max_connections`",
            ),
            Self::Accepting(error) => write!(formatter, "new clients can't get in for now: {error}"),
            Self::KeepingBody(error) if is_out_of_descriptors(error) => formatter.write_str(
                "no more files can be opened: a request was refused, since its body did not fit into `body_buffer`",
            ),
            Self::LogLinesLost { lines, error: None } => write!(
                formatter,
                "{lines} line{} of the access log lost: they could not be written fast enough; \
                 `access_log_when_full = \"wait\"` makes the server wait instead",
                plural(*lines)
            ),
            Self::LogLinesLost { lines, error: Some(error) } => {
                write!(formatter, "{lines} line{} of the access log could not be written: {error}", plural(*lines))
            }
            Self::KeepingBody(error) => write!(
                formatter,
                "a request was refused: its body did not fit into `body_buffer`, and can't be kept in `{}`: {error}",
                std::env::temp_dir().display()
            ),
        }
    }
}

fn plural(number: u64) -> &'static str {
    if number == 1 { "" } else { "s" }
}

/// Whether the process itself has used up its descriptors, so that closing some helps.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMFILE)
}

/// Troubles that were met, of which only some are told.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    untold: Vec<Trouble>,
    last: Option<Instant>,
}

impl Troubles {
    pub(crate) fn note(&mut self, trouble: Trouble, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= SILENCE) {
            self.last = Some(now);
            self.untold.push(trouble);
        }
    }

    /// As `note`, of something that its finder does not tell too often.
    pub(crate) fn tell(&mut self, trouble: Option<Trouble>) {
        self.untold.extend(trouble);
    }

    /// What is to be told now.
    pub(crate) fn take(&mut self) -> Option<Trouble> {
        self.untold.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out_of(number: i32) -> Trouble {
        Trouble::Accepting(io::Error::from_raw_os_error(number))
    }

    #[test]
    fn trouble_that_lasts_is_told_once_a_minute() {
        let start = Instant::now();
        let mut troubles = Troubles::default();
        troubles.note(out_of(libc::EMFILE), start);
        assert!(troubles.take().is_some());
        troubles.note(out_of(libc::EMFILE), start + SILENCE / 2);
        assert!(troubles.take().is_none());
        troubles.note(out_of(libc::EMFILE), start + SILENCE);
        assert!(troubles.take().is_some());
    }

    #[test]
    fn what_is_told_names_what_is_missing() {
        assert!(out_of(libc::EMFILE).to_string().starts_with("no more files can be opened"));
        assert!(out_of(libc::ENOMEM).to_string().contains("memory"));
        let no_space = Trouble::KeepingBody(io::Error::from_raw_os_error(libc::ENOSPC)).to_string();
        assert!(no_space.contains("No space left"), "{no_space}");
    }
}
