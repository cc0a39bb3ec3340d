//! Decimal fractions for sprig's `addf` and its like, where 0.1 and 0.2 make 0.3.

/// Digits after the point of a quotient, as Go's `shopspring/decimal` has it.
const QUOTIENT_DIGITS: u32 = 16;

/// A fraction: a whole number of units of ten to the power of minus `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    units: i128,
    scale: u32,
}

/// An operation on two fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Computes in decimals, or in binary where the numbers are too large for that; `None` is a division by zero.
pub(super) fn compute(left: f64, operation: Operation, right: f64) -> Option<f64> {
    if operation == Operation::Divide && right == 0.0 {
        return None;
    }
    let exact =
        Decimal::of(left).zip(Decimal::of(right)).and_then(|(left, right)| left.with(operation, right));
    Some(exact.map_or_else(|| binary(left, operation, right), Decimal::number))
}

fn binary(left: f64, operation: Operation, right: f64) -> f64 {
    match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
    }
}

impl Decimal {
    fn of(number: f64) -> Option<Self> {
        let text = number.is_finite().then(|| number.to_string())?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        Some(Self { units: format!("{whole}{fraction}").parse().ok()?, scale: fraction.len() as u32 })
    }

    fn number(self) -> f64 {
        let scale = i32::try_from(self.scale).unwrap_or(i32::MAX);
        format!("{}e-{scale}", self.units).parse().unwrap_or(f64::NAN)
    }

    fn units_at(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn with(self, operation: Operation, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        match operation {
            Operation::Add => {
                Some(Self { units: self.units_at(scale)?.checked_add(other.units_at(scale)?)?, scale })
            }
            Operation::Subtract => {
                Some(Self { units: self.units_at(scale)?.checked_sub(other.units_at(scale)?)?, scale })
            }
            Operation::Multiply => Some(Self {
                units: self.units.checked_mul(other.units)?,
                scale: self.scale.checked_add(other.scale)?,
            }),
            Operation::Divide => self.divided_by(other),
        }
    }

    /// Divides and rounds half away from zero.
    fn divided_by(self, other: Self) -> Option<Self> {
        let dividend = self.units_at(self.scale.max(other.scale) + QUOTIENT_DIGITS)?;
        let divisor = other.units_at(self.scale.max(other.scale))?;
        let quotient = dividend.checked_div(divisor)?;
        let twice = (dividend % divisor).checked_mul(2)?.checked_abs()?;
        let away = if twice >= divisor.checked_abs()? { dividend.signum() * divisor.signum() } else { 0 };
        Some(Self { units: quotient + away, scale: QUOTIENT_DIGITS })
    }
}
