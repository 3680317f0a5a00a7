//! One flow per event, top-down over the ports.

mod enroll_anonymous_user;
mod exchange_iam_token;
mod finish_deletion;
mod get_information;
mod logout;
mod offline_login;
mod read_records;
mod reenrol;
mod restart;
mod rotate_grant;
mod start;

pub(crate) use exchange_iam_token::not_on_disk_yet;
