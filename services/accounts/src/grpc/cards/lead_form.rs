use siyu_proto::accounts::v1 as pb;
use siyu_rpc::Error;

use crate::domain::lead::{Field, FieldKind, LeadForm};

pub(super) fn lead_form(form: pb::LeadForm) -> Result<LeadForm, Error> {
    let fields = form.fields.into_iter().enumerate().map(|(place, field)| {
        let kind = field_kind(field.kind());
        let unset = || Error::invalid_field(format!("card.lead_form.fields[{place}].kind"), "must be set");
        Ok(Field {
            kind: kind.ok_or_else(unset)?,
            key: field.key,
            label: field.label,
            required: field.required,
            options: field.options,
            max_length: field.max_length,
        })
    });
    Ok(LeadForm { fields: fields.collect::<Result<_, Error>>()?, consent_text: form.consent_text })
}

pub(super) fn to_lead_form(form: LeadForm) -> pb::LeadForm {
    let consent_version = form.consent_version();
    let fields = form.fields.into_iter().map(|field| pb::LeadField {
        key: field.key,
        label: field.label,
        kind: to_field_kind(field.kind).into(),
        required: field.required,
        options: field.options,
        max_length: field.max_length,
    });
    pb::LeadForm { fields: fields.collect(), consent_text: form.consent_text, consent_version }
}

fn field_kind(kind: pb::LeadFieldKind) -> Option<FieldKind> {
    Some(match kind {
        pb::LeadFieldKind::Unspecified => return None,
        pb::LeadFieldKind::Name => FieldKind::Name,
        pb::LeadFieldKind::Mobile => FieldKind::Mobile,
        pb::LeadFieldKind::Phone => FieldKind::Phone,
        pb::LeadFieldKind::Region => FieldKind::Region,
        pb::LeadFieldKind::Choice => FieldKind::Choice,
        pb::LeadFieldKind::MultiChoice => FieldKind::MultiChoice,
        pb::LeadFieldKind::Text => FieldKind::Text,
        pb::LeadFieldKind::Number => FieldKind::Number,
        pb::LeadFieldKind::Date => FieldKind::Date,
        pb::LeadFieldKind::Email => FieldKind::Email,
    })
}

/// What a field asks for.
pub(crate) fn to_field_kind(kind: FieldKind) -> pb::LeadFieldKind {
    match kind {
        FieldKind::Name => pb::LeadFieldKind::Name,
        FieldKind::Mobile => pb::LeadFieldKind::Mobile,
        FieldKind::Phone => pb::LeadFieldKind::Phone,
        FieldKind::Region => pb::LeadFieldKind::Region,
        FieldKind::Choice => pb::LeadFieldKind::Choice,
        FieldKind::MultiChoice => pb::LeadFieldKind::MultiChoice,
        FieldKind::Text => pb::LeadFieldKind::Text,
        FieldKind::Number => pb::LeadFieldKind::Number,
        FieldKind::Date => pb::LeadFieldKind::Date,
        FieldKind::Email => pb::LeadFieldKind::Email,
    }
}
