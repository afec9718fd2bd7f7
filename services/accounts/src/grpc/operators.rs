//! `OperatorService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        self as pb, CreateOperatorRequest, CreateOperatorResponse, DeleteOperatorRequest,
        DeleteOperatorResponse, ListOperatorsRequest, ListOperatorsResponse, UpdateOperatorRoleRequest,
        UpdateOperatorRoleResponse, operator_service_server::OperatorService,
    },
    common::v1::Role,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, auth::role_named, time::to_proto};
use tonic::{Request, Response, Status};

use crate::{Accounts, app::NewOperator, store::operator::Operator};

#[tonic::async_trait]
impl OperatorService for Accounts {
    async fn create_operator(
        &self,
        request: Request<CreateOperatorRequest>,
    ) -> Result<Response<CreateOperatorResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let operator = request.operator.unwrap_or_default();
        let role = operator.role();
        let new = NewOperator { subject: operator.subject, display_name: operator.display_name, role };
        let operator = self.create_operator(&mutation, &request.parent, request.operator_id, new).await?;
        Ok(Response::new(CreateOperatorResponse { operator: Some(to_operator(operator)) }))
    }

    async fn list_operators(
        &self,
        request: Request<ListOperatorsRequest>,
    ) -> Result<Response<ListOperatorsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListOperators {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (operators, next_page_token) = self.list_operators(&request.parent, &page).await?;
        let operators = operators.into_iter().map(to_operator).collect();
        Ok(Response::new(ListOperatorsResponse { operators, next_page_token }))
    }

    async fn update_operator_role(
        &self,
        request: Request<UpdateOperatorRoleRequest>,
    ) -> Result<Response<UpdateOperatorRoleResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (parent, id) = parent_and_id(&request.name)?;
        let operator = self.update_operator_role(&mutation, parent, id, request.role()).await?;
        Ok(Response::new(UpdateOperatorRoleResponse { operator: Some(to_operator(operator)) }))
    }

    async fn delete_operator(
        &self,
        request: Request<DeleteOperatorRequest>,
    ) -> Result<Response<DeleteOperatorResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let (parent, id) = parent_and_id(&request.name)?;
        self.delete_operator(&mutation, parent, id).await?;
        Ok(Response::new(DeleteOperatorResponse {}))
    }
}

/// The account or company, and the id of the operator.
fn parent_and_id(name: &str) -> Result<(&str, &str), Error> {
    let rule = "must be {account or enterprise}/operators/{operator}";
    name.split_once("/operators/").ok_or_else(|| Error::invalid_field("name", rule))
}

fn to_operator(operator: Operator) -> pb::Operator {
    pb::Operator {
        name: format!("{}/operators/{}", operator.parent, operator.operator_id),
        subject: operator.subject,
        display_name: operator.display_name,
        role: role_named(&operator.role).unwrap_or(Role::Unspecified).into(),
        create_time: Some(to_proto(Micros(operator.create_time))),
        update_time: Some(to_proto(Micros(operator.update_time))),
    }
}
