//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds, with the clock's fraction; 0 where the clock stands before 1970.
pub(crate) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
