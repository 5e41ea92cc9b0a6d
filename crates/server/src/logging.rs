//! What a request is called, and what is written of it when it has been answered.

use std::sync::Arc;

use uncork_protocol::RequestHead;

use crate::access_log::{AccessLog, Asked, Entry};
use crate::connection::ConnectionInfo;
use crate::request_id::{IdText, OwnId, RequestId, RequestIds};
use crate::responder::AnswerFacts;
use crate::trouble::Trouble;

/// The status of a request whose client did not wait for an answer, as nginx has it.
pub(crate) const CLIENT_GONE: u16 = 499;

/// The names of requests, and the access log; each may be missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logging {
    pub(crate) ids: Option<Arc<RequestIds>>,
    /// Whether answers say what their request is called.
    pub(crate) shows_ids: bool,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// What paths begin with that are not logged; empty: all are.
    pub(crate) unlogged_prefix: Box<[u8]>,
}

/// An answer of the application; times are those of the scoreboard's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) facts: AnswerFacts,
    /// When the request was complete.
    pub(crate) complete_ns: u64,
    /// When the application was called.
    pub(crate) called_ns: u64,
    pub(crate) ended_ns: u64,
    /// What the request is called, unless its client has said it.
    pub(crate) own_id: Option<OwnId>,
}

impl Answered {
    /// That of a request that was not there.
    pub(crate) const NOTHING: Self =
        Self { facts: AnswerFacts::NOTHING, complete_ns: 0, called_ns: 0, ended_ns: 0, own_id: None };
}

impl Logging {
    /// What the request behind `head` is called, or one without.
    pub(crate) fn name<'a>(&self, head: Option<&'a RequestHead>) -> Option<RequestId<'a>> {
        self.ids.as_ref().map(|ids| ids.name(head))
    }

    /// The name for an answer to say, where answers do.
    pub(crate) fn shown<'a>(&self, id: Option<RequestId<'a>>) -> Option<IdText<'a>> {
        id.filter(|_| self.shows_ids).map(RequestId::text)
    }

    /// The field of an answer that says `shown`.
    pub(crate) fn field<'a>(&'a self, shown: Option<&'a IdText<'_>>) -> Option<(&'a [u8], &'a [u8])> {
        self.ids.as_ref().zip(shown).map(|(ids, id)| (ids.header(), id.as_bytes()))
    }

    /// Logs that `head` was `answered` by `ended_ns`, but for `pending` bytes that the peer did not
    /// take. Returns what is to be told.
    pub(crate) fn log_answer(
        &self,
        answered: &Answered,
        head: &RequestHead,
        info: &ConnectionInfo,
        pending: u64,
        ended_ns: u64,
    ) -> Option<Trouble> {
        let log = self.access_log.as_ref()?;
        if !self.unlogged_prefix.is_empty() && head.path().starts_with(&self.unlogged_prefix) {
            return None;
        }
        let id = match (answered.own_id, &self.ids) {
            (Some(id), _) => Some(RequestId::Own(id)),
            (None, Some(ids)) => ids.given(head),
            (None, None) => None,
        };
        let AnswerFacts { status, body_bytes, is_whole, .. } = answered.facts;
        log.push(&Entry {
            asked: Asked::Head(head),
            info,
            status: if status == 0 { CLIENT_GONE } else { status },
            body_bytes: body_bytes.saturating_sub(pending),
            is_aborted: !is_whole || pending > 0,
            arrived_ns: answered.complete_ns,
            called_ns: answered.called_ns,
            ended_ns,
            id,
        })
    }
}
