//! A record under my lease: the durable intent to ask the IdP, and what may be written while it stands.

use vestibule_domain::identifiers::UserId;
use vestibule_domain::record::{Lease, Stage};
use vestibule_domain::record_lease::{Presence, may_start_call};
use vestibule_domain::status::Cause;
use vestibule_ports::{Entered, StorageError};

use crate::core::{Core, FlowContext};
use crate::ledger::{Held, WriteFault};
use crate::patience::Patience;
use crate::record_body::RecordBody;
use crate::reread_record::{LEASE_TRIES, NoLease, reread};

/// What is being done under the lease.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Enrolling,
    Rotating(UserId),
}

impl Work {
    pub(crate) fn stage(&self, lease: Lease) -> Stage {
        match self {
            Self::Enrolling => Stage::Enrolling { lease },
            Self::Rotating(user) => Stage::Rotating {
                user: user.clone(),
                lease,
            },
        }
    }
}

/// A record under my lease. Dropping it leaves: the lease is then owned by somebody gone.
pub(crate) struct LeasedRecord {
    pub cx: FlowContext,
    pub held: Held,
    pub work: Work,
    /// Whether a request of this flow, or a lease that it took over, was unclear.
    pub unclear: bool,
    /// What stood there before, to be given back.
    found: Stage,
    entered: Entered,
    /// Whether an adapter was called since the lease was written.
    called: bool,
}

/// What became of a write that is repeated until it is definite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It stands.
    Stands,
    /// Something else stands; `unclear` is whether any try of mine may have stood in between.
    Conflict { unclear: bool },
    /// It cannot be written, and trying again does not help.
    Failed(StorageError),
}

impl LeasedRecord {
    /// A lease that was just written by hand.
    pub(crate) const fn written(
        cx: FlowContext,
        held: Held,
        work: Work,
        entered: Entered,
        found: Stage,
        unclear: bool,
    ) -> Self {
        Self {
            cx,
            held,
            work,
            unclear,
            found,
            entered,
            called: false,
        }
    }

    /// Takes the lease of a user's record: re-reads it, waits for its turn, and writes the intent with the grant.
    pub(crate) async fn take(cx: &FlowContext, mut held: Held) -> Result<Self, NoLease> {
        let core = &cx.core;
        let entered = core.ports.presence.enter().await.map_err(Cause::from)?;
        for _ in 0..LEASE_TRIES {
            let unclear;
            (held, unclear) = reread(core, held).await?;
            let found = held.header.stage.clone();
            let user = found
                .user()
                .or(held.body.subject.as_ref())
                .cloned()
                .ok_or(Cause::NoToken)?;
            let work = Work::Rotating(user);
            let lease = Lease {
                owner: Some(entered.owner()),
                written: core.now(),
            };
            let header = held.header.next(core.make_write_id()?, work.stage(lease));
            let body = held.body.clone();
            match core.ledger.reseal(&mut held, header, body).await {
                Ok(room) => {
                    let leased = Self::written(cx.clone(), held, work, entered, found, unclear);
                    return if room {
                        Ok(leased)
                    } else {
                        Err(leased.without_room().await.into())
                    };
                }
                Err(WriteFault {
                    error: StorageError::Conflict,
                    ..
                }) => {}
                Err(fault) => return Err(Cause::from(fault).into()),
            }
        }
        Err(Cause::RecordInUse.into())
    }

    pub(crate) fn core(&self) -> &Core {
        &self.cx.core
    }

    /// Writes the lease again, as every further request wants it. When that fails, nothing more is sent.
    pub(crate) async fn renew(&mut self) -> Result<(), Cause> {
        let written = self.core().now();
        let stage = self.work.stage(Lease {
            owner: Some(self.entered.owner()),
            written,
        });
        self.write_stage(stage).await?;
        self.called = false;
        Ok(())
    }

    /// Goes before every adapter call. Where nobody can see whether I live, the lease ends by age: there it is written
    /// again before each further call, and no call starts long after that write.
    pub(crate) async fn before_call(&mut self) -> Result<(), Cause> {
        for _ in 0..LEASE_TRIES {
            if (!self.called && self.is_lease_young()) || !self.does_lease_end_by_age().await {
                self.called = true;
                return Ok(());
            }
            self.renew().await?;
        }
        Err(Cause::StorageUnavailable("a lease takes too long to be written"))
    }

    /// Ends the flow where its request may still be under way: the lease is owned by nobody, so that a living idle
    /// process blocks no one.
    pub(crate) async fn leave_to_nobody(mut self) -> Held {
        let stage = self.work.stage(self.core().lease_of_nobody());
        self.write_stage_if_possible(stage).await;
        self.held
    }

    /// Ends the flow where nothing was sent: what was found stands again, unless a request or a lease taken over was
    /// unclear.
    pub(crate) async fn give_back(mut self) -> Held {
        if self.unclear {
            return self.leave_to_nobody().await;
        }
        let stage = self.found.clone();
        self.write_stage_if_possible(stage).await;
        self.held
    }

    /// Writes what must not be lost, again and again until it is definite, or until a failure that no repeat mends has lasted
    /// as long as a caller waits. After [`CALLER_WAITS`](crate::patience::CALLER_WAITS) the event is answered
    /// and the write goes on.
    pub(crate) async fn keep(&mut self, stage: Stage, body: RecordBody) -> Kept {
        let mut patience = Patience::new(&self.cx);
        let mut unclear = false;
        let header = loop {
            match self.core().make_write_id() {
                Ok(write_id) => break self.held.header.next(write_id, stage),
                Err(_) => patience.wait(&self.cx).await,
            }
        };
        loop {
            let FlowContext { core, .. } = &self.cx;
            match core.ledger.reseal(&mut self.held, header.clone(), body.clone()).await {
                Ok(_) => return Kept::Stands,
                Err(fault) => {
                    unclear |= fault.unclear;
                    if fault.error == StorageError::Conflict {
                        return Kept::Conflict { unclear };
                    }
                    if fault.error.is_permanent() && patience.is_over(&self.cx) {
                        return Kept::Failed(fault.error);
                    }
                    tracing::warn!(error = %fault.error, "what the IdP answered is not on disk yet: trying again");
                }
            }
            patience.wait(&self.cx).await;
        }
    }

    /// The lease that this flow would write now.
    pub(crate) fn my_lease(&self) -> Lease {
        Lease {
            owner: Some(self.entered.owner()),
            written: self.core().now(),
        }
    }

    /// Whether the lease that stands is mine.
    pub(crate) fn is_mine(&self) -> bool {
        self.owns(&self.held.header.stage)
    }

    /// Whether the lease of this stage is this flow's own.
    pub(crate) fn owns(&self, stage: &Stage) -> bool {
        stage
            .lease()
            .is_some_and(|lease| lease.owner == Some(self.entered.owner()))
    }

    /// Ends the flow after a write that ended the lease, too.
    pub(crate) fn into_held(self) -> Held {
        self.held
    }

    fn is_lease_young(&self) -> bool {
        let lease = self.held.header.stage.lease();
        lease.is_some_and(|lease| may_start_call(lease.written, self.core().now()))
    }

    async fn does_lease_end_by_age(&self) -> bool {
        let presence = self.core().ports.presence.of(self.entered.owner()).await;
        match presence.unwrap_or(Presence::Unknown) {
            Presence::Unknown => true,
            Presence::Alive | Presence::Gone => false,
        }
    }

    async fn without_room(self) -> Cause {
        self.give_back().await;
        Cause::StorageUnavailable("there is no room for the answer of the IdP")
    }

    async fn write_stage(&mut self, stage: Stage) -> Result<(), Cause> {
        let FlowContext { core, .. } = &self.cx;
        let header = self.held.header.next(core.make_write_id()?, stage);
        let body = self.held.body.clone();
        core.ledger.reseal(&mut self.held, header, body).await?;
        Ok(())
    }

    async fn write_stage_if_possible(&mut self, stage: Stage) {
        if let Err(cause) = self.write_stage(stage).await {
            tracing::warn!(%cause, "a lease could not be given back: it ends because its owner is gone");
        }
    }
}
