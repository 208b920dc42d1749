//! Moments and lengths of time as plain numbers: the engine has no clock, time is an argument.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads RFC 3339 text, as GitHub writes it (`2026-11-21T10:00:00Z`).
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|moment| Self(moment.as_millisecond()))
    }

    /// Time passed from `earlier` to this moment; zero if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 text with whole seconds, as GitHub writes it.
    pub fn seconds_text(self) -> String {
        let whole = self.0.div_euclid(1000);
        jiff::Timestamp::from_second(whole).map_or_else(|_| whole.to_string(), |moment| moment.to_string())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => self.0.fmt(f),
        }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A length of time written with a unit: `3s`, `20m`, `2h`, `500ms`, `1d`; `none` is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// Reads text with a unit. A bare number is refused, since nobody can tell what it counts.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(Duration::ZERO));
        }
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_at);
        let milliseconds = match unit.trim() {
            "ms" => 1,
            "s" | "sec" | "seconds" => 1000,
            "m" | "min" | "minutes" => 60_000,
            "h" | "hours" => 3_600_000,
            "d" | "days" => 86_400_000,
            _ => {
                return Err(format!(
                    "`{text}` is no length of time; write a number with its unit, as in `45s`, `20m` or `2h`"
                ));
            }
        };
        let count: u64 =
            digits.parse().map_err(|_| format!("`{text}` is no length of time; write it as `45s`, `20m` or `2h`"))?;
        count
            .checked_mul(milliseconds)
            .filter(|total| *total <= SPAN_MILLISECONDS_MAX)
            .map(|total| Self(Duration::from_millis(total)))
            .ok_or_else(|| format!("`{text}` is longer than a year"))
    }
}

/// The longest length of time anybody may write: one year.
const SPAN_MILLISECONDS_MAX: u64 = 366 * 86_400_000;

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if milliseconds >= size && milliseconds.is_multiple_of(size) {
                return write!(f, "{}{unit}", milliseconds / size);
            }
        }
        write!(f, "{milliseconds}ms")
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_unit_and_print_their_shortest_form() {
        for (text, printed) in
            [("90s", "90s"), ("120s", "2m"), ("2h", "2h"), ("500ms", "500ms"), ("none", "0ms"), ("48h", "2d")]
        {
            assert_eq!(Span::parse(text).expect(text).to_string(), printed);
        }
        for wrong in ["", "5", "5 parsecs", "-3s", "99999999999h"] {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn timestamps_read_what_they_write() {
        let moment = Timestamp::parse("2026-11-21T10:00:00Z").expect("RFC 3339");
        assert_eq!(moment.seconds_text(), "2026-11-21T10:00:00Z");
        assert_eq!((moment + Duration::from_millis(1500)).since(moment), Duration::from_millis(1500));
        assert_eq!(moment.since(moment + Duration::from_secs(1)), Duration::ZERO);
    }
}
