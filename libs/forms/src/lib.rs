//! What a field of a form asks for, and whether an answer is one: the same wherever users are asked, in a form or by message.

mod field;
pub mod phone;
pub mod region;
mod value;
mod wire;

pub use field::{Field, FieldKind};
pub use value::same_width;
