//! Operators of accounts and companies: who there is, and that somebody owns them.

use siyu::connect::connect;
use siyu_proto::{
    accounts::v1::{
        CreateOperatorRequest, CreateOperatorTokenRequest, DeleteOperatorRequest, ListOperatorsRequest,
        Operator, UpdateOperatorRoleRequest, operator_service_client::OperatorServiceClient,
        token_service_client::TokenServiceClient,
    },
    common::v1::Role,
};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    mutations::entries,
    support::{fields, reason},
};

type Client = OperatorServiceClient<siyu::connect::Client>;

pub(crate) fn operators(suite: &TestSuite) -> Client {
    OperatorServiceClient::new(suite.client())
}

pub(crate) fn operator(parent: &str, id: &str, role: Role) -> CreateOperatorRequest {
    CreateOperatorRequest {
        parent: parent.to_owned(),
        operator: Some(Operator {
            subject: format!("idp|{id}"),
            display_name: id.to_owned(),
            role: role.into(),
            ..Operator::default()
        }),
        operator_id: id.to_owned(),
        ..CreateOperatorRequest::default()
    }
}

/// Makes `{parent}/operators/{id}` with the subject `idp|{id}`.
pub(crate) async fn add(suite: &TestSuite, parent: &str, id: &str, role: Role) -> Operator {
    let answer = operators(suite).create_operator(operator(parent, id, role)).await.unwrap();
    answer.into_inner().operator.unwrap()
}

pub(crate) async fn set_role(suite: &TestSuite, name: &str, role: Role) -> Result<Operator, Status> {
    set_role_as(operators(suite), name, role).await
}

async fn set_role_as(mut client: Client, name: &str, role: Role) -> Result<Operator, Status> {
    let request = UpdateOperatorRoleRequest {
        name: name.to_owned(),
        role: role.into(),
        ..UpdateOperatorRoleRequest::default()
    };
    Ok(client.update_operator_role(request).await?.into_inner().operator.unwrap())
}

/// A token that accounts makes for `idp|{id}`, for 12 hours.
pub(crate) async fn token_of(suite: &TestSuite, id: &str) -> String {
    let request = CreateOperatorTokenRequest {
        subject: format!("idp|{id}"),
        ttl: Some(prost_types::Duration { seconds: 43_200, nanos: 0 }),
        ..CreateOperatorTokenRequest::default()
    };
    let mut tokens = TokenServiceClient::new(suite.client());
    tokens.create_operator_token(request).await.unwrap().into_inner().token
}

pub(crate) async fn delete(mut client: Client, name: &str) -> Result<(), Status> {
    let request = DeleteOperatorRequest { name: name.to_owned(), ..DeleteOperatorRequest::default() };
    client.delete_operator(request).await.map(drop)
}

/// The ids and roles of the operators, in pages of two.
async fn list(suite: &TestSuite, parent: &str) -> Vec<(String, Role)> {
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListOperatorsRequest { parent: parent.to_owned(), page_size: 2, page_token };
        let page = operators(suite).list_operators(request).await.unwrap().into_inner();
        assert!(page.operators.len() <= 2);
        listed.extend(
            page.operators
                .iter()
                .map(|operator| (operator.name.rsplit('/').next().unwrap().to_owned(), operator.role())),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}

fn is_last_owner(status: &Status) {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::FailedPrecondition, "LAST_OWNER"),
        "{status}"
    );
}

async fn people_come_and_go(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    for parent in ["accounts/shop", "enterprises/lumi"] {
        let li = add(&suite, parent, "li-na", Role::Owner).await;
        assert_eq!(li.name, format!("{parent}/operators/li-na"));
        assert_eq!((li.subject.as_str(), li.role()), ("idp|li-na", Role::Owner));
        add(&suite, parent, "omar", Role::Analyst).await;
        add(&suite, parent, "wang", Role::Agent).await;
        let omar = format!("{parent}/operators/omar");
        assert_eq!(set_role(&suite, &omar, Role::Admin).await.unwrap().role(), Role::Admin);
        delete(operators(&suite), &format!("{parent}/operators/wang")).await.unwrap();
        let expected = [("li-na".to_owned(), Role::Owner), ("omar".to_owned(), Role::Admin)];
        assert_eq!(list(&suite, parent).await, expected);

        let same_id = operators(&suite).create_operator(operator(parent, "omar", Role::Agent)).await;
        assert_eq!(same_id.unwrap_err().code(), Code::AlreadyExists);
        let mut same_subject = operator(parent, "omar", Role::Agent);
        same_subject.operator_id = "omar-2".to_owned();
        let status = operators(&suite).create_operator(same_subject).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
        assert!(status.message().contains(&omar), "{status}");
        let gone = format!("{parent}/operators/wang");
        assert_eq!(set_role(&suite, &gone, Role::Admin).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(delete(operators(&suite), &gone).await.unwrap_err().code(), Code::NotFound);
    }
    // Without an id the server chooses one.
    let mut unnamed = operator("accounts/shop", "zhao", Role::Agent);
    unnamed.operator_id = String::new();
    let zhao = operators(&suite).create_operator(unnamed).await.unwrap().into_inner().operator.unwrap();
    assert_eq!(zhao.name.len(), "accounts/shop/operators/".len() + 26);

    let methods = entries(&suite, "enterprises/lumi", "accounts").await.into_iter();
    let methods: Vec<_> = methods.map(|entry| entry.method.rsplit('/').next().unwrap().to_owned()).collect();
    let expected = [
        "DeleteOperator",
        "UpdateOperatorRole",
        "CreateOperator",
        "CreateOperator",
        "CreateOperator",
        "CreateAccount",
    ];
    assert_eq!(methods, expected);
    suite.finish().await;
}

async fn somebody_owns_it(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    // Nobody owns it yet: that is no reason to refuse others.
    add(&suite, "accounts/shop", "omar", Role::Admin).await;
    set_role(&suite, "accounts/shop/operators/omar", Role::Agent).await.unwrap();
    add(&suite, "accounts/shop", "li-na", Role::Owner).await;
    // An owner of something else does not help.
    add(&suite, "enterprises/lumi", "li-na", Role::Owner).await;
    let li_na = "accounts/shop/operators/li-na";
    is_last_owner(&set_role(&suite, li_na, Role::Admin).await.unwrap_err());
    is_last_owner(&delete(operators(&suite), li_na).await.unwrap_err());
    set_role(&suite, li_na, Role::Owner).await.unwrap();
    set_role(&suite, "accounts/shop/operators/omar", Role::Owner).await.unwrap();
    set_role(&suite, li_na, Role::Analyst).await.unwrap();
    is_last_owner(&delete(operators(&suite), "accounts/shop/operators/omar").await.unwrap_err());
    delete(operators(&suite), li_na).await.unwrap();
    suite.finish().await;
}

/// Their tokens are still good, and say that they own it.
async fn who_was_removed_lets_nobody_in(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    for parent in ["accounts/shop", "enterprises/lumi"] {
        add(&suite, parent, "li-na", Role::Owner).await;
        add(&suite, parent, "omar", Role::Owner).await;
        let client = connect(&suite.url, &token_of(&suite, "omar").await).await.unwrap();
        let mut omar = OperatorServiceClient::new(client);
        omar.create_operator(operator(parent, "wang", Role::Agent)).await.unwrap();
        let (own_name, wang) = (format!("{parent}/operators/omar"), format!("{parent}/operators/wang"));

        let is_refused = |status: Status| {
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::PermissionDenied, "ROLE_TOO_LOW"),
                "{status}"
            );
        };
        set_role(&suite, &own_name, Role::Admin).await.unwrap();
        is_refused(set_role_as(omar.clone(), &own_name, Role::Owner).await.unwrap_err());
        delete(operators(&suite), &own_name).await.unwrap();
        is_refused(omar.create_operator(operator(parent, "omar", Role::Owner)).await.unwrap_err());
        is_refused(set_role_as(omar.clone(), &wang, Role::Owner).await.unwrap_err());
        is_refused(delete(omar.clone(), &wang).await.unwrap_err());
        let expected = [("li-na".to_owned(), Role::Owner), ("wang".to_owned(), Role::Agent)];
        assert_eq!(list(&suite, parent).await, expected);

        // Who is an operator by the platform's own token is no row of ours.
        let mut of_platform = OperatorServiceClient::new(suite.operator(parent, Role::Owner).await);
        of_platform.create_operator(operator(parent, "zhao", Role::Agent)).await.unwrap();
    }
    suite.finish().await;
}

/// All but one of eight owners can leave, however they try.
async fn of_owners_who_leave_at_once_one_stays(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    for round in 0..5 {
        let ids: Vec<_> = (0..8).map(|number| format!("owner-{round}-{number}")).collect();
        for parent in ["accounts/shop", "enterprises/lumi"] {
            for id in &ids {
                add(&suite, parent, id, Role::Owner).await;
            }
            let mut leaving = JoinSet::new();
            for (name, _) in list(&suite, parent).await {
                let (client, name) = (operators(&suite), format!("{parent}/operators/{name}"));
                leaving.spawn(async move { delete(client, &name).await });
            }
            let refused: Vec<_> = leaving.join_all().await.into_iter().filter_map(Result::err).collect();
            assert_eq!(refused.len(), 1, "{refused:?}");
            is_last_owner(&refused[0]);
            assert_eq!(list(&suite, parent).await.len(), 1);
        }
    }
    suite.finish().await;
}

async fn a_repeat_gets_the_first_answer(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let request = CreateOperatorRequest {
        operator_id: String::new(),
        request_id: "r1".to_owned(),
        ..operator("accounts/shop", "li-na", Role::Owner)
    };
    let first = operators(&suite).create_operator(request.clone()).await.unwrap().into_inner();
    assert_eq!(operators(&suite).create_operator(request).await.unwrap().into_inner(), first);
    add(&suite, "accounts/shop", "omar", Role::Owner).await;
    let request = DeleteOperatorRequest {
        name: "accounts/shop/operators/omar".to_owned(),
        request_id: "r2".to_owned(),
    };
    for _ in 0..2 {
        operators(&suite).delete_operator(request.clone()).await.unwrap();
    }
    suite.finish().await;
}

async fn mistakes_are_named(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let with = |change: fn(&mut Operator)| {
        let mut request = operator("accounts/shop", "li-na", Role::Owner);
        change(request.operator.as_mut().unwrap());
        request
    };
    let wrong = [
        (with(|it| it.role = 0), "operator.role"),
        (with(|it| it.role = 9), "operator.role"),
        (with(|it| it.subject = String::new()), "operator.subject"),
        (with(|it| it.subject = "li ".to_owned()), "operator.subject"),
        (with(|it| it.subject = "li\n".to_owned()), "operator.subject"),
        (with(|it| it.display_name = " ".to_owned()), "operator.display_name"),
    ];
    for (request, field) in wrong {
        let status = operators(&suite).create_operator(request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    for parent in ["accounts/nobody", "enterprises/nobody"] {
        let status = operators(&suite).create_operator(operator(parent, "li-na", Role::Owner)).await;
        assert_eq!(status.unwrap_err().code(), Code::NotFound);
        let request = ListOperatorsRequest { parent: parent.to_owned(), ..ListOperatorsRequest::default() };
        assert_eq!(operators(&suite).list_operators(request).await.unwrap_err().code(), Code::NotFound);
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_repeat_gets_the_first_answer,
    mistakes_are_named,
    of_owners_who_leave_at_once_one_stays,
    people_come_and_go,
    somebody_owns_it,
    who_was_removed_lets_nobody_in,
);
