//! Good requests to `siyu.accounts.v1`.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        Account, ApiKey, ApplyCertificationRequest, Certification, CertificationDocument,
        CertificationDocumentKind, CreateAccountRequest, CreateApiKeyRequest, CreateOperatorRequest,
        DeleteOperatorRequest, GetAccountRequest, GetCertificationRequest, GetEnterpriseRequest,
        GetWalletRequest, ListAccountsRequest, ListApiKeysRequest, ListLedgerEntriesRequest,
        ListOperatorsRequest, Operator, RevokeApiKeyRequest, UpdateAccountRequest, UpdateOperatorRoleRequest,
    },
    common::v1::Role,
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let mut requests = matrix(&about);
    requests.extend(people(&about));
    requests
}

/// Certification, operators and API keys.
fn people(about: &About<'_>) -> Vec<Good> {
    let account = about.account();
    let operator = Operator {
        subject: about.turn.to_owned(),
        display_name: "Li".to_owned(),
        role: Role::Analyst.into(),
        ..Operator::default()
    };
    let key = ApiKey { display_name: "Key".to_owned(), role: Role::Analyst.into(), ..ApiKey::default() };
    let (operator_id, api_key_id) = (format!("of-{}", about.turn), format!("key-{}", about.turn));
    let operator_name = format!("{account}/operators/{operator_id}");
    let api_key_name = format!("{account}/apiKeys/{api_key_id}");
    let document = CertificationDocument {
        kind: CertificationDocumentKind::BusinessLicence.into(),
        name: "files/licence".to_owned(),
        sha256: "0".repeat(64),
    };
    let certification = Certification {
        company_name: "Lumi".to_owned(),
        social_credit_code: "91330100799655058B".to_owned(),
        documents: vec![document],
        ..Certification::default()
    };
    vec![
        good(
            Role::Owner,
            &ApplyCertificationRequest {
                parent: account.clone(),
                certification: Some(certification),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetCertificationRequest { parent: account.clone() }),
        good(
            Role::Owner,
            &CreateOperatorRequest {
                parent: account.clone(),
                operator: Some(operator),
                operator_id,
                ..Default::default()
            },
        ),
        good(Role::Owner, &ListOperatorsRequest { parent: account.clone(), ..Default::default() }),
        good(
            Role::Owner,
            &UpdateOperatorRoleRequest {
                name: operator_name.clone(),
                role: Role::Agent.into(),
                ..Default::default()
            },
        ),
        good(Role::Owner, &DeleteOperatorRequest { name: operator_name, ..Default::default() }),
        good(
            Role::Admin,
            &CreateApiKeyRequest {
                parent: account.clone(),
                api_key: Some(key),
                api_key_id,
                ..Default::default()
            },
        ),
        good(Role::Admin, &ListApiKeysRequest { parent: account, ..Default::default() }),
        good(Role::Admin, &RevokeApiKeyRequest { name: api_key_name, ..Default::default() }),
    ]
}

/// Companies and accounts.
fn matrix(about: &About<'_>) -> Vec<Good> {
    let (account, enterprise) = (about.account(), about.enterprise());
    let named = |name: String| Account { name, display_name: "Named".to_owned(), ..Account::default() };
    vec![
        good(
            Role::Owner,
            &CreateAccountRequest {
                parent: enterprise.clone(),
                account: Some(named(String::new())),
                account_id: format!("{}-{}", about.id, about.turn),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetAccountRequest { name: account.clone() }),
        good(Role::Analyst, &GetEnterpriseRequest { name: enterprise.clone() }),
        good(Role::Analyst, &GetWalletRequest { parent: account.clone(), ..Default::default() }),
        good(Role::Analyst, &ListAccountsRequest { parent: enterprise, ..Default::default() }),
        good(
            Role::Analyst,
            &ListLedgerEntriesRequest { parent: account.clone(), kind: 1, ..Default::default() },
        ),
        good(
            Role::Admin,
            &UpdateAccountRequest {
                account: Some(named(account)),
                update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
                ..Default::default()
            },
        ),
    ]
}
