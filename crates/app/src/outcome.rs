//! What events answer.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::deletion::Revocation;
use vestibule_domain::identifiers::{Audience, ClientId, RecordHandle, TenantId, UserIdentifier};
use vestibule_domain::instant::WallTime;
use vestibule_domain::record::{Header, StageKind, Unreadable};
use vestibule_domain::sdk_state::SdkState;
use vestibule_domain::secret::AccessToken;
use vestibule_ports::ListedRecord;

/// What Start and Restart found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// The records of this device, without those that only finish something (deletions, revocations).
    pub known: Vec<KnownRecord>,
}

/// One record of this device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownRecord {
    /// What names the record even where it has no user.
    pub handle: RecordHandle,
    /// What could be read of it, or why nothing.
    pub content: Result<KnownContent, Unreadable>,
}

/// What can be read of a record without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownContent {
    /// The user; `None` while the enrolment is unfinished.
    pub user: Option<UserIdentifier>,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The client.
    pub client_id: ClientId,
    /// How the record is protected.
    pub authentication_mode: AuthenticationMode,
    /// Its stage.
    pub stage: StageKind,
}

impl KnownRecord {
    pub(crate) fn from_listed(listed: &ListedRecord) -> Self {
        Self {
            handle: listed.handle,
            content: listed
                .header
                .as_ref()
                .map(KnownContent::from_header)
                .map_err(|why| *why),
        }
    }

    /// The user of this record, if it is readable and has one.
    #[must_use]
    pub fn user(&self) -> Option<&UserIdentifier> {
        self.content.as_ref().ok().and_then(|content| content.user.as_ref())
    }
}

impl KnownContent {
    fn from_header(header: &Header) -> Self {
        Self {
            user: user_of(header),
            tenant_id: header.tenant_id.clone(),
            client_id: header.slot.client_id.clone(),
            authentication_mode: header.mode,
            stage: header.stage.kind(),
        }
    }
}

/// The user that a header names, with its tenant.
pub(crate) fn user_of(header: &Header) -> Option<UserIdentifier> {
    let user_id = header.stage.user()?.clone();
    Some(UserIdentifier {
        tenant_id: header.tenant_id.clone(),
        user_id,
    })
}

/// What a deletion left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deleted {
    /// What is left on this device, as far as it could be read. Deleting an unfinished enrolment puts back what it
    /// replaced.
    pub remaining: Vec<KnownRecord>,
    /// What became of the session at the IdP.
    pub revocation: Revocation,
}

/// An enrolled user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnrolledUser {
    /// The user.
    pub user_identifier: UserIdentifier,
    /// How its token is kept.
    pub authentication_mode: AuthenticationMode,
    /// Whether the IdP ties the user to this device's key: then losing the token does not lose the user.
    pub recoverable: bool,
    /// When the session at the IdP ends unless it is used; `None` when no end is known.
    pub session_expires_at: Option<WallTime>,
}

/// An access token for one audience.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IamToken {
    /// The token itself.
    pub value: AccessToken,
    /// Whom it is for.
    pub audience: Audience,
    /// Its scopes.
    pub scope: Vec<String>,
    /// When it expires, by this device's clock.
    pub expires_at: WallTime,
}

/// What GetInformation tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Information {
    /// Version of this SDK.
    pub sdk_version: &'static str,
    /// The state.
    pub sdk_state: SdkState,
    /// The users of this device, as last read.
    pub users: Vec<UserIdentifier>,
    /// Who is logged in.
    pub logged_in: Option<UserIdentifier>,
    /// When the session at the IdP ends unless it is used; `None` when nobody is logged in or no end is known.
    pub session_expires_at: Option<WallTime>,
    /// Sessions at the IdP that this handle knows to be queued for revocation; it works them off in the background.
    pub revocations_queued: usize,
    /// Counters since this SDK was built.
    pub counters: Counters,
}

/// Counters since an SDK was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests to renew a grant.
    pub refreshes: u64,
    /// Calls of enroll, recoveries included.
    pub enrolments: u64,
    /// Users found again by their key.
    pub recoveries: u64,
    /// Tokens answered from memory.
    pub cached_tokens: u64,
}
