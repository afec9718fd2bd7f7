//! The real file of 69,659 purchases, where it is there.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use super::{args, now};
use crate::import::{
    ShiftTo,
    digest::row_digest,
    interpret::{Interpreter, Meaning},
    scan::scan,
    shift::days_to,
    source::Source,
};

#[test]
fn the_cdnow_file_is_read_in_full() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cdnow/CDNOW_master.txt");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let mut args = args("--format cdnow f");
    args.file = path;
    let interpreter = Interpreter::new(&args);
    let scan = scan(Source::open(&args).unwrap(), &interpreter, now(), 20).unwrap();
    assert_eq!((scan.rows, scan.bad_rows), (69_659, 0));
    let latest = scan.latest.unwrap();
    assert_eq!(latest.to_string(), "1998-06-29T16:00:00Z");
    let days = days_to(ShiftTo::Now, latest, now(), &args.time_zone).unwrap();

    let (mut gmv, mut quantity, mut zero_orders, mut equal_rows) = (0, 0, 0, 0);
    let (mut customers, mut event_ids) = (HashSet::new(), HashSet::new());
    let mut rows: HashMap<u128, u32> = HashMap::new();
    let mut source = Source::open(&args).unwrap();
    while let Some(row) = source.next().unwrap() {
        let seen = rows.entry(row_digest(&row.bytes)).or_default();
        equal_rows += u32::from(*seen > 0);
        *seen += 1;
        let Meaning::Event(event) = interpreter.read(row.line, &row.cells.unwrap()).unwrap() else {
            panic!()
        };
        let (order, _) = event.moved(days, &args.time_zone, now()).unwrap();
        let purchase = order.purchase.unwrap();
        gmv += purchase.amount_minor;
        quantity += purchase.quantity;
        zero_orders += u32::from(purchase.amount_minor == 0);
        customers.insert(order.user);
        event_ids.insert(order.event_id);
    }
    assert_eq!((gmv, quantity), (250_031_563, 167_881));
    assert_eq!((customers.len(), event_ids.len()), (23_570, 69_659));
    assert_eq!((equal_rows, zero_orders), (255, 80));
}
