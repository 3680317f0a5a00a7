use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};

use super::*;

const FLOOR: KdfParameters = KdfParameters {
    memory_kib: MIN_KDF_MEMORY_KIB,
    passes: MIN_KDF_PASSES,
    lanes: 1,
};

async fn derive(parameters: KdfParameters, password: &str, salt: [u8; SALT_BYTES]) -> [u8; KEY_BYTES] {
    let ready = ReadyKdf::reserve(parameters).await.unwrap();
    *ready.derive(Zeroizing::new(password.to_owned()), salt).await.unwrap().0
}

fn poll<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_host_sets_a_price_between_floor_and_ceiling() {
    let table = [
        ((19_456, 2, 1), Ok(())),
        ((262_144, 16, 8), Ok(())),
        ((65_536, 3, 4), Ok(())),
        ((19_455, 2, 1), Err("kdf_memory_kib")),
        ((262_145, 2, 1), Err("kdf_memory_kib")),
        ((u32::MAX, 2, 1), Err("kdf_memory_kib")),
        ((19_456, 1, 1), Err("kdf_passes")),
        ((19_456, 17, 1), Err("kdf_passes")),
        ((19_456, 2, 0), Err("kdf_lanes")),
        ((19_456, 2, 9), Err("kdf_lanes")),
    ];
    for ((memory_kib, passes, lanes), expected) in table {
        let made = KdfParameters::new(memory_kib, passes, lanes);
        assert_eq!(
            made.map(|_| ()).map_err(|refused| refused.field),
            expected,
            "{memory_kib} {passes} {lanes}"
        );
    }
    let KdfParameters {
        memory_kib,
        passes,
        lanes,
    } = KdfParameters::default();
    assert_eq!(
        (memory_kib, passes, lanes),
        (64 * 1024, 3, 4),
        "RFC 9106, section 4, second recommendation"
    );
}

#[test]
fn what_a_header_asks_for_is_bounded_before_anything_is_taken() {
    // columns: what it asks for, whether a writer of this format may ever have asked for it
    let table = [
        ((262_144, 16, 8), true),
        ((8, 1, 1), true),
        ((64, 1, 8), true),
        ((63, 1, 8), false),
        ((7, 1, 1), false),
        ((262_145, 1, 1), false),
        ((u32::MAX, u32::MAX, u32::MAX), false),
        ((19_456, 17, 1), false),
        ((19_456, 2, 9), false),
        ((19_456, 0, 1), false),
        ((19_456, 2, 0), false),
        ((0, 0, 0), false),
    ];
    for ((memory_kib, passes, lanes), fits) in table {
        let asked = KdfParameters::of_header(memory_kib, passes, lanes);
        assert_eq!(asked.is_some(), fits, "{memory_kib} {passes} {lanes}");
    }
}

#[tokio::test]
async fn it_is_argon2id_1_3_in_every_parameter() {
    let several = KdfParameters {
        lanes: 4,
        passes: 3,
        ..FLOOR
    };
    for (parameters, salt) in [(FLOOR, [1; 16]), (several, [1; 16]), (FLOOR, [2; 16])] {
        let params = Params::new(parameters.memory_kib, parameters.passes, parameters.lanes, Some(32)).unwrap();
        let mut memory = vec![Block::new(); params.block_count()];
        let mut expected = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(b"password", &salt, &mut expected, &mut memory)
            .unwrap();
        assert_eq!(derive(parameters, "password", salt).await, expected);
        assert_ne!(derive(parameters, "Password", salt).await, expected);
    }
}

/// Counts the derivations of this process that hold memory at once, those of all tests.
pub(super) struct Running;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

impl Running {
    pub(super) fn begin() -> Self {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        NOW.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn one_derivation_at_a_time_holds_memory() {
    let tasks: Vec<_> = (0..4)
        .map(|_| tokio::spawn(derive(FLOOR, "password", [1; 16])))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(MOST.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_caller_that_went_away_leaves_the_turn_to_the_next_one() {
    let ready = ReadyKdf::reserve(FLOOR).await.unwrap();
    {
        let mut given_up = pin!(ready.derive(Zeroizing::new("password".to_owned()), [1; 16]));
        let _begun = poll(given_up.as_mut());
    }
    {
        let mut given_up = pin!(ReadyKdf::reserve(FLOOR));
        let _begun = poll(given_up.as_mut());
    }
    let _next = ReadyKdf::reserve(FLOOR).await.unwrap();
}

#[test]
fn it_runs_neither_on_the_executor_nor_on_its_blocking_threads() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().unwrap();
    let (let_go, wait) = mpsc::channel::<()>();
    runtime.block_on(async {
        // The only thread of the pool is taken.
        let blocked = tokio::task::spawn_blocking(move || wait.recv().is_ok());
        let ready = ReadyKdf::reserve(FLOOR).await.unwrap();
        let mut derived = pin!(ready.derive(Zeroizing::new("password".to_owned()), [1; 16]));
        // A poll returns while the work is going on.
        assert!(poll(derived.as_mut()).is_pending());
        derived.await.unwrap();
        let_go.send(()).unwrap();
        assert!(blocked.await.unwrap());
    });
}

#[test]
fn memory_is_wiped_when_it_is_given_back() {
    let mut memory = take_memory(KdfParameters { memory_kib: 8, ..FLOOR }).unwrap();
    let _key = hash(
        KdfParameters { memory_kib: 8, ..FLOOR },
        b"password",
        &[1; 16],
        &mut memory.0,
    )
    .unwrap();
    let mut blocks = memory.0.clone();
    let is_zero = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
    assert_eq!(blocks.len(), 8);
    assert!(
        !blocks.iter().any(is_zero),
        "the derivation left something in every block"
    );
    drop(Wiped(blocks.as_mut_slice()));
    assert!(blocks.iter().all(is_zero));
}
