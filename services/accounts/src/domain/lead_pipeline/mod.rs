//! What a sales team does with leads (M8): how far each has come, whose it is, and who gets the next.

mod distribution;
mod stage;
mod task;

pub(crate) use distribution::{Member, next_owner};
pub(crate) use stage::{LostReason, Stage};
pub(crate) use task::{Cause, Change, Refused, Step, Task};
