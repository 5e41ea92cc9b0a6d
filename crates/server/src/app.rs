//! What the server wants of an application.

use uncork_protocol::RequestHead;

use crate::{BodyBuffer, ConnectionInfo, LateCall, RequestId, Responder, Trouble};

/// Answers requests. Called from many threads at once.
pub trait Application: Send + Sync + 'static {
    /// Runs `body` on a thread that is going to call the application, and returns when `body`
    /// does. The place for what such a thread needs once, such as an interpreter's state.
    fn run_thread(&self, body: &mut dyn FnMut());

    /// Answers one request through `responder`. Returning without having finished the answer
    /// breaks the connection, so that the peer never takes half an answer for a whole one.
    fn call(&self, request: Request<'_>, responder: &mut Responder<'_>);

    /// Tells the operator of a call that gave the peer nothing for too long, and does what can be
    /// done to end it. Called on a thread of its own, after the peer was answered.
    fn on_late_call(&self, call: &LateCall) {
        let _ = call;
    }

    /// Returns as soon as the application could be called: nobody has what all calls need.
    fn prove_alive(&self) {}

    /// Tells the operator of something that concerns no request alone. Called on a thread of its
    /// own, now and then.
    fn on_trouble(&self, trouble: &Trouble);
}

/// One request.
#[derive(Debug)]
pub struct Request<'job> {
    pub head: &'job RequestHead,
    pub body: RequestBody,
    pub connection: &'job ConnectionInfo,
    /// Its name in logs, where requests have one.
    pub id: Option<RequestId<'job>>,
}

/// The body of a request.
#[derive(Debug)]
pub enum RequestBody {
    /// It has been received.
    Whole(BodyBuffer),
    /// It is read through the responder, while it comes.
    Coming,
}
