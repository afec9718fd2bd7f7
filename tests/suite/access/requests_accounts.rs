//! Good requests to `siyu.accounts.v1`.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        Account, CreateAccountRequest, GetAccountRequest, GetEnterpriseRequest, GetWalletRequest,
        ListAccountsRequest, ListLedgerEntriesRequest, UpdateAccountRequest,
    },
    common::v1::Role,
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
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
