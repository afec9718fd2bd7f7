//! The schemas and the SQL of every service, on both databases.

use siyu_db::{Db, Migration, OpenOptions, Schema, Statement, prepare, read_schema};
use siyu_tests::{Engine, TestSuite};

struct Service {
    name: &'static str,
    migrations: fn() -> Vec<Migration>,
    statements: fn() -> Vec<Statement>,
}

const SERVICES: [Service; 5] = [
    Service {
        name: "accounts",
        migrations: siyu_accounts::migrations,
        statements: siyu_accounts::statements,
    },
    Service { name: "crm", migrations: siyu_crm::migrations, statements: siyu_crm::statements },
    Service {
        name: "subscriptions",
        migrations: siyu_subscriptions::migrations,
        statements: siyu_subscriptions::statements,
    },
    Service {
        name: "messaging",
        migrations: siyu_messaging::migrations,
        statements: siyu_messaging::statements,
    },
    Service { name: "groups", migrations: siyu_groups::migrations, statements: siyu_groups::statements },
];

async fn open(suite: &TestSuite, service: &Service) -> Db {
    let url = match service.name {
        "accounts" => suite.config.accounts_database_url(),
        "crm" => suite.config.crm_database_url(),
        "subscriptions" => suite.config.subscriptions_database_url(),
        "messaging" => suite.config.messaging_database_url(),
        _ => suite.config.groups_database_url(),
    };
    Db::open(&OpenOptions { url, max_connections: 2 }, &(service.migrations)()).await.unwrap()
}

async fn every_statement_can_be_prepared(suite: TestSuite) {
    for service in &SERVICES {
        let db = open(&suite, service).await;
        let statements = (service.statements)();
        assert!(!statements.is_empty());
        for statement in statements {
            let mut tx = db.begin().await.unwrap();
            if let Err(error) = prepare(&mut tx, statement).await {
                panic!("{} {}: {error:?}\n{}", service.name, statement.name, tx.pick(statement));
            }
        }
        db.close().await;
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(every_statement_can_be_prepared);

async fn schemas_of(suite: &TestSuite) -> Vec<Schema> {
    let mut schemas = Vec::new();
    for service in &SERVICES {
        let db = open(suite, service).await;
        let mut tx = db.begin_read().await.unwrap();
        schemas.push(read_schema(&mut tx).await.unwrap());
        drop(tx);
        db.close().await;
    }
    schemas
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_schema() {
    let sqlite = TestSuite::start(Engine::Sqlite).await.unwrap().unwrap();
    let Some(postgres) = TestSuite::start(Engine::Postgres).await.unwrap() else { return };
    let (of_sqlite, of_postgres) = (schemas_of(&sqlite).await, schemas_of(&postgres).await);
    assert!(of_sqlite.iter().all(|schema| !schema.is_empty()));
    assert_eq!(of_sqlite, of_postgres);
    sqlite.finish().await;
    postgres.finish().await;
}
