//! What the service tells others, in `feeds/accounts`.

use siyu_outbox::{Draft, fitting};
use siyu_proto::accounts::v1::{
    AccountCreated, AccountUpdated, CardChanged, CertificationApproved, CertificationExpired,
    CertificationRejected, ContentPublished, ContentUpdated, HomepagePublished, LeadAssigned, LeadErased,
    LeadStageChanged, LiveAppointmentsCancelled, LiveCancelled, LiveEnded, LiveReminderKind,
    LiveRemindersDue, LiveScheduled, LiveStarted,
};
use siyu_rpc::Error;

use crate::{
    domain::{
        card::Card,
        content::{ContentState, Notice},
        lead_pipeline::{Change, Task},
    },
    grpc::{
        to_account, to_card, to_certification, to_change_cause, to_content, to_lead_task, to_owner, to_stage,
        to_version,
    },
    store::{
        account::Account, certification::Certification, content::Content, homepage::version::Version,
        lead::Lead,
    },
};

pub(crate) fn account_created(account: &Account) -> Result<Draft, Error> {
    let payload = AccountCreated { account: Some(to_account(account.clone())?) };
    Ok(Draft::new(key(account), &payload))
}

pub(crate) fn account_updated(account: &Account) -> Result<Draft, Error> {
    let payload = AccountUpdated { account: Some(to_account(account.clone())?) };
    Ok(Draft::new(key(account), &payload))
}

pub(crate) fn certification_approved(
    certification: &Certification,
    account: &Account,
) -> Result<Draft, Error> {
    let payload = CertificationApproved {
        certification: Some(to_certification(certification.clone())?),
        account: Some(to_account(account.clone())?),
    };
    Ok(Draft::new(key(account), &payload))
}

pub(crate) fn certification_rejected(
    certification: &Certification,
    account: &Account,
) -> Result<Draft, Error> {
    let payload = CertificationRejected { certification: Some(to_certification(certification.clone())?) };
    Ok(Draft::new(key(account), &payload))
}

pub(crate) fn certification_expired(account: &Account) -> Result<Draft, Error> {
    let payload = CertificationExpired { account: Some(to_account(account.clone())?) };
    Ok(Draft::new(key(account), &payload))
}

pub(crate) fn card_changed(card: &Card) -> Draft {
    let payload = CardChanged { card: Some(to_card(card.clone())) };
    Draft::new(format!("accounts/{}", card.account_id), &payload)
}

pub(crate) fn homepage_published(version: &Version) -> Draft {
    let payload = HomepagePublished { version: Some(to_version(version.clone())) };
    Draft::new(format!("accounts/{}", version.account_id), &payload)
}

/// A content was announced, or is in another state or at another time than before.
pub(crate) fn content_is_at(content: &Content) -> Draft {
    let key = format!("accounts/{}", content.account_id);
    let message = Some(to_content(content.clone()));
    match content.state {
        ContentState::Published => Draft::new(key, &ContentPublished { content: message }),
        ContentState::Scheduled => Draft::new(key, &LiveScheduled { content: message }),
        ContentState::Live => Draft::new(key, &LiveStarted { content: message }),
        ContentState::Ended => Draft::new(key, &LiveEnded { content: message }),
        ContentState::Cancelled => Draft::new(key, &LiveCancelled { content: message }),
    }
}

/// A content is another than before, at the time and in the state that it was.
pub(crate) fn content_updated(content: &Content) -> Draft {
    let key = format!("accounts/{}", content.account_id);
    Draft::new(key, &ContentUpdated { content: Some(to_content(content.clone())) })
}

/// Users with an appointment are to be told what becomes of the live: in as many events as it takes.
pub(crate) fn live_notice(content: &Content, notice: Notice, user_ids: Vec<String>) -> Vec<Draft> {
    let key = format!("accounts/{}", content.account_id);
    let message = to_content(content.clone());
    let draft = |users| {
        let content = Some(message.clone());
        let kind = match notice {
            Notice::HeadsUp => LiveReminderKind::HeadsUp,
            Notice::Start => LiveReminderKind::Started,
            Notice::Cancel => return Draft::new(key.clone(), &LiveAppointmentsCancelled { content, users }),
        };
        Draft::new(key.clone(), &LiveRemindersDue { content, kind: kind.into(), users })
    };
    let users = user_ids.into_iter().map(|user_id| format!("users/{user_id}"));
    fitting(users, String::len).into_iter().map(draft).collect()
}

/// A lead came to another stage, or to somebody else.
pub(crate) fn lead_changed(task: &Task, change: &Change) -> Draft {
    let key = format!("accounts/{}", task.account_id);
    let lead_task = Some(to_lead_task(task.clone()));
    match change.previous_stage {
        Some(previous) if previous != change.stage => {
            Draft::new(key, &LeadStageChanged { lead_task, previous_stage: to_stage(previous).into() })
        }
        _ => {
            let previous_owner = to_owner(&task.account_id, change.previous_owner.as_deref());
            let cause = to_change_cause(change.cause).into();
            Draft::new(key, &LeadAssigned { lead_task, previous_owner, cause })
        }
    }
}

pub(crate) fn lead_erased(lead: &Lead) -> Draft {
    Draft::new(format!("accounts/{}", lead.account_id), &LeadErased { lead: lead.name() })
}

fn key(account: &Account) -> String {
    format!("accounts/{}", account.account_id)
}
