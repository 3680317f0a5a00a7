//! Which port calls were made, and which of them are to fail.

use std::sync::{Arc, Mutex};

use vestibule::ports::{GateError, IdpError, PromptError, StorageError};
use vestibule::record::{Header, StageKind};

/// A call of a port. A write is named by the stage that it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Realm,
    Enroll,
    Refresh,
    Revoke,
    List,
    Describe,
    Open,
    Write(StageKind),
    KeepAside,
    PutBack,
    Remove,
    Enter,
    Of,
    Choose,
    Unlock,
    Available,
    Wrap,
    Unwrap,
    Forget,
    Fill,
}

/// How a planned call ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Idp(IdpError),
    Storage(StorageError),
    Prompt(PromptError),
    Gate(GateError),
    /// The write stands, but nobody says so.
    DoneButUnclear,
    /// The write stands, and there is no room for the next.
    DoneWithoutRoom,
    NoPresence,
    NoEntropy,
    GateNotReady,
}

impl From<IdpError> for End {
    fn from(error: IdpError) -> Self {
        Self::Idp(error)
    }
}

impl From<StorageError> for End {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<PromptError> for End {
    fn from(error: PromptError) -> Self {
        Self::Prompt(error)
    }
}

impl From<GateError> for End {
    fn from(error: GateError) -> Self {
        Self::Gate(error)
    }
}

/// The calls from the `first` to the `last` of a kind end like this.
#[derive(Clone, Debug)]
struct Fault {
    call: Call,
    first: usize,
    last: usize,
    end: End,
}

/// The log of one world. A clone is the same log.
#[derive(Clone, Default)]
pub(crate) struct CallLog(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    seen: Vec<Call>,
    shown: Vec<String>,
    faults: Vec<Fault>,
    meanwhile: Vec<(Call, Meanwhile)>,
}

/// What happens elsewhere while a call is served.
type Meanwhile = Box<dyn FnOnce() + Send>;

impl CallLog {
    /// Forgets what was seen, so that calls are counted from here.
    pub(crate) fn begin(&self) {
        *self.0.lock().unwrap() = Inner::default();
    }

    pub(crate) fn plan(&self, call: Call, first: usize, last: usize, end: End) {
        self.0.lock().unwrap().faults.push(Fault { call, first, last, end });
    }

    /// Does this while the next call of this kind is served.
    pub(crate) fn at(&self, call: Call, act: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().meanwhile.push((call, Box::new(act)));
    }

    /// Counts a call, and says how it is to end.
    pub(crate) fn meet(&self, call: Call) -> Option<End> {
        self.happen_meanwhile(call);
        let mut inner = self.0.lock().unwrap();
        inner.seen.push(call);
        let number = inner.seen.iter().filter(|seen| **seen == call).count();
        let planned = |fault: &&Fault| fault.call == call && (fault.first..=fault.last).contains(&number);
        inner.faults.iter().find(planned).map(|fault| fault.end.clone())
    }

    fn happen_meanwhile(&self, call: Call) {
        let mut inner = self.0.lock().unwrap();
        let planned = inner.meanwhile.iter().position(|(at, _)| *at == call);
        let act = planned.map(|index| inner.meanwhile.remove(index).1);
        drop(inner);
        if let Some(act) = act {
            act();
        }
    }

    /// Shows a call that changes something or reaches somebody; `!` where it failed, `?` where it is unclear.
    pub(crate) fn show(&self, what: &str, mark: &str) {
        self.0.lock().unwrap().shown.push(format!("{what}{mark}"));
    }

    /// What was shown, in order. A run of equal words is counted; `*` is more than three.
    pub(crate) fn shown(&self) -> String {
        let shown = self.0.lock().unwrap().shown.clone();
        let runs = shown.chunk_by(|a, b| a == b).map(|run| match run {
            [one] => one.clone(),
            [one, ..] if run.len() <= 3 => format!("{one}x{}", run.len()),
            run => format!("{}*", run[0]),
        });
        runs.collect::<Vec<_>>().join(" ")
    }
}

/// A stage as the tables write it.
pub(crate) fn stage_word(header: &Header) -> String {
    let word = format!("{:?}", header.stage.kind()).to_lowercase();
    match header.stage.lease() {
        Some(lease) if lease.owner.is_none() => format!("{word}-nobody"),
        Some(_) | None => word,
    }
}
