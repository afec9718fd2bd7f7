use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::reach::shared::Persons;

statements! {
    FIND = ["SELECT person.user_id, person.number FROM ", lookup("person", "user_id", "TEXT", 1), ""];
    INSERT = ["INSERT INTO person (user_id, number) SELECT input.value->>0, CAST(input.value->>1 AS BIGINT) FROM ", rows(1), ""];
    PAGES = ["SELECT person_page.page, person_page.numbers FROM ", lookup("person_page", "page", "BIGINT", 2),
             " AND person_page.account_id = $1"];
    SAVE_PAGE = "INSERT INTO person_page (account_id, page, numbers) VALUES ($1, $2, $3) \
                 ON CONFLICT (account_id, page) DO UPDATE SET numbers = excluded.numbers";
}

/// The numbers of those of the users who have one, in no order.
pub(crate) async fn find(tx: &mut Tx, user_ids: &[&str]) -> Result<Vec<(String, i64)>, DbError> {
    let text = tx.pick(FIND);
    let ids = rows(user_ids.iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(ids).fetch_all(conn).await)
}

/// Stores the numbers of users who had none.
pub(crate) async fn insert(tx: &mut Tx, persons: &[(String, i64)]) -> Result<(), DbError> {
    if persons.is_empty() {
        return Ok(());
    }
    let text = tx.pick(INSERT);
    let persons = rows(persons)?;
    on_db!(tx, |conn| sqlx::query(text).bind(persons).execute(conn).await.map(drop))
}

/// Who the fans of an account are, of some pages.
pub(crate) async fn pages(tx: &mut Tx, account_id: &str, pages: &[u32]) -> Result<Persons, DbError> {
    let text = tx.pick(PAGES);
    let pages = rows(pages.iter().map(|page| [page]))?;
    let found: Vec<(i64, Vec<u8>)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(pages).fetch_all(conn).await)?;
    let mut persons = Persons::default();
    for (page, bytes) in found {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let page = u32::try_from(page).ok().filter(|_| rest.is_empty());
        let page = page.ok_or_else(|| DbError::broken("a page of persons".to_owned()))?;
        persons.insert_page(page, numbers.iter().copied().map(u32::from_le_bytes).collect());
    }
    Ok(persons)
}

/// Stores pages as they are now.
pub(crate) async fn save_pages(tx: &mut Tx, account_id: &str, persons: &Persons) -> Result<(), DbError> {
    for (page, numbers) in persons.pages() {
        let text = tx.pick(SAVE_PAGE);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        on_db!(&mut *tx, |conn| sqlx::query(text)
            .bind(account_id)
            .bind(i64::from(page))
            .bind(bytes)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}
