//! Every fault does what it says, to the server, the disk and the caller.

use core::future::Future;
use core::task::{Context, Waker};
use std::collections::BTreeSet;
use std::sync::Arc;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::record::{Header, Place, Slot, Stage};
use vestibule_domain::record_lease::{Presence, SETTLE};
use vestibule_domain::secret::{EnrolmentKey, Grant, Payload};

use super::{Fault, FaultPlan, Operation, Process};
use crate::clock::Clock;
use crate::flow_presence::FlowPresence;
use crate::identity_provider::{EnrollRequest, IdentityProvider, IdpError, Interrupt, RefreshRequest};
use crate::password_source::{PasswordPurpose, PasswordRequest, PasswordSource, PromptError};
use crate::secure_storage::{Content, Credential, SecureStorage, StorageError, WriteRequest};
use crate::testing::{
    IdpKind, JournalEntry, ManualClock, MemoryStorage, Rotation, ScriptedIdp, ScriptedPasswordSource, SharedPresence,
};

fn server() -> ScriptedIdp {
    ScriptedIdp::new(IdpKind {
        recoverable: true,
        rotation: Rotation::Reuse(1),
    })
}

fn enrolment() -> EnrollRequest {
    let realm = server().realm(&TenantId::parse("acme").unwrap()).unwrap();
    let client = ClientId::parse("a").unwrap();
    EnrollRequest::new(realm, client, EnrolmentKey::new([1; 32]), Interrupt::never())
}

fn refreshing(grant: &Grant) -> RefreshRequest {
    let EnrollRequest {
        realm, client_id, key, ..
    } = enrolment();
    RefreshRequest::new(realm, client_id, grant.clone(), key, None)
}

fn first_write() -> WriteRequest {
    let EnrollRequest { realm, client_id, .. } = enrolment();
    let slot = Slot { realm, client_id };
    let stage = Stage::Active {
        user: UserId::parse("u").unwrap(),
    };
    let (record, write) = (RecordId::from_bytes([1; 16]), WriteId::from_bytes([1; 16]));
    let tenant = TenantId::parse("acme").unwrap();
    let header = Header::first(record, write, stage, AuthenticationMode::No, tenant, slot.clone());
    let content = Content::Seal {
        payload: Payload::new(vec![1]),
        credential: Credential::None,
    };
    WriteRequest::new(Place::Slot(slot), None, header, content)
}

/// How one call ended: its error's name, `ok`, or `killed`.
async fn ended<T, E: core::fmt::Debug>(process: &Process, call: impl Future<Output = Result<T, E>>) -> String {
    match process.run(call).await {
        None => "killed".to_owned(),
        Some(Ok(_)) => "ok".to_owned(),
        Some(Err(error)) => format!("{error:?}").split('(').next().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn a_fault_at_an_enrolment_says_one_thing_to_the_caller_and_does_one_to_the_server() {
    let table = [
        (Fault::NotDone, "Unreachable", 0),
        (Fault::NotDoneButUnclear, "AnswerLost", 0),
        (Fault::DoneButLost, "AnswerLost", 1),
        (Fault::DoneLate, "AnswerLost", 0),
        (Fault::Untrusted, "ok", 1),
        (Fault::KilledBefore, "killed", 0),
        (Fault::KilledAfter, "killed", 1),
        (Fault::KilledLate, "killed", 0),
    ];
    assert_eq!(table.map(|(fault, ..)| fault), Fault::ENUMERATED);
    for (fault, answer, users) in table {
        let server = server();
        let plan = FaultPlan::new([(1, fault)]);
        let process = plan.process();
        let idp = process.faulty(Arc::new(server.clone()));
        assert_eq!(ended(&process, idp.enroll(enrolment())).await, answer, "{fault:?}");
        assert_eq!(server.users().len(), users, "{fault:?}");
        assert_eq!(process.is_killed(), answer == "killed", "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_at_a_write_says_one_thing_to_the_caller_and_does_one_to_the_disk() {
    let table = [
        (Fault::NotDone, "Unavailable", 0),
        (Fault::NotDoneButUnclear, "Unclear", 0),
        (Fault::DoneButLost, "Unclear", 1),
        (Fault::KilledBefore, "killed", 0),
        (Fault::KilledAfter, "killed", 1),
    ];
    for (fault, answer, records) in table {
        assert!(fault.applies_to(Operation::Write));
        let disk = MemoryStorage::new();
        let plan = FaultPlan::new([(1, fault)]);
        let process = plan.process();
        let storage = process.faulty(Arc::new(disk.clone()));
        assert_eq!(ended(&process, storage.write(first_write())).await, answer, "{fault:?}");
        assert_eq!(disk.records().len(), records, "{fault:?}");
    }
}

#[tokio::test]
async fn an_untrusted_answer_keeps_its_grant_and_nothing_else() {
    let server = server();
    let plan = FaultPlan::new([(1, Fault::Untrusted), (2, Fault::Untrusted)]);
    let idp = plan.process().faulty(Arc::new(server.clone()));
    let enrolled = idp.enroll(enrolment()).await.unwrap();
    assert!(enrolled.identity.is_err() && server.would_accept(&enrolled.grant));
    let refreshed = idp.refresh(refreshing(&enrolled.grant)).await.unwrap();
    assert!(refreshed.access_token.is_err() && refreshed.identity.unwrap().is_err());
    assert!(server.would_accept(&refreshed.successor.unwrap()));
}

#[tokio::test]
async fn a_read_that_is_lost_is_not_unclear() {
    let plan = FaultPlan::new([(1, Fault::DoneButLost), (2, Fault::NotDone)]);
    let storage = plan.process().faulty(Arc::new(MemoryStorage::new()));
    for _ in 0..2 {
        assert!(matches!(storage.list(None, 1).await, Err(StorageError::Unavailable(_))));
    }
}

#[tokio::test]
async fn presence_and_prompts_have_their_faults_too() {
    let plan = FaultPlan::new([(1, Fault::NotDone), (2, Fault::NotDone), (3, Fault::NotDoneButUnclear)]);
    let process = plan.process();
    let shared = SharedPresence::new();
    assert!(process.faulty(Arc::new(shared.clone())).enter().await.is_err());
    assert_eq!(shared.living(), []);
    let source = process.faulty(Arc::new(ScriptedPasswordSource::new().then_type("x")));
    let request = PasswordRequest::new(PasswordPurpose::Choose, None);
    assert_eq!(source.ask(request.clone()).await.unwrap_err(), PromptError::Cancelled);
    assert_eq!(source.ask(request.clone()).await.unwrap_err(), PromptError::TimedOut);
    assert_eq!(source.ask(request).await.unwrap().expose(), "x");
}

#[tokio::test]
async fn calls_are_numbered_over_all_ports_and_processes() {
    let plan = FaultPlan::new([(3, Fault::NotDone)]);
    let (one, two) = (plan.process(), plan.process());
    let disk = Arc::new(MemoryStorage::new());
    let idp = one.faulty(Arc::new(server()));
    idp.enroll(enrolment()).await.unwrap();
    two.faulty(Arc::clone(&disk)).write(first_write()).await.unwrap();
    assert!(one.faulty(disk).list(None, 1).await.is_err());
    assert_eq!(plan.calls(), [Operation::Enroll, Operation::Write, Operation::List]);
    assert!(idp.enroll(enrolment()).await.is_ok());
}

#[tokio::test]
async fn a_killed_process_does_nothing_any_more_and_the_others_live() {
    let disk = MemoryStorage::new();
    let plan = FaultPlan::none();
    let (dead, living) = (plan.process(), plan.process());
    let dying_write = dead.faulty(Arc::new(disk.clone()));
    dead.kill();
    let mut write = Box::pin(dying_write.write(first_write()));
    assert!(
        write
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!((disk.records().len(), plan.calls().len()), (0, 0));
    living
        .faulty(Arc::new(disk.clone()))
        .write(first_write())
        .await
        .unwrap();
    assert_eq!(disk.records().len(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_behind_the_kill_reaches_nobody() {
    let plan = FaultPlan::none();
    let process = plan.process();
    let server = server();
    let idp = process.faulty(Arc::new(server.clone()));
    let mut call = Box::pin(idp.enroll(enrolment()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending(), "the request is open");
    process.kill();
    for _ in 0..9 {
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(server.users().len(), 1);
}

#[tokio::test]
async fn the_flows_of_a_killed_process_are_gone_at_once() {
    let shared = SharedPresence::new();
    let process = FaultPlan::none().process();
    let entered = process.presence(&shared).enter().await.unwrap();
    assert_eq!(shared.of(entered.owner()).await, Ok(Presence::Alive));
    process.kill();
    process.killed().await;
    assert_eq!(shared.of(entered.owner()).await, Ok(Presence::Gone));
}

#[tokio::test]
async fn a_held_caller_goes_on_when_it_is_released() {
    for (fault, done_while_held) in [(Fault::HeldBefore, 0), (Fault::HeldAfter, 1)] {
        let disk = MemoryStorage::new();
        let plan = FaultPlan::new([(1, fault)]);
        let storage = plan.process().faulty(Arc::new(disk.clone()));
        let stopped = tokio::spawn(async move { storage.write(first_write()).await });
        plan.until_held().await;
        assert_eq!(disk.records().len(), done_while_held, "{fault:?}");
        assert!(!stopped.is_finished());
        plan.release();
        stopped.await.unwrap().unwrap();
        assert_eq!(disk.records().len(), 1, "{fault:?}");
    }
}

/// Which requests arrived at the server in which order: `L` late, `n` now.
fn arrivals(server: &ScriptedIdp) -> String {
    let letter = |entry: &JournalEntry| match entry {
        JournalEntry::Opened { late: true, .. } => Some('L'),
        JournalEntry::Opened { late: false, .. } => Some('n'),
        _ => None,
    };
    server.journal().entries().iter().filter_map(letter).collect()
}

#[tokio::test]
async fn a_slow_request_arrives_behind_an_early_repeat_and_before_one_that_waited() {
    for (waited, order) in [(SETTLE / 2, "nL"), (SETTLE, "Ln")] {
        let (server, clock) = (server(), ManualClock::auto_advancing());
        let plan = FaultPlan::new([(1, Fault::DoneLate)]);
        plan.use_clock(Arc::new(clock.clone()));
        let idp = plan.process().faulty(Arc::new(server.clone()));
        assert!(matches!(idp.enroll(enrolment()).await, Err(IdpError::AnswerLost(_))));
        clock.sleep(waited).await;
        idp.enroll(enrolment()).await.unwrap();
        assert_eq!(arrivals(&server), order, "{waited:?}");
    }
}

#[tokio::test]
async fn a_slow_request_of_a_killed_process_arrives_all_the_same() {
    let server = server();
    let plan = FaultPlan::new([(1, Fault::KilledLate)]);
    let process = plan.process();
    let idp = process.faulty(Arc::new(server.clone()));
    assert!(process.run(idp.enroll(enrolment())).await.is_none());
    assert_eq!(arrivals(&server), "");
    plan.deliver_late().await;
    assert_eq!(arrivals(&server), "L");
}

/// A life of a write and an enrolment, of which the second comes only when the first went well.
async fn life(plan: &FaultPlan) {
    let process = plan.process();
    let storage = process.faulty(Arc::new(MemoryStorage::new()));
    let idp = process.faulty(Arc::new(server()));
    let work = async {
        if storage.write(first_write()).await.is_ok() {
            let _ = idp.enroll(enrolment()).await;
        }
    };
    process.run(work).await;
}

#[tokio::test]
async fn an_enumeration_runs_every_fault_at_every_call_that_was_made() {
    let mut seen = BTreeSet::new();
    for plan in FaultPlan::enumerate(1) {
        life(&plan).await;
        assert!(seen.insert(plan.faults()), "twice: {plan:?}");
    }
    let applying = |operation: Operation| {
        let faults = Fault::ENUMERATED.into_iter();
        faults.filter(move |fault| fault.applies_to(operation) && !fault.is_late())
    };
    let mut expected = BTreeSet::from([vec![]]);
    expected.extend(applying(Operation::Write).map(|fault| vec![(1, fault)]));
    expected.extend(applying(Operation::Enroll).map(|fault| vec![(2, fault)]));
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), 1 + 5 + 6);
}

#[tokio::test]
async fn an_enumeration_plans_slow_requests_where_it_knows_the_time() {
    let mut late = 0;
    for plan in FaultPlan::enumerate(1) {
        plan.use_clock(Arc::new(ManualClock::new()));
        life(&plan).await;
        late += plan.faults().iter().filter(|(_, fault)| fault.is_late()).count();
    }
    assert_eq!(late, 4);
}

#[tokio::test]
async fn pairs_stand_behind_each_other_and_only_where_the_first_left_a_call() {
    let mut pairs = 0;
    for plan in FaultPlan::enumerate(2) {
        let process = plan.process();
        let storage = process.faulty(Arc::new(MemoryStorage::new()));
        let idp = process.faulty(Arc::new(server()));
        let work = async {
            if storage.write(first_write()).await.is_err() {
                let _ = storage.write(first_write()).await;
            }
            let _ = idp.enroll(enrolment()).await;
        };
        process.run(work).await;
        let faults = plan.faults();
        assert!(faults.len() <= 2, "{plan:?}");
        if let [(first, _), (second, _)] = faults[..] {
            assert!(first < second && second <= plan.calls().len(), "{plan:?}");
            pairs += 1;
        }
    }
    // Three faults let the write be repeated: at the repeat five faults apply, and at the enrolment behind it six.
    assert_eq!(pairs, 3 * (5 + 6));
}

#[tokio::test]
async fn an_enumeration_of_chosen_faults_plans_no_others() {
    let mut seen = Vec::new();
    for plan in FaultPlan::enumerate(1).only(&[Fault::DoneButLost]) {
        life(&plan).await;
        seen.push(plan.faults());
    }
    seen.sort();
    assert_eq!(
        seen,
        [vec![], vec![(1, Fault::DoneButLost)], vec![(2, Fault::DoneButLost)]]
    );
}

#[tokio::test]
async fn a_slow_write_is_done_behind_the_next_call_to_the_storage() {
    let disk = MemoryStorage::new();
    let plan = FaultPlan::new([(1, Fault::KilledLate)]);
    let process = plan.process();
    let dying = process.faulty(Arc::new(disk.clone()));
    assert!(process.run(dying.write(first_write())).await.is_none());
    let next = plan.process();
    next.faulty(Arc::new(server())).enroll(enrolment()).await.unwrap();
    assert_eq!(disk.records().len(), 0, "a request does not bring it");
    let listed = next.faulty(Arc::new(disk.clone())).list(None, 9).await.unwrap();
    assert_eq!((listed.records.len(), disk.records().len()), (0, 1));
}

#[tokio::test]
async fn a_sleep_ends_with_its_process_and_lets_the_others_sleep() {
    let clock = ManualClock::new();
    let process = FaultPlan::none().process();
    let dying = process.faulty(Arc::new(clock.clone()));
    assert_eq!((dying.wall(), dying.since_boot()), (clock.wall(), clock.since_boot()));
    let mut context = Context::from_waker(Waker::noop());
    let mut sleep = Box::pin(dying.sleep(SETTLE));
    assert!(sleep.as_mut().poll(&mut context).is_pending());
    process.kill();
    clock.advance(SETTLE);
    assert!(sleep.as_mut().poll(&mut context).is_pending());
    assert_eq!(clock.sleepers(), 0);
}

#[tokio::test]
async fn a_stopped_plan_counts_nothing_and_faults_nothing_but_slow_calls_are_done() {
    let (server, clock) = (server(), ManualClock::new());
    let plan = FaultPlan::new([(1, Fault::KilledLate), (2, Fault::NotDone)]);
    plan.use_clock(Arc::new(clock.clone()));
    let process = plan.process();
    let dying = process.faulty(Arc::new(server.clone()));
    assert!(process.run(dying.enroll(enrolment())).await.is_none());
    plan.stop();
    clock.advance(SETTLE);
    plan.process()
        .faulty(Arc::new(server.clone()))
        .enroll(enrolment())
        .await
        .unwrap();
    assert_eq!((arrivals(&server).as_str(), plan.calls().len()), ("Ln", 1));
}
