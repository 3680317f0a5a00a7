//! What follows from the IdP's answer to a request that may bring a new grant.

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
    /// Whether a request of this flow, or a lease that it took over, was unclear.
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
        Answer::NotSent | Answer::ProofRefused | Answer::OtherRefusal if course.unclear => Next::LeaveForLater,
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
    /// Queue the new grant's revocation, then write back what was found.
    QueueThenGiveBack,
    /// Write Outdated with the old grant.
    Outdated,
    /// Write back what was found.
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
