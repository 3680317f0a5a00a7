//! One flow per event, top-down over the ports.

mod clear_iam_token_cache;
mod delete_user;
mod enroll_anonymous_user;
mod exchange_iam_token;
mod finish_deletion;
mod get_information;
mod logout;
mod offline_login;
mod read_records;
mod reenrol;
mod reprotect;
mod restart;
mod resume;
mod rotate_grant;
mod set_authentication_mode;
mod start;
mod suspend;

pub(crate) use exchange_iam_token::not_on_disk_yet;
