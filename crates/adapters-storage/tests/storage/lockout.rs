//! Guessing takes time: over restarts, boots and changes of the date.

use core::time::Duration;
use std::sync::Arc;

use vestibule_adapters_storage::{MemoryByteStore, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::instant::WallTime;
use vestibule_domain::lockout::{FIRST_DELAYED_GUESS, LONGEST_DELAY};
use vestibule_domain::record::{Header, Lookup, Place};
use vestibule_ports::testing::ManualClock;
use vestibule_ports::{Clock, Content, Key, Opened, SecureStorage, StorageError, Written};

use super::support::*;

const RIGHT: &str = "correct horse";
const WRONG: &str = "battery staple";

/// A device with one record in mode password.
pub(super) struct Guarded {
    pub store: Arc<MemoryByteStore>,
    pub clock: ManualClock,
    pub vault: Vault,
    pub header: Header,
    pub written: Written,
}

impl Guarded {
    pub(super) async fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryByteStore::default()), ManualClock::new());
        let vault = process(&store, &clock);
        let header = in_mode(AuthenticationMode::Password, header(1, "app", active()));
        let written = write(&vault, None, &header, sealed_under("text", password(RIGHT)))
            .await
            .unwrap();
        Self {
            store,
            clock,
            vault,
            header,
            written,
        }
    }

    /// The app is started again.
    pub(super) fn restart(&mut self) {
        self.vault = process(&self.store, &self.clock);
    }

    pub(super) async fn guess(&self, text: &str) -> Result<Opened, StorageError> {
        let key = Key::Credential(password(text));
        self.vault.open(place(&self.header), key).await
    }

    pub(super) async fn guess_wrong(&self, times: u32) {
        for guess in 1..=times {
            let refused = self.guess(WRONG).await.unwrap_err();
            assert_eq!(refused, StorageError::WrongCredential, "guess {guess}");
        }
    }

    /// The wait in seconds, as told before anybody is asked; zero when there is none.
    pub(super) async fn told(&self) -> u64 {
        match self.vault.describe(place(&self.header)).await.unwrap() {
            Lookup::Present(described) => described.locked_out.map_or(0, |wait| wait.as_secs()),
            Lookup::Absent => panic!("the record is there"),
        }
    }

    /// The wait in seconds, as a right password meets it, and as it is told; zero when it opens.
    pub(super) async fn wait(&self) -> u64 {
        let told = self.told().await;
        let met = match self.guess(RIGHT).await {
            Ok(_) => 0,
            Err(StorageError::LockedOut(wait)) => wait.as_secs(),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(told, met, "what is told is what is met");
        met
    }
}

fn process(store: &Arc<MemoryByteStore>, clock: &ManualClock) -> Vault {
    let clock = Arc::new(clock.clone());
    Vault::new(store.clone(), Arc::new(device()), clock, HashedEntropy::new(1)).with_settings(cheap())
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn the_fifth_wrong_guess_locks_and_the_right_one_is_not_looked_at() {
    let guarded = Guarded::new().await;
    guarded.guess_wrong(4).await;
    assert_eq!(guarded.told().await, 0);
    guarded.guess_wrong(1).await;
    assert_eq!(guarded.wait().await, 30);
    for text in [WRONG, "", &"x".repeat(2000)] {
        assert_eq!(guarded.guess(text).await.unwrap_err(), StorageError::LockedOut(s(30)));
    }
    guarded.clock.advance(s(29));
    assert_eq!(guarded.wait().await, 1);
    guarded.clock.advance(s(1));
    assert_eq!(guarded.wait().await, 0);
    // It has opened: the next four are free again.
    guarded.guess_wrong(4).await;
    assert_eq!(guarded.wait().await, 0);
}

#[tokio::test]
async fn each_wrong_guess_more_waits_longer_up_to_an_hour() {
    let mut guarded = Guarded::new().await;
    guarded.guess_wrong(4).await;
    for wait in [30, 60, 300, 900, 3600, 3600, 3600] {
        guarded.guess_wrong(1).await;
        guarded.restart();
        assert_eq!(guarded.wait().await, wait);
        guarded.clock.advance(s(wait));
    }
    assert_eq!(guarded.wait().await, 0);
}

#[tokio::test]
async fn neither_a_restart_nor_a_boot_nor_a_date_ends_a_wait_early() {
    type Change = fn(&mut Guarded);
    let set_wall = |guarded: &Guarded, seconds: i64| {
        let wall = WallTime::from_unix_ms(guarded.clock.wall().unix_ms() + seconds * 1000);
        guarded.clock.set_wall(wall);
    };
    // columns: what happens in a wait of 60 s, what is left of it in seconds
    let table: [(&str, Change, u64); 9] = [
        ("20 s pass", |guarded| guarded.clock.advance(s(20)), 40),
        (
            "20 s pass and the app is started again",
            |guarded| {
                guarded.clock.advance(s(20));
                guarded.restart();
            },
            40,
        ),
        (
            "the device is booted, which takes a minute",
            |guarded| {
                guarded.clock.advance(s(60));
                guarded.clock.reboot();
                guarded.restart();
            },
            60,
        ),
        (
            "booted, and 20 s pass",
            |guarded| {
                guarded.clock.reboot();
                guarded.restart();
                guarded.clock.advance(s(20));
            },
            40,
        ),
        (
            "booted again and again",
            |guarded| {
                for _ in 0..9 {
                    guarded.clock.advance(s(20));
                    guarded.clock.reboot();
                }
            },
            60,
        ),
        ("the date is set a year ahead", |_| {}, 60),
        (
            "booted and the date set ahead",
            |guarded| {
                guarded.clock.reboot();
                guarded.clock.advance(s(20));
            },
            40,
        ),
        ("the date is set back", |_| {}, 60),
        (
            "20 s pass, then the date is set back",
            |guarded| guarded.clock.advance(s(20)),
            60,
        ),
    ];
    for (what, change, left) in table {
        let mut guarded = Guarded::new().await;
        guarded.guess_wrong(5).await;
        guarded.clock.advance(s(30));
        guarded.guess_wrong(1).await;
        change(&mut guarded);
        if what.contains("ahead") {
            set_wall(&guarded, 365 * 24 * 3600);
        }
        if what.contains("back") {
            set_wall(&guarded, -3600);
        }
        assert_eq!(guarded.wait().await, left, "{what}");
        guarded.clock.advance(s(left));
        assert_eq!(guarded.wait().await, 0, "{what}: and then it is over");
    }
}

#[tokio::test]
async fn a_date_that_was_far_ahead_and_is_put_right_does_not_lock_until_then() {
    let guarded = Guarded::new().await;
    let right = guarded.clock.wall();
    guarded.clock.set_wall(WallTime::from_unix_s(4_000_000_000));
    guarded.guess_wrong(5).await;
    guarded.clock.set_wall(right);
    guarded.clock.advance(s(7));
    assert_eq!(guarded.told().await, 30);
    guarded.clock.advance(s(30));
    assert_eq!(guarded.wait().await, 0);
}

async fn attempts_name(guarded: &Guarded) -> String {
    format!("{}.attempts", handle(&guarded.vault, &guarded.header).await)
}

#[tokio::test]
async fn a_missing_or_changed_count_is_the_longest_wait_and_not_the_end() {
    let guarded = Guarded::new().await;
    guarded.guess_wrong(1).await;
    let name = attempts_name(&guarded).await;
    let right = entry(&guarded, &name).await;
    // The count of another slot, as it lies there.
    let other = in_mode(AuthenticationMode::Password, header(1, "other", active()));
    let content = sealed_under("text", password(RIGHT));
    let _ = write(&guarded.vault, None, &other, content).await.unwrap();
    let foreign = format!("{}.attempts", handle(&guarded.vault, &other).await);
    let foreign = entry(&guarded, &foreign).await;
    let changed = (0..right.len()).map(|at| {
        let mut bytes = right.clone();
        bytes[at] ^= 1;
        (format!("byte {at} changed"), Some(bytes))
    });
    let shortened = (0..right.len())
        .step_by(7)
        .map(|len| (format!("cut to {len} bytes"), Some(right[..len].to_vec())));
    let rest = [
        ("removed".to_owned(), None),
        ("of another slot".to_owned(), Some(foreign)),
        ("longer".to_owned(), Some([right.clone(), vec![0]].concat())),
        ("huge".to_owned(), Some(vec![0xa4; 1024 * 1024])),
    ];
    for (what, bytes) in changed.chain(shortened).chain(rest) {
        match bytes {
            Some(bytes) => plant(&*guarded.store, &name, bytes).await,
            None => unplant(&*guarded.store, &name).await,
        }
        assert_eq!(guarded.told().await, 3600, "{what}");
        guarded.clock.advance(s(3599));
        assert_eq!(
            guarded.wait().await,
            1,
            "{what}: the wait has begun with the first look"
        );
        guarded.clock.advance(s(1));
    }
    assert_eq!(guarded.wait().await, 0, "it opens in the end");
}

#[tokio::test]
async fn an_opening_begins_the_longest_wait_too() {
    let guarded = Guarded::new().await;
    unplant(&*guarded.store, &attempts_name(&guarded).await).await;
    for _ in 0..3 {
        let refused = guarded.guess(RIGHT).await.unwrap_err();
        assert_eq!(refused, StorageError::LockedOut(LONGEST_DELAY));
    }
    guarded.clock.advance(LONGEST_DELAY);
    assert_eq!(guarded.wait().await, 0);
}

async fn entry(guarded: &Guarded, name: &str) -> Vec<u8> {
    bytes_named(&*guarded.store, name).await
}

#[tokio::test]
async fn a_record_key_opens_a_record_that_is_locked_out_and_is_no_guess() {
    let guarded = Guarded::new().await;
    guarded.guess_wrong(5).await;
    for _ in 0..6 {
        let key = Key::RecordKey(guarded.written.key.clone());
        assert!(guarded.vault.open(place(&guarded.header), key).await.is_ok());
    }
    assert_eq!(guarded.wait().await, 30, "it has not reset the count either");
}

#[tokio::test]
async fn replacing_a_record_and_putting_it_back_buys_no_guess() {
    let mut guarded = Guarded::new().await;
    let slot = handle(&guarded.vault, &guarded.header).await;
    for round in 0..FIRST_DELAYED_GUESS {
        guarded.guess_wrong(1).await;
        let standing = revision_of(&guarded.vault, slot).await;
        let aside = guarded.vault.keep_aside(slot, standing.clone()).await.unwrap();
        // A new identity with a password that the guesser knows, opened with it.
        let new = in_mode(AuthenticationMode::Password, header(0x20, "app", enrolling()));
        let content: Content = sealed_under("new", password("known to me"));
        let written = write(&guarded.vault, Some(&standing), &new, content).await.unwrap();
        let known = Key::Credential(password("known to me"));
        assert!(guarded.vault.open(place(&new), known).await.is_ok(), "round {round}");
        guarded.vault.put_back(aside, Some(written.revision)).await.unwrap();
        guarded.restart();
    }
    assert_eq!(guarded.wait().await, 30);
}

#[tokio::test]
async fn a_record_is_not_locked_by_replacements_that_were_put_back_again_and_again() {
    let guarded = Guarded::new().await;
    let slot = handle(&guarded.vault, &guarded.header).await;
    for number in 0x20..0x2a {
        let standing = revision_of(&guarded.vault, slot).await;
        let aside = guarded.vault.keep_aside(slot, standing.clone()).await.unwrap();
        let new = in_mode(AuthenticationMode::Password, header(number, "app", enrolling()));
        let content = sealed_under("new", password("another one"));
        let written = write(&guarded.vault, Some(&standing), &new, content).await.unwrap();
        guarded.vault.put_back(aside, Some(written.revision)).await.unwrap();
    }
    assert_eq!(guarded.wait().await, 0);
}

#[tokio::test]
async fn a_password_tried_by_writing_the_same_record_once_more_is_counted() {
    let guarded = Guarded::new().await;
    for guess in 1..=FIRST_DELAYED_GUESS {
        let content = sealed_under("text", password(WRONG));
        let refused = write(&guarded.vault, None, &guarded.header, content).await.unwrap_err();
        assert_eq!(refused, StorageError::WrongCredential, "guess {guess}");
    }
    let content = sealed_under("text", password(RIGHT));
    let unclear = write(&guarded.vault, None, &guarded.header, content).await.unwrap_err();
    assert_eq!(
        unclear,
        StorageError::Unclear,
        "it stands, and its password is not looked at"
    );
    assert_eq!(guarded.wait().await, 30);
}

#[tokio::test]
async fn a_device_that_runs_for_twenty_minutes_a_day_is_not_locked_for_ever() {
    let mut guarded = Guarded::new().await;
    guarded.guess_wrong(5).await;
    for wait in [30, 60, 300, 900] {
        guarded.clock.advance(s(wait));
        guarded.guess_wrong(1).await;
    }
    for left in [2400, 1200, 0] {
        assert_eq!(guarded.told().await, left + 1200);
        guarded.clock.advance(s(1200));
        assert_eq!(guarded.told().await, left);
        guarded.clock.reboot();
        guarded.clock.set_wall(guarded.clock.wall().after(s(80_000)));
        guarded.restart();
    }
    assert_eq!(guarded.wait().await, 0);
}

#[tokio::test]
async fn a_new_identity_does_not_inherit_the_wrong_guesses_at_the_old_one() {
    let guarded = Guarded::new().await;
    guarded.guess_wrong(5).await;
    let new = in_mode(AuthenticationMode::Password, header(0x20, "app", enrolling()));
    let content = sealed_under("new", password("another one"));
    let _ = write(&guarded.vault, Some(&guarded.written.revision), &new, content)
        .await
        .unwrap();
    let opened = guarded
        .vault
        .open(place(&new), Key::Credential(password("another one")))
        .await;
    assert!(opened.is_ok());
}

#[tokio::test]
async fn a_copy_kept_aside_is_guessed_at_on_the_account_of_its_original() {
    let guarded = Guarded::new().await;
    let slot = handle(&guarded.vault, &guarded.header).await;
    let aside = guarded
        .vault
        .keep_aside(slot, guarded.written.revision.clone())
        .await
        .unwrap();
    for _ in 0..3 {
        let guess = Key::Credential(password(WRONG));
        let refused = guarded.vault.open(Place::Handle(aside), guess).await.unwrap_err();
        assert_eq!(refused, StorageError::WrongCredential);
    }
    guarded.guess_wrong(2).await;
    assert_eq!(guarded.wait().await, 30);
    let right = Key::Credential(password(RIGHT));
    let copy = guarded.vault.open(Place::Handle(aside), right).await;
    assert_eq!(copy.unwrap_err(), StorageError::LockedOut(s(30)));
}

#[tokio::test]
async fn a_removed_and_restored_record_keeps_its_count() {
    let mut guarded = Guarded::new().await;
    guarded.guess_wrong(5).await;
    let slot = handle(&guarded.vault, &guarded.header).await;
    let bytes = bytes_at(&*guarded.store, slot).await;
    guarded
        .vault
        .remove(slot, guarded.written.revision.clone())
        .await
        .unwrap();
    guarded.restart();
    plant(&*guarded.store, &slot.to_string(), bytes).await;
    assert_eq!(guarded.wait().await, 30);
}

#[tokio::test]
async fn a_change_of_the_mode_and_back_keeps_the_count() {
    let guarded = Guarded::new().await;
    guarded.guess_wrong(5).await;
    let open = reprotected(&guarded.header);
    let without = write(&guarded.vault, Some(&guarded.written.revision), &open, sealed("text"))
        .await
        .unwrap();
    assert_eq!(guarded.told().await, 0, "nobody is asked for a password in mode no");
    let again = reprotected_in(AuthenticationMode::Password, &open);
    let content = sealed_under("text", password(RIGHT));
    let _ = write(&guarded.vault, Some(&without.revision), &again, content)
        .await
        .unwrap();
    assert_eq!(guarded.wait().await, 30);
}
