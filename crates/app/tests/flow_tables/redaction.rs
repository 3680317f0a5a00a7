//! No secret in anything that can be printed: outcomes, failures, notifications, events, requests, replies, log lines.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;

use vestibule::event::{
    DeleteUserEvent, EnrollAnonymousUserEvent, ExchangeIamTokenEvent, GetInformationEvent, LogoutEvent,
    OfflineLoginEvent, RestartEvent,
};
use vestibule::ports::IdpError;
use vestibule::ports::testing::{ManualClock, MemoryStorage, ScriptedGate, ScriptedIdp, SeededEntropy};
use vestibule::status::Hint;
use vestibule::{AuthenticationMode, Failure, Sdk};

use crate::before::{TENANT, lost, of_somebody_unproven, start};
use crate::canaries::find;
use crate::scene::settle;
use crate::told_ports::{Diary, Told, listen};
use crate::world::RECOVERABLE;

/// What the person types: a word that nothing else holds.
const PASSWORD: &str = "canary-password-of-a-person";

struct Story {
    sdk: Sdk,
    idp: ScriptedIdp,
    disk: MemoryStorage,
    diary: Diary,
}

impl Story {
    fn begin(diary: &Diary) -> Self {
        let clock = ManualClock::auto_advancing();
        let idp = ScriptedIdp::new(RECOVERABLE).with_clock(Arc::new(clock.clone()));
        let disk = MemoryStorage::new();
        let sdk = Sdk::builder(
            Arc::new(Told(idp.clone(), diary.clone())),
            Arc::new(Told(disk.clone(), diary.clone())),
        )
        .password_source(Arc::new(Told(PASSWORD, diary.clone())))
        .biometric_gate(Arc::new(Told(ScriptedGate::new(), diary.clone())))
        .entropy(Arc::new(Told(SeededEntropy::new(77), diary.clone())))
        .clock(Arc::new(clock))
        .build()
        .unwrap();
        Self {
            sdk,
            idp,
            disk,
            diary: diary.clone(),
        }
    }

    /// Sends an event, and prints it and whatever it came to.
    async fn send<E: vestibule::SdkEvent + Debug>(&self, event: E) -> Result<E::Outcome, Failure>
    where
        E::Outcome: Debug + Clone,
    {
        self.diary.tell(&event);
        let ended = self.sdk.send(event).await;
        self.diary.tell(&self.sdk);
        match ended {
            Ok(answer) => {
                self.diary.tell(&answer);
                Ok(answer.outcome)
            }
            Err(failure) => {
                self.diary.tell(&failure);
                let mut error: Option<&dyn Error> = Some(&failure);
                while let Some(shown) = error {
                    self.diary.tell_text(&shown.to_string());
                    error = shown.source();
                }
                self.diary.tell_text(failure.cause.advice());
                Err(failure)
            }
        }
    }

    /// Enrols in a mode, gets a token, fails in many ways, logs in again.
    async fn live(&self, mode: AuthenticationMode) {
        let enrolment = || EnrollAnonymousUserEvent::new(format!("{TENANT}-{mode:?}"), mode);
        self.idp.next_enroll(Err(lost()));
        self.idp
            .next_enroll(Err(IdpError::CodeRefused(Hint::new("the server's words"))));
        self.send(enrolment()).await.unwrap_err();
        self.idp.next_enroll_altered(of_somebody_unproven);
        self.send(enrolment()).await.unwrap_err();
        let enrolled = self.send(enrolment()).await.unwrap();
        self.send(ExchangeIamTokenEvent::new("orders")).await.unwrap();
        self.send(ExchangeIamTokenEvent::new("orders")).await.unwrap();
        self.idp
            .next_refresh(Err(IdpError::GrantRefused(Hint::new("Session not active"))));
        self.send(ExchangeIamTokenEvent::new("billing")).await.unwrap();
        self.lose_a_write().await;
        self.send(LogoutEvent).await.unwrap();
        let login = || OfflineLoginEvent::new(enrolled.user_identifier.clone());
        self.send(login()).await.unwrap();
        self.send(GetInformationEvent).await.unwrap();
        self.send(LogoutEvent).await.unwrap();
        self.send(enrolment()).await.unwrap_err();
        let replacing = enrolment().replacing(enrolled.user_identifier.clone());
        let replaced = self.send(replacing).await.unwrap();
        self.send(RestartEvent).await.unwrap();
        settle().await;
        self.idp
            .next_revoke(Err(IdpError::Unreachable(Hint::new("the network's words"))));
        self.send(DeleteUserEvent::new(replaced.user_identifier.clone()))
            .await
            .unwrap();
        settle().await;
        let enrolled = self.send(enrolment()).await.unwrap();
        self.send(RestartEvent).await.unwrap();
        self.send(DeleteUserEvent::new(enrolled.user_identifier.clone()).without_credential())
            .await
            .unwrap();
        self.send(enrolment()).await.unwrap();
        self.send(RestartEvent).await.unwrap();
        settle().await;
    }

    /// The disk is away while an answer of the IdP is to be kept.
    async fn lose_a_write(&self) {
        let disk = self.disk.clone();
        self.idp.next_refresh_altered(move |refreshed| {
            disk.set_unavailable(Some("planned"));
            refreshed
        });
        self.send(ExchangeIamTokenEvent::new("invoices")).await.unwrap_err();
        self.disk.set_unavailable(None);
        self.send(ExchangeIamTokenEvent::new("invoices")).await.unwrap();
    }
}

#[tokio::test]
async fn no_secret_of_a_whole_story_is_in_anything_that_can_be_printed() {
    let diary = Diary::default();
    let listening = listen(&diary);
    let story = Story::begin(&diary);
    let mut told = story.sdk.notifications();
    story.send(start()).await.unwrap();
    for mode in [
        AuthenticationMode::No,
        AuthenticationMode::Password,
        AuthenticationMode::Biometric,
    ] {
        story.live(mode).await;
    }
    let mut kinds = 0;
    while let Some(notification) = told.try_next() {
        diary.tell(&notification);
        kinds += 1;
    }
    drop(listening);
    assert!(kinds > 20, "only {kinds} notifications");
    story.disk.records().iter().for_each(|record| diary.tell(record));
    diary.tell_text(&story.idp.journal().to_string());

    let text = diary.text();
    for line in [
        "Grant(..)",
        "EnrolmentKey(..)",
        "AccessToken(..)",
        "Password(..)",
        "GateKey(..)",
        "RecordKey(..)",
        "Payload(..)",
    ] {
        assert!(text.contains(line), "the story never met {line}");
    }
    assert!(
        text.contains("is not on disk yet: trying again"),
        "no log line was heard"
    );
    let secrets = diary.secrets();
    for what in [
        "enrolment key",
        "grant",
        "token",
        "password",
        "gate key",
        "record key",
        "drawn key",
    ] {
        assert!(
            secrets.iter().any(|(of, _)| *of == what),
            "the story never met a {what}"
        );
    }
    for (what, secret) in secrets {
        if let Some(shape) = find(&secret, &text) {
            let line = text.lines().find(|line| line.contains(&shape));
            panic!("a {what} is in: {line:?}");
        }
    }
}
