//! Bitmaps of ordinals, as they are stored and sent.

use roaring::RoaringBitmap;
use siyu_db::DbError;

/// An ordinal as bitmaps have it.
pub(crate) fn dense(ordinal: i64) -> Result<u32, DbError> {
    u32::try_from(ordinal).map_err(|_| DbError::broken(format!("ordinal {ordinal}")))
}

/// The bitmap of some ordinals.
pub(crate) fn from_ordinals(ordinals: impl IntoIterator<Item = i64>) -> Result<RoaringBitmap, DbError> {
    ordinals.into_iter().map(dense).collect()
}

/// Ordinals of a piece: at most 16 containers of 8 KiB.
const PIECE: u32 = 1 << 20;

/// The number of the piece that an ordinal is in.
pub(crate) fn piece_of(ordinal: u32) -> i64 {
    i64::from(ordinal / PIECE)
}

/// A bitmap in pieces that are small enough for a row and for a message of a stream, each with its number.
pub(crate) fn pieces(fans: &RoaringBitmap) -> impl Iterator<Item = (i64, RoaringBitmap)> + '_ {
    let last = fans.max().map_or(0, |max| max / PIECE + 1);
    (0..last).filter_map(move |number| {
        let mut piece = RoaringBitmap::new();
        piece.insert_range(number * PIECE..=number * PIECE + (PIECE - 1));
        piece &= fans;
        (!piece.is_empty()).then_some((i64::from(number), piece))
    })
}

/// A bitmap in the portable format, as small as it can be.
pub(crate) fn to_bytes(fans: &RoaringBitmap) -> Vec<u8> {
    let mut fans = fans.clone();
    fans.optimize();
    let mut bytes = Vec::with_capacity(fans.serialized_size());
    // Writing to memory cannot fail.
    fans.serialize_into(&mut bytes).unwrap_or_default();
    bytes
}

/// A bitmap from the portable format.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<RoaringBitmap, DbError> {
    RoaringBitmap::deserialize_from(bytes).map_err(|error| DbError::broken(format!("ordinals: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_and_make_the_whole() {
        let dense =
            RoaringBitmap::from_sorted_iter((1..3_000_000).filter(|ordinal| ordinal % 3 != 0)).unwrap();
        let sparse: RoaringBitmap = [1, PIECE - 1, PIECE, 100 * PIECE, u32::MAX].into();
        for fans in [dense, sparse, RoaringBitmap::new()] {
            let mut together = RoaringBitmap::new();
            for (number, piece) in pieces(&fans) {
                assert!(piece.iter().all(|ordinal| piece_of(ordinal) == number));
                let bytes = to_bytes(&piece);
                assert!(bytes.len() < 140_000, "{}", bytes.len());
                together |= from_bytes(&bytes).unwrap();
            }
            assert_eq!(together, fans);
        }
    }
}
