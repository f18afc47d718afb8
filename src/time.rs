//! The time as a value. Functions take it as an argument, so that tests can set it.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// A point in time, in whole milliseconds since the Unix epoch (UTC, no leap seconds), like `Date.now()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Returns the time `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the time `seconds` seconds after the Unix epoch, saturating. `seconds` is a `NumericDate` of RFC 7519.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns the time of a date (year, month, day) and time of day (hours, minutes, seconds) in UTC, at least the
    /// Unix epoch. Returns `None` if the date or the time of day does not exist.
    #[must_use]
    pub fn from_utc(date: (u64, u64, u64), (hour, minute, second): (u64, u64, u64)) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(date)?;
        Some(Self::from_seconds(
            days.checked_sub(EPOCH).map_or(0, |days| ((days * 24 + hour) * 60 + minute) * 60 + second),
        ))
    }

    /// Parses a date and time of RFC 3339, with a zone and without a leap second. Fractions are truncated to
    /// milliseconds.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0, |sum, digit| Some(sum * 10 + u64::from(char::from(*digit).to_digit(10)?)))
        };
        let (&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't', time @ ..], rest) =
            text.as_bytes().split_first_chunk::<19>()?
        else {
            return None;
        };
        let &[h1, h2, b':', n1, n2, b':', s1, s2] = &time else { return None };
        let date = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
        let moment = Self::from_utc(date, (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?))?;
        let (fraction, zone) = match rest.strip_prefix(b".") {
            Some(rest) => rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count()),
            None => (b"0".as_slice(), rest),
        };
        let digit = |index: usize| fraction.get(index).copied().unwrap_or(b'0');
        let millis = number(&[*fraction.first()?, digit(1), digit(2)])?;
        let moment = moment.plus(Duration::from_millis(millis));
        match *zone {
            [b'Z' | b'z'] => Some(moment),
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
                let offset = Duration::from_secs((hours * 60 + minutes) * 60);
                let ahead = sign == b'+';
                (hours <= 23 && minutes <= 59).then(|| if ahead { moment.minus(offset) } else { moment.plus(offset) })
            }
            _ => None,
        }
    }

    /// Returns the milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Returns the time in whole seconds in the format of RFC 3339: `2024-05-03T12:34:56Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        format!("{self}Z")
    }

    /// Returns the time `duration` later, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// Returns the time `duration` earlier, at least the Unix epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// Returns the time since `earlier`; zero if it is not in the past (clocks may be set back).
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Returns a duration in whole milliseconds, saturating.
#[must_use]
pub fn millis_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns `2024-05-03T12:34:56`, UTC, the format of Graph's `innerError.date`.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0 / 1000;
        let (year, month, day) = civil_from_days(seconds / 86_400 + EPOCH);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// 1970-01-01 in days since 0000-03-01.
const EPOCH: u64 = 719_468;

/// Returns year, month and day of the Gregorian calendar for days since 0000-03-01: Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>). It counts years from March, so that the leap day is the
/// last day of a year.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Returns days since 0000-03-01, the inverse of [`civil_from_days`]. Returns `None` if the day does not exist or is
/// earlier.
fn days_from_civil((year, month, day): (u64, u64, u64)) -> Option<u64> {
    let year_from_march = year.checked_sub(u64::from(month <= 2))?;
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_800_years_convert_back_and_invalid_dates_are_rejected() {
        for days in 0..800 * 366 {
            let date = civil_from_days(days + EPOCH);
            assert_eq!(Timestamp::from_utc(date, (0, 0, 0)), Some(Timestamp::from_seconds(days * 86_400)), "{date:?}");
        }
        for date in [(2027, 2, 29), (2100, 2, 29), (2027, 0, 1), (2027, 13, 1), (2027, 4, 31), (2027, 1, 0), (0, 1, 1)]
        {
            assert_eq!(Timestamp::from_utc(date, (0, 0, 0)), None, "{date:?}");
        }
    }

    #[test]
    fn timestamp_is_formatted_as_graph_date() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_714_739_696, "2024-05-03T12:34:56"),
            (1_735_689_599, "2024-12-31T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(Timestamp::from_seconds(seconds).to_string(), expected);
        }
    }

    #[test]
    fn rfc3339_time_is_parsed_with_zone_and_other_formats_are_rejected() {
        for (text, millis) in [
            ("2024-05-03T12:34:56Z", 1_714_739_696_000),
            ("2024-05-03t12:34:56z", 1_714_739_696_000),
            ("2024-05-03T14:34:56+02:00", 1_714_739_696_000),
            ("2024-05-03T07:04:56-05:30", 1_714_739_696_000),
            ("2024-05-03T12:34:56-00:00", 1_714_739_696_000),
            ("2024-05-03T12:34:56.7Z", 1_714_739_696_700),
            ("2024-05-03T12:34:56.78Z", 1_714_739_696_780),
            ("2024-05-03T12:34:56.7891234Z", 1_714_739_696_789),
            ("1970-01-01T00:00:00+23:59", 0),
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "2024-05-03",
            "2024-05-03T12:34:56",
            "2024-05-03 12:34:56Z",
            "2024-05-03T12:34Z",
            "2024-05-03T12:34:56.Z",
            "2024-05-03T12:34:56,7Z",
            "2024-05-03T12:34:56ZZ",
            "2024-05-03T12:34:56+0200",
            "2024-05-03T12:34:56+02",
            "2024-05-03T12:34:56+24:00",
            "2024-05-03T12:34:56+02:60",
            "2024-02-30T12:34:56Z",
            "2024-05-03T24:00:00Z",
            "2024-05-03T12:34:60Z",
            "+024-05-03T12:34:56Z",
            "2024-05-03T12:34:56\u{e9}",
            "05/03/2024 12:34:56",
            "1714739696",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn age_is_zero_after_clock_step_back() {
        let now = Timestamp::from_seconds(10);
        assert_eq!(now.since(now.plus(Duration::from_secs(1))), Duration::ZERO);
    }
}
