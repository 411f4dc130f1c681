//! Databases that hold a mirror's schema.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chaincore_postgres::{Database, Server};
use sqlx::Connection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;

pub fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations")
}

/// Runs all migrations on a database; what is there already stays.
pub fn migrate(url: &str) -> Result<(), MigrateError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs nothing but memory");
    runtime.block_on(async {
        let mut migrator = Migrator::new(migrations()).await?;
        migrator.create_schema("chaincore");
        migrator.dangerous_set_table_name("chaincore._sqlx_migrations");
        let mut connection = PgConnection::connect(url).await?;
        migrator.run_direct(None, &mut connection, false).await?;
        connection.close().await?;
        Ok(())
    })
}

/// A new database of the shared server with the schema and nothing else.
pub fn database(hint: &str) -> Database {
    static TEMPLATE: LazyLock<Database> = LazyLock::new(|| {
        let database = Server::shared().database("template");
        migrate(&database.url).expect("the migrations are right");
        database
    });
    TEMPLATE.copy(hint)
}

/// A new database with the chain of `chain.sql`.
pub fn chain(hint: &str) -> Database {
    static TEMPLATE: LazyLock<Database> = LazyLock::new(|| {
        let database = database("chain");
        database.sql(include_str!("chain.sql")).expect("the chain is right");
        database
    });
    TEMPLATE.copy(hint)
}
