//! The contracts of the suite: types, clients and servers generated from `/proto`, with the validation and the
//! policies declared there. No logic of its own.

mod validate;

pub use validate::{Call, FieldViolation, Method, Validate, Violations};
pub(crate) use validate::{all_distinct, at_most_chars};

/// `siyu.common.v1`: what all services share.
pub mod common {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.common.v1");
    }
}

/// `siyu.accounts.v1`: enterprises and accounts.
pub mod accounts {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.accounts.v1");
    }
}

/// `siyu.crm.v1`: interactions, fans, tiers, figures.
pub mod crm {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.crm.v1");
    }
}

/// `siyu.subscriptions.v1`: who follows whom, pushes, feeds.
pub mod subscriptions {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.subscriptions.v1");
    }
}

/// `siyu.messaging.v1`: private messages.
pub mod messaging {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.messaging.v1");
    }
}

/// `siyu.groups.v1`: groups of fans.
pub mod groups {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.groups.v1");
    }
}

/// `siyu.testing.v1`: the simulated clock.
pub mod testing {
    #[expect(missing_docs, reason = "generated; the protos are the documentation")]
    pub mod v1 {
        tonic::include_proto!("siyu.testing.v1");
    }
}

/// The encoded `FileDescriptorSet` of all of the above, with comments and options: what reflection serves.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

mod generated {
    include!(concat!(env!("OUT_DIR"), "/validation.rs"));
    include!(concat!(env!("OUT_DIR"), "/policy.rs"));
    include!(concat!(env!("OUT_DIR"), "/redaction.rs"));
}
pub use generated::METHODS;
