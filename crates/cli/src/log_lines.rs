//! Log lines on stderr: off unless they are asked for. No secret is in any of them.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::settings_layer::InvalidSettings;

/// What `--verbose` shows where `VESTIBULE_LOG` says nothing.
pub(crate) const VERBOSE_FILTER: &str = "debug";
/// Says which lines are shown: `level` or `target=level,target=level`.
pub(crate) const FILTER_VARIABLE: &str = "VESTIBULE_LOG";

/// Switches log lines on, if they are asked for. Says whether there are any.
pub(crate) fn start(verbose: bool) -> Result<bool, InvalidSettings> {
    let wished = std::env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
    let Some(filter) = wished.or_else(|| verbose.then(|| VERBOSE_FILTER.to_owned())) else {
        return Ok(false);
    };
    let filter: Targets = filter
        .parse()
        .map_err(|error| InvalidSettings(format!("{FILTER_VARIABLE} is no filter of log lines: {error}")))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    Ok(true)
}
