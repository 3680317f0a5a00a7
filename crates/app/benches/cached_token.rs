//! A cached access token through the public API, beside a bare load of an `ArcSwap` in the same run: one task, and eight
//! tasks on two cores. Only the ratios count.
#![expect(clippy::expect_used, reason = "a bench that cannot run must stop")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::{Builder, Runtime};
use vestibule::event::{EnrollAnonymousUserEvent, ExchangeIamTokenEvent, StartEvent};
use vestibule::ports::testing::{IdpKind, MemoryStorage, Rotation, ScriptedIdp};
use vestibule::{AuthenticationMode, Sdk};

const TASKS: u64 = 8;

type Peer = ArcSwap<HashMap<Box<str>, Arc<String>>>;

/// An SDK whose user has a token for `orders` in memory.
fn logged_in(runtime: &Runtime) -> Arc<Sdk> {
    runtime.block_on(async {
        let kind = IdpKind {
            recoverable: true,
            rotation: Rotation::None,
        };
        let sdk = Sdk::builder(Arc::new(ScriptedIdp::new(kind)), Arc::new(MemoryStorage::new()));
        let sdk = sdk.build().expect("inside a runtime");
        sdk.send(StartEvent::new("bench", "1", "en")).await.expect("starts");
        let enrolment = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No);
        sdk.send(enrolment).await.expect("enrols");
        sdk.send(ExchangeIamTokenEvent::new("orders")).await.expect("a token");
        Arc::new(sdk)
    })
}

fn peer() -> Arc<Peer> {
    let tokens = HashMap::from([("orders".into(), Arc::new("token".to_owned()))]);
    Arc::new(ArcSwap::from_pointee(tokens))
}

async fn ask(sdk: Arc<Sdk>, times: u64) {
    for _ in 0..times {
        let token = sdk.send(ExchangeIamTokenEvent::new("orders")).await;
        black_box(token.is_ok());
    }
}

async fn load(peer: Arc<Peer>, times: u64) {
    for _ in 0..times {
        black_box(peer.load().get(black_box("orders")).map(Arc::clone));
    }
}

/// The time that all tasks together take for so many operations.
fn in_tasks<F>(runtime: &Runtime, times: u64, tasks: u64, work: impl Fn(u64) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.block_on(async {
        let each = times.div_ceil(tasks);
        let begun = Instant::now();
        let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(work(each))).collect();
        for task in running {
            task.await.expect("no panic");
        }
        begun.elapsed()
    })
}

fn cached_token(c: &mut Criterion) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (sdk, peer) = (logged_in(&runtime), peer());
    for tasks in [1, TASKS] {
        let mut group = c.benchmark_group(format!("{tasks} tasks"));
        group.bench_function("cached token", |b| {
            b.iter_custom(|times| in_tasks(&runtime, times, tasks, |each| ask(Arc::clone(&sdk), each)));
        });
        group.bench_function("ArcSwap load", |b| {
            b.iter_custom(|times| in_tasks(&runtime, times, tasks, |each| load(Arc::clone(&peer), each)));
        });
        group.finish();
    }
}

criterion_group!(benches, cached_token);
criterion_main!(benches);
