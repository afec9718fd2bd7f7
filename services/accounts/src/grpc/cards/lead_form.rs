use siyu_forms::Field;
use siyu_proto::accounts::v1 as pb;
use siyu_rpc::Error;

use crate::domain::lead::LeadForm;

pub(super) fn lead_form(form: pb::LeadForm) -> Result<LeadForm, Error> {
    let fields = form.fields.into_iter().enumerate().map(|(place, field)| {
        let unset = || Error::invalid_field(format!("card.lead_form.fields[{place}].kind"), "must be set");
        Field::sent(field).ok_or_else(unset)
    });
    Ok(LeadForm { fields: fields.collect::<Result<_, Error>>()?, consent_text: form.consent_text })
}

pub(super) fn to_lead_form(form: LeadForm) -> pb::LeadForm {
    let consent_version = form.consent_version();
    let fields = form.fields.into_iter().map(|field| pb::LeadField {
        key: field.key,
        label: field.label,
        kind: pb::LeadFieldKind::from(field.kind).into(),
        required: field.required,
        options: field.options,
        max_length: field.max_length,
    });
    pb::LeadForm { fields: fields.collect(), consent_text: form.consent_text, consent_version }
}
