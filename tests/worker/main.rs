//! A process for tests to kill; see `siyu_tests::events`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    siyu_tests::events::worker::run(std::env::args().skip(1).collect()).await
}
