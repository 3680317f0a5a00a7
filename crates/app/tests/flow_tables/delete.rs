//! DeleteUser: the deletion is on disk before the IdP hears of it; what is to be revoked is queued before the record goes.

use vestibule::AuthenticationMode::{Biometric, No, Password};
use vestibule::Revocation::{Done, NotPossible, Queued};
use vestibule::SdkState::{ActivationRequired, LoginRequired};
use vestibule::ports::{GateError, PromptError, StorageError};
use vestibule::record::{StageKind, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{self, Describe, Enter, Open, Refresh, Remove, Revoke, Unlock, Unwrap, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{GONE, deleting, living_owner, rotating_by, unreadable, unreadable_elsewhere};
use crate::rows::{Event, Row, Table, Twist, always, both, first, given, nothing, nth, row};
use crate::world::{PLAIN, RECOVERABLE};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const DELETING: Call = Write(StageKind::Deleting);
const QUEUED: &str = "RevocationPending RevocationDone";

fn gone(name: &'static str, twist: Twist, done: &'static str, told: &'static str) -> Row {
    row(name, twist, (S::Ok, ActivationRequired), done, "", told)
}

/// A failure after which the app is where it was.
fn failed(name: &'static str, twist: Twist, status: S, done: &'static str, disk: &'static str) -> Row {
    row(name, twist, (status, LoginRequired), done, disk, "")
}

#[test]
#[rustfmt::skip]
fn an_active_user_is_deleted_and_its_session_revoked() {
    for event in [Event::Delete(Done), Event::DeleteByHandle(Done)] {
        Table::new(RECOVERABLE, Before::User, event).check([
            gone("all goes well", nothing(), "deleting REVOKE remove", ""),
            gone("overtaken once", first(DELETING, StorageError::Conflict), "deleting! deleting REVOKE remove", ""),
            gone("unclear once", first(DELETING, End::DoneButUnclear), "deleting? deleting REVOKE remove", ""),
            gone("no room is needed", first(DELETING, End::DoneWithoutRoom), "deleting REVOKE remove", ""),
            failed("describe fails", first(Describe, UNAVAILABLE), S::StorageUnavailable, "", "active+grant"),
            failed("open fails", first(Open, UNAVAILABLE), S::StorageUnavailable, "", "active+grant"),
            failed("on another device", first(Open, StorageError::DeviceChanged), S::DeviceChanged, "", "active+grant"),
            failed("presence fails", first(Enter, End::NoPresence), S::StorageUnavailable, "", "active+grant"),
            failed("deleting is not written", first(DELETING, UNAVAILABLE), S::StorageUnavailable, "deleting!", "active+grant"),
            failed("deleting is unclear for ever", always(DELETING, StorageError::Unclear), S::StorageUnavailable, "deleting?x3", "active+grant"),
            failed("remove fails: whoever comes next finishes it", first(Remove, UNAVAILABLE), S::StorageUnavailable, "deleting REVOKE remove!", "deleting+grant"),
        ]);
    }
    Table::new(RECOVERABLE, Before::Started, Event::DeleteSomebodyElse).check([
        row("nobody is there", nothing(), (S::InvalidUserId, ActivationRequired), "", "", ""),
    ]);
    Table::new(RECOVERABLE, Before::User, Event::DeleteSomebodyElse).check([
        failed("another user", nothing(), S::InvalidUserId, "", "active+grant"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_revocation_that_fails_is_queued_before_the_record_goes_and_told_once() {
    let table = Table::new(RECOVERABLE, Before::User, Event::Delete(Queued));
    table.check(all().map(|(name, error)| gone(name, first(Revoke, error), "deleting REVOKE! revoking remove REVOKE remove", QUEUED)));
    table.check([
        gone("failed twice", both(first(Revoke, named("Unreachable")), nth(2, Revoke, named("AnswerLost"))), "deleting REVOKE! revoking remove REVOKE! REVOKE remove", QUEUED),
        failed("it is not queued: the record stays Deleting", both(first(Revoke, named("Unreachable")), first(Write(StageKind::Revoking), UNAVAILABLE)), S::StorageUnavailable, "deleting REVOKE! revoking!", "deleting+grant"),
        gone("it is queued there already", both(first(Revoke, named("Unreachable")), first(Write(StageKind::Revoking), StorageError::Conflict)), "deleting REVOKE! revoking! remove", "RevocationDone"),
        row("queued, but not removed", both(first(Revoke, named("Unreachable")), first(Remove, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "deleting REVOKE! revoking remove! REVOKE remove", "deleting+grant", QUEUED),
    ]);
}

#[test]
#[rustfmt::skip]
fn without_the_credential_nobody_is_asked_and_nothing_is_revoked() {
    for (mode, forgets) in [(No, ""), (Password, ""), (Biometric, " forget")] {
        let done: &'static str = format!("deleting remove{forgets}").leak();
        for event in [Event::DeleteWithoutCredential, Event::DeleteByHandleWithoutCredential] {
            for before in [Before::User, Before::Outdated] {
                Table::new(PLAIN, before, event).in_mode(mode).check([
                    gone("deleted", nothing(), done, ""),
                    gone("locked out", given(|world| world.disk.set_locked_out(Some(crate::scene::seconds(30)))), done, ""),
                    gone("on another device", given(|world| world.disk.set_on_another_device(true)), done, ""),
                ]);
            }
        }
    }
}

#[test]
#[rustfmt::skip]
fn the_credential_is_asked_for_first_and_a_cancel_costs_nothing() {
    let password = Table::new(PLAIN, Before::User, Event::Delete(Done)).in_mode(Password);
    password.check([
        gone("unlocked", nothing(), "unlock deleting REVOKE remove", ""),
        gone("asked once, even where it is overtaken", first(DELETING, StorageError::Conflict), "unlock deleting! deleting REVOKE remove", ""),
        failed("locked out: nobody is asked", given(|world| world.disk.set_locked_out(Some(crate::scene::seconds(30)))), S::LockedUser, "", "active+grant"),
        failed("cancelled", first(Unlock, PromptError::Cancelled), S::UserCancel, "unlock!", "active+grant"),
        failed("timed out", first(Unlock, PromptError::TimedOut), S::UserConfirmationTimeout, "unlock!", "active+grant"),
        failed("wrong", first(Open, StorageError::WrongCredential), S::WrongCredentials, "unlock", "active+grant"),
    ]);
    let biometric = Table::new(PLAIN, Before::User, Event::Delete(Done)).in_mode(Biometric);
    biometric.check([
        gone("unlocked, and the gate's key is forgotten behind the record", nothing(), "unwrap deleting REVOKE remove forget", ""),
        failed("cancelled", first(Unwrap, GateError::Cancelled), S::UserCancel, "unwrap!", "active+grant"),
        failed("invalidated", first(Unwrap, GateError::Invalidated), S::BiometricInvalidated, "unwrap!", "active+grant"),
    ]);
}

#[test]
#[rustfmt::skip]
fn an_unclear_or_refused_grant_is_settled_first_and_else_nothing_can_be_revoked() {
    let abandoned = |twist: Twist| both(given(|world| rotating_by(world, Some(GONE))), twist);
    Table::new(PLAIN, Before::User, Event::Delete(Done)).check([
        gone("settled", abandoned(nothing()), "rotating REFRESH active deleting REVOKE remove", "TokenRefreshed"),
    ]);
    Table::new(PLAIN, Before::User, Event::Delete(NotPossible)).check([
        gone("not reachable", abandoned(always(Refresh, named("Unreachable"))), "rotating REFRESH! rotating-nobody deleting remove", ""),
        gone("refused", abandoned(always(Refresh, named("GrantRefused"))), "rotating REFRESH! outdated deleting remove", ""),
    ]);
    Table::new(PLAIN, Before::Outdated, Event::Delete(Done)).check([
        gone("it works again", nothing(), "rotating REFRESH active deleting REVOKE remove", "TokenRefreshed"),
    ]);
    // An enrolment with the same key may leave an older session: it is never Done.
    Table::new(RECOVERABLE, Before::Outdated, Event::Delete(Queued)).check([
        gone("recovered", first(Refresh, named("GrantRefused")), "rotating REFRESH! ENROLL active deleting revoking remove REVOKE remove", "UserRecovered RevocationPending RevocationDone"),
    ]);
}

#[test]
#[rustfmt::skip]
fn an_unfinished_enrolment_is_removed_or_what_it_replaced_stands_again_and_that_is_never_done() {
    let before = |before, event| Table::new(RECOVERABLE, before, event);
    let removed = || row("removed", nothing(), (S::Ok, ActivationRequired), "remove", "", "");
    before(Before::Unfinished, Event::DeleteByHandle(NotPossible)).check([removed()]);
    before(Before::Unfinished, Event::DeleteByHandleWithoutCredential).check([removed()]);
    before(Before::UnfinishedWithGrant, Event::DeleteByHandleWithoutCredential).check([removed()]);
    for with_grant in [Before::UnfinishedWithGrant, Before::UnfinishedWithRefusedGrant] {
        before(with_grant, Event::DeleteByHandle(Queued)).check([
            row("through Deleting", nothing(), (S::Ok, ActivationRequired), "deleting revoking remove REVOKE remove", "", QUEUED),
        ]);
    }
    let back = |done| row("put back", nothing(), (S::Ok, LoginRequired), done, "active+grant", "");
    before(Before::UnfinishedReplacement, Event::DeleteByHandle(NotPossible)).check([
        back("put-back"),
        row("putting back fails", first(Call::PutBack, UNAVAILABLE), (S::StorageUnavailable, LoginRequired), "put-back!", "aside:active+grant enrolling-nobody", ""),
    ]);
    before(Before::UnfinishedReplacement, Event::DeleteByHandleWithoutCredential).check([back("put-back")]);
}

#[test]
#[rustfmt::skip]
fn a_deletion_that_somebody_else_began_is_finished_and_never_done() {
    Table::new(RECOVERABLE, Before::User, Event::Delete(Queued)).check([
        gone("by user", given(deleting), "revoking remove forget REVOKE remove", QUEUED),
        row("finished the second time, and queued once", both(given(deleting), first(Remove, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "revoking remove! REVOKE remove", "deleting-nobody+grant", QUEUED),
    ]);
    Table::new(RECOVERABLE, Before::User, Event::DeleteByHandle(Queued)).check([
        gone("by handle", given(deleting), "revoking remove forget REVOKE remove", QUEUED),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_copy_of_the_deleted_user_goes_first() {
    Table::new(RECOVERABLE, Before::ReplacedWithCopy, Event::DeleteByHandle(Done)).check([
        gone("the copy", nothing(), "deleting REVOKE removex2", ""),
        failed("the copy stays", first(Remove, UNAVAILABLE), S::StorageUnavailable, "deleting REVOKE remove!", "aside:active+grant deleting+grant"),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_cannot_be_read_is_removed_by_handle_and_state() {
    for why in [Unreadable::Corrupted, Unreadable::NewerFormat, Unreadable::RestoredWithoutKey] {
        for event in [Event::DeleteByHandle(NotPossible), Event::DeleteByHandleWithoutCredential] {
            Table::new(RECOVERABLE, Before::User, event).check([
                gone("removed", given(move |world| unreadable(world, why)), "remove", ""),
                row("changed once", both(given(move |world| unreadable(world, why)), first(Remove, StorageError::Conflict)), (S::Ok, ActivationRequired), "remove! remove", "", ""),
                failed("not removed", both(given(move |world| unreadable(world, why)), first(Remove, UNAVAILABLE)), S::StorageUnavailable, "remove!", ""),
                row("another one is left alone", given(move |world| { unreadable(world, why); unreadable_elsewhere(world, why); }), (S::Ok, LoginRequired), "remove", "", ""),
            ]);
        }
        let status = vestibule::status::Cause::Unreadable(why).status();
        for event in [Event::Delete(NotPossible), Event::DeleteWithoutCredential] {
            Table::new(RECOVERABLE, Before::User, event).check([
                failed("by user: it may be that one, and nobody says that it is not there", given(move |world| unreadable(world, why)), status, "", ""),
            ]);
        }
    }
}

#[test]
#[rustfmt::skip]
fn nobody_is_deleted_while_somebody_is_at_work_on_it() {
    for event in [Event::Delete(Done), Event::DeleteWithoutCredential] {
        Table::new(RECOVERABLE, Before::User, event).check([
            failed("a living owner", given(|world| rotating_by(world, Some(living_owner(world)))), S::Busy, "", "rotating+grant"),
        ]);
    }
    Table::new(RECOVERABLE, Before::User, Event::DeleteWithoutCredential).check([
        gone("a gone one", given(|world| rotating_by(world, Some(GONE))), "deleting remove", ""),
    ]);
}
