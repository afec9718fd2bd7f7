//! Many fans at once, as the service would have left them: about one in a hundred falls a tier each day.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
};

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Micros;
use siyu_db::{Db, Statement, on_db};
use siyu_tests::{Engine, installation::Installation};

use crate::machine::data_folder;

/// The moment at which the data is true: 2026-03-01T00:00:00Z.
pub(crate) const NOW: Micros = Micros::from_seconds(1_772_323_200);
/// The rules of version 0: half-life, and the scores at which fans fall.
pub(crate) const HALF_LIFE: f64 = 30.0 * 86_400e6;
const FAVORABLE_LEAVE: f64 = 20.0;
const TRUE_LOVE_LEAVE: f64 = 70.0;

/// So many different histories; fans share them.
const SHAPES: i64 = 100_003;
/// Of all fans 40 % stand where they can fall, each within the next 40 days.
const FALL_WITHIN: f64 = 40.0 * 86_400e6;
/// Their last interaction was at most so long ago.
const MOST_AGE: f64 = 25.0 * 86_400e6;
/// Changes whenever the data would.
const VERSION: u32 = 3;

const SHAPE_TABLE: &str = "CREATE TEMPORARY TABLE shape (place BIGINT PRIMARY KEY, following BIGINT, tier TEXT, \
                           score DOUBLE PRECISION, score_time BIGINT, next_change_at BIGINT)";
const FILL_SHAPES: Statement = Statement {
    name: "FILL_SHAPES",
    sqlite: "INSERT INTO shape SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 \
             FROM json_each($1)",
    postgres: "INSERT INTO shape SELECT (value->>0)::BIGINT, (value->>1)::BIGINT, value->>2, \
               (value->>3)::DOUBLE PRECISION, (value->>4)::BIGINT, (value->>5)::BIGINT \
               FROM jsonb_array_elements($1::JSONB) AS input(value)",
};
const ACCOUNT: &str = "INSERT INTO account (account_id, last_ordinal, last_change, last_tag, rules_version, \
                       lifecycle_version) VALUES ($1, $2, 0, 0, 0, 0)";

macro_rules! fill_fans {
    ($numbers:literal) => {
        concat!(
            "INSERT INTO fan (account_id, ordinal, user_id, following, follow_time, follow_event_id, tier, tier_since, \
             score, score_time, next_change_at, rules_version, first_time, last_time, interaction_count, \
             active_count, last_active_time, share_count, last_share_time) \
             SELECT $1, n, 'u' || (1000000000 + n), following, CASE following WHEN 1 THEN score_time END, \
             CASE following WHEN 1 THEN 'follow' END, tier, score_time, score, score_time, next_change_at, 0, \
             score_time, score_time, 10, n % 7, CASE WHEN n % 7 > 0 THEN score_time END, n % 3 / 2, \
             CASE n % 3 WHEN 2 THEN score_time END FROM ",
            $numbers,
            " CROSS JOIN shape WHERE shape.place = (n * 48271 + $3) % 100003"
        )
    };
}
const FILL_FANS: Statement = Statement {
    name: "FILL_FANS",
    sqlite: fill_fans!(
        "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2) \
         SELECT n FROM numbers)"
    ),
    postgres: fill_fans!("generate_series(1::BIGINT, $2::BIGINT) AS numbers(n)"),
};

/// A database with `count` fans of so many accounts, `many-0` and following. On SQLite it is a copy of a file that is kept
/// between runs.
pub(crate) async fn load(engine: Engine, count: i64, accounts: i64) -> anyhow::Result<(Installation, Db)> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let file = installation.folder().join("crm.db");
    let kept = data_folder()?.join(format!("fans-{count}-{accounts}-{:016x}.db", digest()));
    if engine == Engine::Sqlite && kept.exists() {
        fs::copy(&kept, &file)?;
        let db = installation.open_crm().await?;
        return Ok((installation, db));
    }
    let db = installation.open_crm().await?;
    fill(&db, count, accounts).await?;
    match &db {
        Db::Postgres(pool) => {
            // Otherwise it would do both in the middle of what is measured.
            sqlx::query("VACUUM (ANALYZE) fan").execute(pool).await?;
            sqlx::query("CHECKPOINT").execute(pool).await?;
            Ok((installation, db))
        }
        Db::Sqlite { .. } => {
            db.close().await;
            let draft = kept.with_extension("draft");
            fs::copy(&file, &draft)?;
            fs::rename(&draft, &kept)?;
            let db = installation.open_crm().await?;
            Ok((installation, db))
        }
    }
}

/// Names the data: another schema or another make is another file.
fn digest() -> u64 {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    for migration in siyu_crm::migrations() {
        migration.sqlite.hash(&mut hasher);
    }
    hasher.finish()
}

async fn fill(db: &Db, count: i64, accounts: i64) -> anyhow::Result<()> {
    let shapes = serde_json::to_string(&shapes())?;
    let mut tx = db.begin().await?;
    on_db!(&mut tx, |conn| sqlx::query(SHAPE_TABLE).execute(conn).await.map(drop))?;
    let (fill_shapes, fill_fans) = (tx.pick(FILL_SHAPES), tx.pick(FILL_FANS));
    on_db!(&mut tx, |conn| sqlx::query(fill_shapes).bind(&shapes).execute(conn).await.map(drop))?;
    for number in 0..accounts {
        let (account_id, fans) = (format!("many-{number}"), count / accounts);
        on_db!(&mut tx, |conn| sqlx::query(ACCOUNT)
            .bind(&account_id)
            .bind(fans)
            .execute(conn)
            .await
            .map(drop))?;
        on_db!(&mut tx, |conn| sqlx::query(fill_fans)
            .bind(&account_id)
            .bind(fans)
            .bind(number * 7)
            .execute(conn)
            .await
            .map(drop))?;
    }
    on_db!(&mut tx, |conn| sqlx::query("DROP TABLE shape").execute(conn).await.map(drop))?;
    Ok(tx.commit().await?)
}

/// Place, following, tier, score, score time, next change.
type Shape = (i64, i64, &'static str, f64, i64, Option<i64>);

fn shapes() -> Vec<Shape> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    (0..SHAPES).map(|place| shape(place, &mut random)).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a time span of some weeks")]
fn shape(place: i64, random: &mut ChaCha8Rng) -> Shape {
    let age = random.random_range(0.0..MOST_AGE);
    let score_time = NOW.0 - age as i64;
    let (tier, leave) = match random.random_range(0..10) {
        0..3 => return (place, 0, "potential", random.random_range(0.0..60.0), score_time, None),
        3..6 => return (place, 1, "passerby", random.random_range(5.0..29.0), score_time, None),
        6..9 => ("favorable", FAVORABLE_LEAVE),
        _ => ("true_love", TRUE_LOVE_LEAVE),
    };
    let remaining = random.random_range(0.0..FALL_WITHIN);
    let score = leave * ((age + remaining) / HALF_LIFE).exp2();
    // As the service computes it: rounded up, and beyond any rounding.
    let falls_after = (HALF_LIFE * (score / leave).log2()).ceil() as i64 + 2;
    (place, 1, tier, score, score_time, Some(score_time + falls_after))
}
