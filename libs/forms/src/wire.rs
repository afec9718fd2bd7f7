use siyu_proto::accounts::v1 as pb;

use crate::field::{Field, FieldKind};

impl FieldKind {
    /// What was sent; none where nothing was.
    #[must_use]
    pub fn sent(kind: pb::LeadFieldKind) -> Option<Self> {
        Some(match kind {
            pb::LeadFieldKind::Unspecified => return None,
            pb::LeadFieldKind::Name => Self::Name,
            pb::LeadFieldKind::Mobile => Self::Mobile,
            pb::LeadFieldKind::Phone => Self::Phone,
            pb::LeadFieldKind::Region => Self::Region,
            pb::LeadFieldKind::Choice => Self::Choice,
            pb::LeadFieldKind::MultiChoice => Self::MultiChoice,
            pb::LeadFieldKind::Text => Self::Text,
            pb::LeadFieldKind::Number => Self::Number,
            pb::LeadFieldKind::Date => Self::Date,
            pb::LeadFieldKind::Email => Self::Email,
        })
    }
}

impl From<FieldKind> for pb::LeadFieldKind {
    fn from(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Name => Self::Name,
            FieldKind::Mobile => Self::Mobile,
            FieldKind::Phone => Self::Phone,
            FieldKind::Region => Self::Region,
            FieldKind::Choice => Self::Choice,
            FieldKind::MultiChoice => Self::MultiChoice,
            FieldKind::Text => Self::Text,
            FieldKind::Number => Self::Number,
            FieldKind::Date => Self::Date,
            FieldKind::Email => Self::Email,
        }
    }
}

impl Field {
    /// What was sent; none where it has no kind.
    #[must_use]
    pub fn sent(field: pb::LeadField) -> Option<Self> {
        let kind = FieldKind::sent(field.kind())?;
        let pb::LeadField { key, label, required, options, max_length, .. } = field;
        Some(Self { key, label, kind, required, options, max_length })
    }
}
