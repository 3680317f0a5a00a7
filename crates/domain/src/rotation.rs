//! What follows from the IdP's answer to a request that may bring a new grant.

use core::time::Duration;

/// A record that was marked Outdated by this handle is not tried again before this much time has passed.
pub const OUTDATED_RESTS: Duration = Duration::from_secs(10);

/// The IdP's answer, as far as the record is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// 200, with or without a successor, and the token is what was asked for.
    Granted,
    /// 200, but the asked audience is missing: it was not granted at enrolment.
    AudienceMissing,
    /// 200, but the access token or the subject must not be trusted.
    Distrusted,
    /// The request was certainly not sent, or not acted upon (a rate limit).
    NotSent,
    /// The request may have been acted upon; the answer was lost.
    Unclear,
    /// `invalid_grant` (RFC 6749, section 5.2), and not because of the proof.
    GrantRefused,
    /// Refused because of the proof: a matter of key or clock, never of the grant.
    ProofRefused,
    /// Another OAuth error.
    OtherRefusal,
}

/// What the flow knows beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Whether a request of this flow, or a lease that it took over, was unclear. A repeated request implies it.
    pub unclear: bool,
    /// Whether the request was repeated already.
    pub repeated: bool,
    /// Whether the IdP ties the user to the device key.
    pub recoverable: bool,
    /// Whether one enrolment for a missing audience is still free in this process.
    pub may_widen: bool,
}

/// What the flow does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Write Active first, then hand out the token.
    Keep,
    /// Write Active first, then answer that the token must not be trusted.
    Distrust,
    /// Write Active first, then enrol once more with the same key for the wider scope.
    Widen,
    /// Write Active first, then answer that the audience was not granted.
    Deny,
    /// Wait, write the lease again, send the old grant once more.
    RepeatOnce,
    /// Leave the lease to nobody and answer.
    LeaveForLater,
    /// Write back what was found and answer.
    GiveBack,
    /// Enrol with the same key under the same lease.
    Recover,
    /// Write Outdated, grant kept.
    Outdated,
}

/// Decides after an answer.
#[must_use]
pub const fn after(answer: Answer, course: Course) -> Next {
    match answer {
        Answer::Granted => Next::Keep,
        Answer::Distrusted => Next::Distrust,
        Answer::AudienceMissing if course.recoverable && course.may_widen => Next::Widen,
        Answer::AudienceMissing => Next::Deny,
        Answer::Unclear if !course.repeated => Next::RepeatOnce,
        Answer::Unclear => Next::LeaveForLater,
        Answer::NotSent | Answer::ProofRefused | Answer::OtherRefusal if course.unclear || course.repeated => {
            Next::LeaveForLater
        }
        Answer::NotSent | Answer::ProofRefused | Answer::OtherRefusal => Next::GiveBack,
        Answer::GrantRefused if course.recoverable => Next::Recover,
        Answer::GrantRefused => Next::Outdated,
    }
}

/// The answer to an enrolment with the key of a user that stands already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reenrolled {
    /// The same user, proven.
    SameUser,
    /// Another user, proven: the IdP did not keep its promise.
    AnotherUser,
    /// A grant came, but whose it is was not proven.
    Unproven,
    /// Refused, before or after a code.
    Refused,
    /// Not sent, or it may have been done.
    NotSentOrUnclear,
}

/// Why the same key is enrolled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The grant was refused.
    Recovery,
    /// An audience is missing; the grant in hand works.
    WiderScope,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterReenrolment {
    /// Write Active with the new grant first.
    Keep,
    /// Queue the new grant's revocation (a session of its own), then write Outdated with the old grant.
    QueueThenOutdated,
    /// Queue the new grant's revocation, then go on as after [`Answer::NotSent`]: the grant in hand works.
    QueueThenGiveBack,
    /// Write Outdated with the old grant.
    Outdated,
    /// Go on as after [`Answer::NotSent`]: the grant in hand works.
    GiveBack,
    /// Leave the lease to nobody, not reachable.
    LeaveForLater,
}

/// Decides after enrolling again with the same key. With another user nothing is changed: the old grant stays.
#[must_use]
pub const fn after_reenrolment(answer: Reenrolled, reason: Reason) -> AfterReenrolment {
    match (answer, reason) {
        (Reenrolled::SameUser, Reason::Recovery | Reason::WiderScope) => AfterReenrolment::Keep,
        (Reenrolled::AnotherUser | Reenrolled::Unproven, Reason::Recovery) => AfterReenrolment::QueueThenOutdated,
        (Reenrolled::AnotherUser | Reenrolled::Unproven, Reason::WiderScope) => AfterReenrolment::QueueThenGiveBack,
        (Reenrolled::Refused, Reason::Recovery) => AfterReenrolment::Outdated,
        (Reenrolled::Refused, Reason::WiderScope) => AfterReenrolment::GiveBack,
        (Reenrolled::NotSentOrUnclear, Reason::Recovery | Reason::WiderScope) => AfterReenrolment::LeaveForLater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every course, in the order of a counter of four bits: unclear, repeated, recoverable, may widen.
    fn courses() -> [Course; 16] {
        core::array::from_fn(|bits| Course {
            unclear: bits & 8 != 0,
            repeated: bits & 4 != 0,
            recoverable: bits & 2 != 0,
            may_widen: bits & 1 != 0,
        })
    }

    #[test]
    fn every_answer_on_every_course_has_one_next_step() {
        use Next::{
            Deny, Distrust, GiveBack as Back, Keep, LeaveForLater as Leave, Outdated, Recover, RepeatOnce as Again,
            Widen,
        };
        let not_sent = [
            Back, Back, Back, Back, Leave, Leave, Leave, Leave, Leave, Leave, Leave, Leave, Leave, Leave, Leave, Leave,
        ];
        let missing = [
            Deny, Deny, Deny, Widen, Deny, Deny, Deny, Widen, Deny, Deny, Deny, Widen, Deny, Deny, Deny, Widen,
        ];
        let unclear = [
            Again, Again, Again, Again, Leave, Leave, Leave, Leave, Again, Again, Again, Again, Leave, Leave, Leave,
            Leave,
        ];
        let refused = [
            Outdated, Outdated, Recover, Recover, Outdated, Outdated, Recover, Recover, Outdated, Outdated, Recover,
            Recover, Outdated, Outdated, Recover, Recover,
        ];
        let table = [
            (Answer::Granted, [Keep; 16]),
            (Answer::AudienceMissing, missing),
            (Answer::Distrusted, [Distrust; 16]),
            (Answer::NotSent, not_sent),
            (Answer::Unclear, unclear),
            (Answer::GrantRefused, refused),
            (Answer::ProofRefused, not_sent),
            (Answer::OtherRefusal, not_sent),
        ];
        for (answer, expected) in table {
            for (course, expected) in courses().into_iter().zip(expected) {
                assert_eq!(after(answer, course), expected, "{answer:?}, {course:?}");
            }
        }
    }

    #[test]
    fn enrolling_again_with_the_same_key_changes_nothing_unless_it_is_the_same_user() {
        use AfterReenrolment::{GiveBack, Keep, LeaveForLater, Outdated, QueueThenGiveBack, QueueThenOutdated};
        // columns: for a refused grant, for a wider scope
        let table = [
            (Reenrolled::SameUser, [Keep, Keep]),
            (Reenrolled::AnotherUser, [QueueThenOutdated, QueueThenGiveBack]),
            (Reenrolled::Unproven, [QueueThenOutdated, QueueThenGiveBack]),
            (Reenrolled::Refused, [Outdated, GiveBack]),
            (Reenrolled::NotSentOrUnclear, [LeaveForLater, LeaveForLater]),
        ];
        for (answer, expected) in table {
            let actual = [Reason::Recovery, Reason::WiderScope].map(|reason| after_reenrolment(answer, reason));
            assert_eq!(actual, expected, "{answer:?}");
        }
    }
}
