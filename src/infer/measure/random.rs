//! Numbers that look drawn and are not: the same seed gives the same ones, in whatever order seeds are asked.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Copy, Debug)]
pub struct Draws(u64);

impl Draws {
    /// Begins at a seed made of several numbers.
    pub fn new(parts: &[u64]) -> Self {
        let mut draws = Self(0x0005_eed0_0f00_7b17);
        for part in parts {
            draws.0 ^= *part;
            draws.0 = draws.bits();
        }
        draws
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// The next number in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next normal number, as near as the sum of twelve uniform ones comes to it.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_and_repeat() {
        let draw = |seed: u64| {
            let mut draws = Draws::new(&[seed, 7]);
            (0..1000).map(|_| draws.normal()).collect::<Vec<_>>()
        };
        let found = draw(1);
        assert_eq!(found, draw(1));
        assert_ne!(found, draw(2));
        let mean = found.iter().sum::<f64>() / 1000.0;
        let spread = found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.15 && (spread - 1.0).abs() < 0.15, "{mean} {spread}");
    }
}
