//! `siyu import --create`: the account an import goes to.

use siyu_proto::accounts::v1::{
    Account, CreateAccountRequest, CreateEnterpriseRequest, Enterprise,
    accounts_service_client::AccountsServiceClient,
};
use tonic::{Code, Status};

use crate::{connect::Client, import::ImportArgs};

/// Makes the account of an import, and an enterprise of the same id to own it, unless they exist.
pub(super) async fn account(client: Client, import: &ImportArgs, currency_code: &str) -> anyhow::Result<()> {
    let mut accounts = AccountsServiceClient::new(client);
    let id = import.account.trim_start_matches("accounts/").to_owned();
    let enterprise = Some(Enterprise { display_name: id.clone(), ..Enterprise::default() });
    let request = CreateEnterpriseRequest { enterprise, enterprise_id: id.clone(), ..Default::default() };
    unless_exists(accounts.create_enterprise(request).await.map(drop))?;
    let account = Account {
        display_name: id.clone(),
        time_zone: import.time_zone.iana_name().unwrap_or_default().to_owned(),
        currency_code: currency_code.to_owned(),
        ..Account::default()
    };
    let parent = format!("enterprises/{id}");
    let request =
        CreateAccountRequest { parent, account: Some(account), account_id: id, ..Default::default() };
    Ok(unless_exists(accounts.create_account(request).await.map(drop))?)
}

fn unless_exists(answer: Result<(), Status>) -> Result<(), Status> {
    match answer {
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        other => other,
    }
}
