//! One table per flow, over mocks: each port call x each error -> status, state after, what was done and told, what lies
//! on disk. A row plans one thing that goes wrong; everything else goes well.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
mod before;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod call_log;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod control;
mod delete;
#[cfg(test)]
mod early_answers;
#[cfg(test)]
mod enroll_answers;
#[cfg(test)]
mod enroll_begin;
#[cfg(test)]
mod enroll_replace;
#[cfg(test)]
mod enroll_resume;
#[cfg(test)]
mod events;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod idp_errors;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod login;
#[cfg(test)]
mod mocks;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod plants;
#[cfg(test)]
mod prompts;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod set_mode;
#[cfg(test)]
mod start;
#[cfg(test)]
mod states;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod suspend;
#[cfg(test)]
mod suspended_lives;
#[cfg(test)]
mod told;
#[cfg(test)]
mod told_ports;
#[cfg(test)]
mod widen;
#[cfg(test)]
mod world;
