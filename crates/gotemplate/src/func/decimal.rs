//! Decimal arithmetic as `shopspring/decimal` does it: exact, but for quotients, which have 16 places.

use num_bigint::{BigInt, Sign};

use crate::error::Fault;
use crate::float;

/// The places of a quotient.
const PLACES: i64 = 16;

/// A whole number times a power of ten.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    digits: BigInt,
    exponent: i64,
}

impl Decimal {
    /// The shortest decimal that reads as this float.
    pub(super) fn from_float(number: f64) -> Result<Self, Fault> {
        if !number.is_finite() {
            let shown = float::format(number, b'g', None, 64);
            let shown = String::from_utf8_lossy(&shown);
            return Err(Fault::new(format!("Cannot create a Decimal from {shown}")));
        }
        let text = float::shortest(number, 64);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().unwrap_or_default();
        let exponent = exponent.parse::<i64>().unwrap_or_default() - fraction.len() as i64;
        Ok(Self { digits, exponent })
    }

    /// How many bits its digits take.
    pub(super) fn bits(&self) -> u64 {
        self.digits.bits()
    }

    /// The float that is nearest.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or_default()
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.scaled(exponent) + other.scaled(exponent), exponent }
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.scaled(exponent) - other.scaled(exponent), exponent }
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        Self { digits: &self.digits * &other.digits, exponent: self.exponent + other.exponent }
    }

    /// Rounded to 16 places, half away from zero.
    pub(super) fn div(&self, other: &Self) -> Result<Self, Fault> {
        if other.digits.sign() == Sign::NoSign {
            return Err(Fault::from("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + PLACES;
        let (dividend, divisor) = if shift < 0 {
            (self.digits.clone(), &other.digits * power(-shift))
        } else {
            (&self.digits * power(shift), other.digits.clone())
        };
        let quotient = &dividend / &divisor;
        let rest = &dividend - &quotient * &divisor;
        let negative = (dividend.sign() == Sign::Minus) != (divisor.sign() == Sign::Minus);
        let away = if negative { -1 } else { 1 };
        let up = rest.magnitude() * 2u32 >= *divisor.magnitude();
        Ok(Self { digits: if up { quotient + away } else { quotient }, exponent: -PLACES })
    }

    /// The digits for an exponent that is not greater.
    fn scaled(&self, exponent: i64) -> BigInt {
        &self.digits * power(self.exponent - exponent)
    }
}

fn power(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact() {
        let sum = Decimal::from_float(0.1).unwrap().add(&Decimal::from_float(0.2).unwrap());
        assert_eq!(sum.to_float(), 0.3);
    }

    #[test]
    fn quotients_have_sixteen_places() {
        let quotient = Decimal::from_float(-2.0).unwrap().div(&Decimal::from_float(3.0).unwrap()).unwrap();
        assert_eq!(quotient.digits.to_string(), "-6666666666666667");
    }
}
