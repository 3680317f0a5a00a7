//! The mocks of every port: each call answers as the fake behind it would, unless the row plans another end.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use vestibule::ports::testing::{
    MockBiometricGate, MockEntropy, MockFlowPresence, MockIdentityProvider, MockPasswordSource, MockSecureStorage,
};
use vestibule::ports::{
    BiometricGate, Entropy, EntropyError, FlowPresence, GateAvailability, GateError, IdentityProvider, IdpError,
    PasswordPurpose, PresenceError, SecureStorage, StorageError, Written,
};
use vestibule::secret::Password;

use crate::call_log::{Call, CallLog, End, stage_word};
use crate::world::World;

/// What the person types unless a row plans otherwise.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The answer of a fake. Fakes wait for nothing but a few turns of others.
pub(crate) fn now<T>(answer: impl Future<Output = T>) -> T {
    let mut answer = pin!(answer);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
    }
    panic!("a fake waits for something");
}

pub(crate) fn identity_provider(world: &World) -> MockIdentityProvider {
    let mut mock = MockIdentityProvider::new();
    let (idp, log) = (world.idp.clone(), world.log.clone());
    mock.expect_realm()
        .returning(move |tenant| match log.meet(Call::Realm) {
            Some(end) => Err(idp_error(end)),
            None => idp.realm(tenant),
        });
    let (idp, log) = (world.idp.clone(), world.log.clone());
    mock.expect_enroll()
        .returning(move |request| asked(&log, Call::Enroll, "ENROLL", || now(idp.enroll(request))));
    let (idp, log) = (world.idp.clone(), world.log.clone());
    mock.expect_refresh()
        .returning(move |request| asked(&log, Call::Refresh, "REFRESH", || now(idp.refresh(request))));
    let (idp, log) = (world.idp.clone(), world.log.clone());
    mock.expect_revoke()
        .returning(move |request| asked(&log, Call::Revoke, "REVOKE", || now(idp.revoke(request))));
    mock
}

fn asked<T>(
    log: &CallLog,
    call: Call,
    word: &str,
    answer: impl FnOnce() -> Result<T, IdpError>,
) -> Result<T, IdpError> {
    let answered = match log.meet(call) {
        Some(end) => Err(idp_error(end)),
        None => answer(),
    };
    log.show(word, if answered.is_ok() { "" } else { "!" });
    answered
}

fn idp_error(end: End) -> IdpError {
    match end {
        End::Idp(error) => error,
        other => panic!("{other:?} is no end of a call to the IdP"),
    }
}

pub(crate) fn secure_storage(world: &World) -> MockSecureStorage {
    let mut mock = MockSecureStorage::new();
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_list()
        .returning(move |after, limit| read(&log, Call::List, || now(disk.list(after, limit))));
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_describe()
        .returning(move |place| read(&log, Call::Describe, || now(disk.describe(place))));
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_open()
        .returning(move |place, key| read(&log, Call::Open, || now(disk.open(place, key))));
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_write().returning(move |request| {
        let (call, word) = (Call::Write(request.header.stage.kind()), stage_word(&request.header));
        let room = |written: Written, end: Option<&End>| written.with_room(!matches!(end, Some(End::DoneWithoutRoom)));
        change(&log, call, &word, room, || now(disk.write(request)))
    });
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_keep_aside().returning(move |handle, revision| {
        change(
            &log,
            Call::KeepAside,
            "aside",
            |done, _| done,
            || now(disk.keep_aside(handle, revision)),
        )
    });
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_put_back().returning(move |aside, expected| {
        change(
            &log,
            Call::PutBack,
            "put-back",
            |done, _| done,
            || now(disk.put_back(aside, expected)),
        )
    });
    let (disk, log) = (world.disk.clone(), world.log.clone());
    mock.expect_remove().returning(move |handle, revision| {
        change(
            &log,
            Call::Remove,
            "remove",
            |done, _| done,
            || now(disk.remove(handle, revision)),
        )
    });
    mock
}

fn read<T>(log: &CallLog, call: Call, answer: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    match log.meet(call) {
        Some(End::Storage(error)) => Err(error),
        Some(other) => panic!("{other:?} is no end of a reading call"),
        None => answer(),
    }
}

fn change<T>(
    log: &CallLog,
    call: Call,
    word: &str,
    alter: impl FnOnce(T, Option<&End>) -> T,
    answer: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let end = log.meet(call);
    let answered = match &end {
        Some(End::Storage(error)) => Err(error.clone()),
        Some(End::DoneButUnclear) => answer().and(Err(StorageError::Unclear)),
        Some(End::DoneWithoutRoom) | None => answer().map(|done| alter(done, end.as_ref())),
        Some(other) => panic!("{other:?} is no end of a writing call"),
    };
    log.show(word, mark(answered.as_ref().err()));
    answered
}

const fn mark(error: Option<&StorageError>) -> &'static str {
    match error {
        None => "",
        Some(StorageError::Unclear) => "?",
        Some(_) => "!",
    }
}

pub(crate) fn flow_presence(world: &World) -> MockFlowPresence {
    let mut mock = MockFlowPresence::new();
    let (presence, log) = (world.presence.clone(), world.log.clone());
    mock.expect_enter().returning(move || match log.meet(Call::Enter) {
        Some(_) => Err(PresenceError("planned")),
        None => now(presence.enter()),
    });
    let (presence, log) = (world.presence.clone(), world.log.clone());
    mock.expect_of().returning(move |owner| match log.meet(Call::Of) {
        Some(_) => Err(PresenceError("planned")),
        None => now(presence.of(owner)),
    });
    mock
}

pub(crate) fn password_source(world: &World) -> MockPasswordSource {
    let mut mock = MockPasswordSource::new();
    let log = world.log.clone();
    mock.expect_ask().returning(move |request| {
        let (call, word) = match request.purpose {
            PasswordPurpose::Choose => (Call::Choose, "choose"),
            PasswordPurpose::Unlock => (Call::Unlock, "unlock"),
        };
        let end = log.meet(call);
        log.show(word, if end.is_none() { "" } else { "!" });
        match end {
            Some(End::Prompt(error)) => Err(error),
            Some(other) => panic!("{other:?} is no end of a prompt"),
            None => Ok(Password::new(PASSWORD.to_owned())),
        }
    });
    mock
}

pub(crate) fn biometric_gate(world: &World) -> MockBiometricGate {
    let mut mock = MockBiometricGate::new();
    let log = world.log.clone();
    mock.expect_availability()
        .returning(move || match log.meet(Call::Available) {
            Some(_) => GateAvailability::Unavailable("planned"),
            None => GateAvailability::Ready,
        });
    let (gate, log) = (world.gate.clone(), world.log.clone());
    mock.expect_wrap()
        .returning(move |label, key| finger(&log, Call::Wrap, "wrap", || now(gate.wrap(label, key))));
    let (gate, log) = (world.gate.clone(), world.log.clone());
    mock.expect_unwrap()
        .returning(move |label, blob| finger(&log, Call::Unwrap, "unwrap", || now(gate.unwrap(label, blob))));
    let (gate, log) = (world.gate.clone(), world.log.clone());
    mock.expect_forget()
        .returning(move |label| finger(&log, Call::Forget, "forget", || now(gate.forget(label))));
    let gate = world.gate.clone();
    mock.expect_properties().returning(move || gate.properties());
    mock
}

fn finger<T>(
    log: &CallLog,
    call: Call,
    word: &str,
    answer: impl FnOnce() -> Result<T, GateError>,
) -> Result<T, GateError> {
    let answered = match log.meet(call) {
        Some(End::Gate(error)) => Err(error),
        Some(other) => panic!("{other:?} is no end of a gate's call"),
        None => answer(),
    };
    log.show(word, if answered.is_ok() { "" } else { "!" });
    answered
}

pub(crate) fn entropy(world: &World) -> MockEntropy {
    let mut mock = MockEntropy::new();
    let (entropy, log) = (world.entropy.clone(), world.log.clone());
    mock.expect_fill().returning(move |buffer| match log.meet(Call::Fill) {
        Some(_) => Err(EntropyError),
        None => entropy.fill(buffer),
    });
    mock
}
