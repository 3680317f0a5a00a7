//! What the vault costs: an unlock over the bare Argon2id call, sealing and opening without a derivation, a durable commit
//! over a write in place. The targets are in the name of each ratio.
//!
//! Only the ratios of the last part count: its rounds take each side in turn, so that a machine that drifts drifts under
//! both. `cargo bench -p vestibule-adapters-storage`
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use core::hint::black_box;
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use criterion::{Criterion, criterion_group};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vestibule_adapters_storage::{
    FileByteStore, KdfParameters, MemoryByteStore, MemoryDeviceKey, Vault, VaultSettings,
};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, RealmId, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::record::{Header, Place, Revision, Slot, Stage};
use vestibule_domain::secret::{Password, Payload, RecordKey};
use vestibule_ports::testing::{ManualClock, SeededEntropy};
use vestibule_ports::{ByteStore, Content, Credential, Entropy, Key, SecureStorage, StoreName, WriteRequest};

const PASSWORD: &str = "correct horse";
const BODY_BYTES: usize = 2048;
/// A sealed record of that body.
const RECORD_BYTES: usize = 2560;
const ROUNDS: usize = 15;

/// A vault with one record in it.
struct Filled {
    vault: Vault,
    header: Header,
    revision: Revision,
    key: RecordKey,
}

impl Filled {
    fn new(runtime: &Runtime, store: Arc<dyn ByteStore>, kdf: KdfParameters, credential: Credential) -> Self {
        let device = MemoryDeviceKey::absent(entropy()).with_secret([7; 32]);
        let vault = Vault::new(store, Arc::new(device), Arc::new(ManualClock::new()), entropy());
        let vault = vault.with_settings(VaultSettings::DEFAULT.with_kdf(kdf));
        let header = Header::first(
            RecordId::from_bytes([1; 16]),
            WriteId::from_bytes([2; 16]),
            Stage::Active {
                user: UserId::parse("5c0f2ab1-9a68-4c6d-8c5d-1d3b7a0f5e11").unwrap(),
            },
            match credential {
                Credential::None => AuthenticationMode::No,
                Credential::Password(_) => AuthenticationMode::Password,
                Credential::Biometric { .. } => AuthenticationMode::Biometric,
            },
            TenantId::parse("acme").unwrap(),
            Slot {
                realm: RealmId::new("https://idp.example/realms/acme").unwrap(),
                client_id: ClientId::parse("AstDeviceEnrollment").unwrap(),
            },
        );
        let content = Content::Seal {
            payload: body(),
            credential,
        };
        let request = WriteRequest::new(Place::Slot(header.slot.clone()), None, header.clone(), content);
        let written = runtime.block_on(vault.write(request)).unwrap();
        Self {
            vault,
            header,
            revision: written.revision,
            key: written.key,
        }
    }

    async fn open(&self, key: Key) {
        let opened = self.vault.open(Place::Slot(self.header.slot.clone()), key).await;
        black_box(opened.unwrap().payload.expose());
    }

    async fn unlock(&self) {
        self.open(Key::Credential(password())).await;
    }

    /// The next generation, and what stands there then.
    async fn reseal_and_open(&mut self) {
        let write_id = WriteId::from_bytes(u128::from(self.header.generation).to_be_bytes());
        self.header = self.header.next(write_id, self.header.stage.clone());
        let content = Content::Reseal {
            payload: body(),
            key: self.key.clone(),
        };
        let place = Place::Slot(self.header.slot.clone());
        let request = WriteRequest::new(place, Some(self.revision.clone()), self.header.clone(), content);
        self.revision = self.vault.write(request).await.unwrap().revision;
        self.open(Key::RecordKey(self.key.clone())).await;
    }
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SeededEntropy::new(1))
}

fn body() -> Payload {
    Payload::new(vec![0x5a; BODY_BYTES])
}

fn password() -> Credential {
    Credential::Password(Password::new(PASSWORD.to_owned()))
}

/// What anybody pays for this derivation: the memory and the call, and no wiping.
fn bare_argon2id(kdf: KdfParameters) {
    let params = Params::new(kdf.memory_kib(), kdf.passes(), kdf.lanes(), Some(32)).unwrap();
    let mut memory = vec![Block::new(); params.block_count()];
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(PASSWORD.as_bytes(), &[1; 16], &mut key, &mut memory)
        .unwrap();
    black_box(key);
}

fn kdfs() -> [(&'static str, KdfParameters); 2] {
    let floor = KdfParameters::new(19 * 1024, 2, 1).unwrap();
    [
        ("19 MiB, 2 passes, 1 lane", floor),
        ("64 MiB, 3 passes, 4 lanes", KdfParameters::DEFAULT),
    ]
}

/// A folder on the disk that the build lies on, not in memory.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn files(folder: &TempDir) -> FileByteStore {
    FileByteStore::open(folder.path().join("records"), entropy()).unwrap()
}

/// Commits of one record, through the file byte store.
struct Commits {
    store: FileByteStore,
    name: StoreName,
    standing: Option<Revision>,
    _folder: TempDir,
}

impl Commits {
    fn new() -> Self {
        let folder = folder();
        Self {
            store: files(&folder),
            name: StoreName::new("0123456789abcdef0123456789abcdef").unwrap(),
            standing: None,
            _folder: folder,
        }
    }

    async fn commit(&mut self) {
        let bytes = vec![0x5a; RECORD_BYTES];
        let replaced = self.store.replace(self.name.clone(), self.standing.take(), bytes).await;
        self.standing = Some(replaced.unwrap().revision);
    }
}

/// The least that is durable: the same bytes in place, and the data on disk.
struct InPlace {
    file: File,
    _folder: TempDir,
}

impl InPlace {
    fn new() -> Self {
        let folder = folder();
        let path = folder.path().join("file");
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(path)
            .unwrap();
        Self { file, _folder: folder }
    }

    fn write(&self) {
        self.file.write_all_at(&[0x5a; RECORD_BYTES], 0).unwrap();
        self.file.sync_data().unwrap();
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn unlock(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("unlock");
    group.sample_size(10);
    for (name, kdf) in kdfs() {
        let folder = folder();
        let in_memory = Filled::new(&runtime, Arc::new(MemoryByteStore::default()), kdf, password());
        let in_files = Filled::new(&runtime, Arc::new(files(&folder)), kdf, password());
        group.bench_function(format!("bare Argon2id, {name}"), |bencher| {
            bencher.iter(|| bare_argon2id(kdf))
        });
        group.bench_function(format!("in memory, {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(in_memory.unlock()));
        });
        group.bench_function(format!("in files, {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(in_files.unlock()));
        });
    }
}

fn seal_and_open(criterion: &mut Criterion) {
    let runtime = runtime();
    let store = Arc::new(MemoryByteStore::default());
    let mut filled = Filled::new(&runtime, store, KdfParameters::DEFAULT, Credential::None);
    criterion.bench_function("reseal and open 2 KiB", |bencher| {
        bencher.iter(|| runtime.block_on(filled.reseal_and_open()));
    });
}

fn durable_commit(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("durable commit");
    let (mut commits, in_place) = (Commits::new(), InPlace::new());
    group.bench_function("compare and swap", |bencher| {
        bencher.iter(|| runtime.block_on(commits.commit()))
    });
    group.bench_function("write in place and fdatasync", |bencher| {
        bencher.iter(|| in_place.write())
    });
}

/// The time of one run, on the system's clock.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn time(run: impl FnOnce()) -> Duration {
    let begun = std::time::Instant::now();
    run();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).unwrap().as_secs_f64()
}

/// The medians of two sides that were run in turn.
fn in_turn(rounds: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_times.push(time(&mut ours));
        their_times.push(time(&mut theirs));
    }
    (median(our_times), median(their_times))
}

#[expect(clippy::print_stdout, reason = "this is what the bench is for")]
fn report(what: &str, (ours, theirs): (f64, f64), target: f64) {
    let (ours_us, theirs_us) = (ours * 1e6, theirs * 1e6);
    let ratio = ours / theirs;
    println!("{what}: {ratio:.3} (target {target}); {ours_us:.0} us over {theirs_us:.0} us");
}

fn ratios() {
    let runtime = runtime();
    for (name, kdf) in kdfs() {
        let folder = folder();
        let in_memory = Filled::new(&runtime, Arc::new(MemoryByteStore::default()), kdf, password());
        let in_files = Filled::new(&runtime, Arc::new(files(&folder)), kdf, password());
        let bare = || bare_argon2id(kdf);
        let measured = in_turn(ROUNDS, || runtime.block_on(in_memory.unlock()), bare);
        report(&format!("unlock in memory over bare Argon2id, {name}"), measured, 1.05);
        let measured = in_turn(ROUNDS, || runtime.block_on(in_files.unlock()), bare);
        report(&format!("unlock in files over bare Argon2id, {name}"), measured, 1.05);
    }
    let (mut commits, in_place) = (Commits::new(), InPlace::new());
    let measured = in_turn(200, || runtime.block_on(commits.commit()), || in_place.write());
    report("durable commit over a write in place", measured, 6.0);
    let store = Arc::new(MemoryByteStore::default());
    let mut filled = Filled::new(&runtime, store, KdfParameters::DEFAULT, Credential::None);
    let times: Vec<_> = (0..2000)
        .map(|_| time(|| runtime.block_on(filled.reseal_and_open())))
        .collect();
    report("reseal and open 2 KiB over 20 us", (median(times), 20e-6), 1.0);
}

criterion_group!(benches, unlock, seal_and_open, durable_commit);

fn main() {
    benches();
    ratios();
    Criterion::default().configure_from_args().final_summary();
}
