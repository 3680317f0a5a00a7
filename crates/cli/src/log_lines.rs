//! Log lines on stderr: off unless they are asked for. No secret is in any of them.

use tracing_subscriber::EnvFilter;

/// What `--verbose` shows where `VESTIBULE_LOG` says nothing.
pub(crate) const VERBOSE_FILTER: &str = "debug";
/// Says which lines are shown, in the syntax of tracing's `EnvFilter`.
pub(crate) const FILTER_VARIABLE: &str = "VESTIBULE_LOG";

/// Switches log lines on, if they are asked for.
pub(crate) fn start(verbose: bool) {
    let wished = std::env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
    let Some(filter) = wished.or_else(|| verbose.then(|| VERBOSE_FILTER.to_owned())) else {
        return;
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .init();
}
