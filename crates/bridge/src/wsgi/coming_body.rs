//! Reads a body that is coming: waits for the client without the GIL, and without the lock of
//! its request, so that another thread may answer meanwhile.

use std::time::Duration;

use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;
use uncork_server::{BodyError, BodyWait, Received, Responder};

use super::start_response::StartResponse;
use crate::gil::without_gil;

/// How long it is before it is looked again whether another thread has stopped answering. Seldom
/// are there two, and then the other one often waits for the client.
const TURN: Duration = Duration::from_millis(1);

/// What is to be read, up to so many bytes; less only at the body's end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    All(u64),
    /// What has come, at least a byte.
    Some(u64),
    /// A line, its LF included.
    Line(u64),
}

enum Step {
    Done,
    /// Nothing is at hand, and nobody has looked for more.
    More,
    Wait(BodyWait),
}

/// Reads from the body of the request that `answer` belongs to.
///
/// # Errors
/// The client has gone (`ConnectionResetError`), was too slow (`TimeoutError`), or sent what is
/// not valid or too large (`OSError`); or the request has ended (`RuntimeError`).
pub(super) fn read(py: Python<'_>, answer: &StartResponse, wanted: Wanted) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    // What is at hand costs no switch of threads.
    let at_hand = answer.with_idle_responder(|responder| step(responder, &mut out, wanted, false))?;
    if let Some(Step::Done) = at_hand.transpose()? {
        return Ok(out);
    }
    without_gil(py, || {
        loop {
            match wait_for_turn(answer, |responder| step(responder, &mut out, wanted, true))?? {
                Step::Done => return Ok(()),
                Step::More => {}
                Step::Wait(wait) => wait.wait(),
            }
        }
    })
    .map(|()| out)
}

/// Bytes that were read so far.
pub(super) fn position(py: Python<'_>, answer: &StartResponse) -> PyResult<u64> {
    without_gil(py, || wait_for_turn(answer, |responder| responder.body_position()))
}

/// What `action` makes of the responder, when no other thread is answering.
fn wait_for_turn<T>(answer: &StartResponse, mut action: impl FnMut(&mut Responder<'_>) -> T) -> PyResult<T> {
    loop {
        if let Some(result) = answer.with_idle_responder(&mut action)? {
            return Ok(result);
        }
        std::thread::sleep(TURN);
    }
}

/// Moves what is at hand to `out`, and with `may_receive` looks for more.
fn step(responder: &mut Responder<'_>, out: &mut Vec<u8>, wanted: Wanted, may_receive: bool) -> PyResult<Step> {
    let (Wanted::All(limit) | Wanted::Some(limit) | Wanted::Line(limit)) = wanted;
    loop {
        let left = usize::try_from(limit - out.len() as u64).unwrap_or(usize::MAX);
        let data = responder.body_data();
        let data = &data[..data.len().min(left)];
        let line_end = match wanted {
            Wanted::Line(_) => memchr::memchr(b'\n', data).map(|at| at + 1),
            Wanted::All(_) | Wanted::Some(_) => None,
        };
        let length = line_end.unwrap_or(data.len());
        out.extend_from_slice(&data[..length]);
        responder.consume_body(length);
        let is_enough = match wanted {
            Wanted::Some(_) => length > 0,
            Wanted::Line(_) => line_end.is_some(),
            Wanted::All(_) => false,
        };
        if is_enough || length == left {
            return Ok(Step::Done);
        }
        if !may_receive {
            return Ok(Step::More);
        }
        match responder.receive_body().map_err(to_python)? {
            Received::Data => {}
            Received::Ended => return Ok(Step::Done),
            Received::Nothing(wait) => return Ok(Step::Wait(wait)),
        }
    }
}

/// All of them are `OSError`, which is what frameworks expect of a file that can't be read.
fn to_python(error: BodyError) -> PyErr {
    match error {
        BodyError::PeerGone => PyConnectionResetError::new_err("the client went before its upload was whole"),
        BodyError::TooSlow => PyTimeoutError::new_err("the client was too slow to send its upload"),
        BodyError::Refused(error) => PyOSError::new_err(error.explanation),
    }
}
